"""When keys are fetched, served and given up: the decisions of a remote JWK Set, without clock, lock or network.

A life of keys, from the beginning of the attempt that brought them:

    |---- fresh: nothing to do ----|-- renewed beside --|- grace -|---- stale: only after a failed attempt ----|
    begun                         80 %                 end                                        end + stale

In the stale part keys are served only while something shows that the issuer cannot be reached now. A process that
slept for hours has nothing to show: it asks first, so that a key withdrawn meanwhile is not trusted (B14).
"""

import math
from typing import Final

RENEWED_AT: Final = 0.8
LONGEST_GRACE_SECONDS: Final = 30.0

_NEVER: Final = -math.inf


class Schedule:
    """Is told the time (monotonic seconds) and how attempts went, and answers what may be done.

    It does not lock: whoever shares it does. An attempt is under way from `begin` until `succeed`, `fail` or
    `abandon` is called with its number. One that is not heard of for its timeout and a cooldown more is lost: another
    may begin, and what the lost one still brings is not taken.

    `quiet_until` is the time until when the keys may be served without asking anything here.
    """

    __slots__ = (
        "_begun_at",
        "_cooldown",
        "_given_up_at",
        "_grace",
        "_next_attempt_at",
        "_number",
        "_renew_at",
        "_stale",
        "_timeout",
        "_trusted_before",
        "_trusted_until",
        "_under_way",
        "quiet_until",
    )

    def __init__(self, *, cooldown_seconds: float, stale_seconds: float, timeout_seconds: float) -> None:
        self._cooldown = cooldown_seconds
        self._stale = stale_seconds
        self._timeout = timeout_seconds
        self._grace = 0.0
        self._renew_at = _NEVER
        self._trusted_until = _NEVER
        self._trusted_before = _NEVER
        self._given_up_at = _NEVER
        self._next_attempt_at = _NEVER
        self._begun_at = _NEVER
        self._number = 0
        self._under_way = False
        self.quiet_until = _NEVER

    def is_usable(self, now: float) -> bool:
        """Whether the keys, which there must be, may be served at `now`."""
        if now >= self._given_up_at:
            return False
        if now < self._trusted_until:
            return True
        # An attempt that should have ended and has not shows as well as a failed one that nobody answers.
        overdue = now - self._begun_at - self._timeout
        return self._under_way and 0 <= overdue < self._cooldown + self._grace

    def is_worth_waiting(self, now: float) -> bool:
        """Whether an attempt is under way that can still end within its timeout."""
        return self._under_way and now < self._begun_at + self._timeout

    def may_begin(self, now: float) -> bool:
        """Whether an attempt is allowed: none under way, and a cooldown since the last one, however it went.

        A flood of tokens with invented kids must not become a flood of requests, least of all when the issuer is
        down (B10): the cooldown follows every attempt.
        """
        if self._under_way:
            return now >= self._begun_at + self._timeout + self._cooldown
        return now >= self._next_attempt_at

    def begin(self, now: float) -> int:
        """Begin an attempt, which must be allowed, and return its number."""
        self._trusted_before = self._trusted_until
        if self.is_usable(now):
            # Whoever comes while the attempt lasts is served what there is, and does not queue (B13).
            until = min(now + self._timeout, self._given_up_at)
            self._trusted_until = max(self._trusted_until, until)
            self.quiet_until = max(self.quiet_until, until)
        self._begun_at = now
        self._number += 1
        self._under_way = True
        return self._number

    def succeed(self, number: int, now: float, life_seconds: float) -> bool:
        """Say that attempt `number` brought keys that live for `life_seconds`; return whether they are to be taken."""
        if not self._ends(number):
            return False
        # Counted from the beginning of the attempt: what was withdrawn while it lasted may be in its answer.
        end = self._begun_at + life_seconds
        # An answer that came late does not move the next attempt beyond the life of what it brought.
        self._next_attempt_at = min(now, self._begun_at + self._timeout) + self._cooldown
        self._renew_at = max(self._begun_at + RENEWED_AT * life_seconds, self._next_attempt_at)
        self._grace = min(LONGEST_GRACE_SECONDS, life_seconds / 10)
        self._given_up_at = end + self._stale
        self._trusted_until = min(end + self._grace, self._given_up_at)
        self.quiet_until = min(self._renew_at, self._trusted_until)
        return True

    def fail(self, number: int, now: float) -> bool:
        """Say that attempt `number` brought nothing; return whether it was the one under way."""
        if not self._ends(number):
            return False
        self._next_attempt_at = now + self._cooldown
        self._renew_at = max(self._renew_at, self._next_attempt_at)
        # The stale keys are good until somebody has had time to begin the next attempt (B11).
        until = min(self._next_attempt_at + self._grace, self._given_up_at)
        self._trusted_until = max(self._trusted_until, until)
        self.quiet_until = min(self._renew_at, self._trusted_until)
        return True

    def abandon(self, number: int) -> None:
        """Say that attempt `number` cannot end any more, and shows nothing; another may begin at once."""
        if self._ends(number):
            self._next_attempt_at = _NEVER
            # It must not count as asked: keys would be trusted again and again by attempts that never were.
            self._trusted_until = self._trusted_before
            self.quiet_until = min(self._renew_at, self._trusted_until)

    def _ends(self, number: int) -> bool:
        if not self._under_way or number != self._number:
            return False
        self._under_way = False
        return True
