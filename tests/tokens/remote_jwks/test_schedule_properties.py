"""What the schedule never does, in whatever order things happen."""

import math
from dataclasses import dataclass

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tokenward.tokens.remote_jwks.options import Settings
from tokenward.tokens.remote_jwks.schedule import Schedule


@dataclass
class Keys:
    begun: float
    life: float


class Issuer(RuleBasedStateMachine):
    """An issuer that answers or not, a program that asks often or seldom, and what must hold at every moment."""

    @initialize(
        cooldown=st.sampled_from([1.0, 30.0, 60.0]),
        timeout=st.sampled_from([0.5, 5.0, 20.0]),
        stale=st.sampled_from([0.0, 10.0, 1000.0, 86_400.0]),
    )
    def build(self, cooldown: float, timeout: float, stale: float) -> None:
        self.now = 0.0
        self.cooldown, self.timeout, self.stale = cooldown, timeout, stale
        self.shortest = math.ceil(1.25 * (cooldown + timeout))
        # The same numbers must pass the check of the options, for some of what holds below follows from it.
        Settings(
            fresh_seconds=self.shortest,
            cooldown_seconds=cooldown,
            timeout_seconds=timeout,
            stale_seconds=stale,
        )
        self.schedule = Schedule(cooldown_seconds=cooldown, stale_seconds=stale, timeout_seconds=timeout)
        self.keys: Keys | None = None
        self.begun_at: float | None = None
        self.begun_in_trust = False
        self.number = 0
        self.ended_at = -math.inf
        self.failed_at = -math.inf

    @rule(
        seconds=st.one_of(
            st.floats(0, 10), st.sampled_from([0.1, 1, 5, 29, 30, 31, 60, 240, 300, 4000, 90_000])
        )
    )
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def begin(self) -> None:
        if not self.schedule.may_begin(self.now):
            return
        if self.begun_at is not None:
            assert self.now >= self.begun_at + self.timeout + self.cooldown, "two attempts under way"
        assert self.now >= self.ended_at + self.cooldown, "an attempt within the cooldown"
        self.begun_in_trust = self.schedule.is_usable(self.now) if self.keys else False
        number = self.schedule.begin(self.now)
        assert number > self.number
        self.number, self.begun_at = number, self.now

    @precondition(lambda self: self.begun_at is not None)
    @rule(life=st.sampled_from([1.0, 2.0, 12.0]))
    def succeed(self, life: float) -> None:
        assert self.begun_at is not None
        life *= self.shortest
        assert self.schedule.succeed(self.number, self.now, life)
        self.keys = Keys(self.begun_at, life)
        # A late answer counts as if it had come in time.
        self.ended_at = min(self.now, self.begun_at + self.timeout)
        self.begun_at, self.failed_at = None, -math.inf

    @precondition(lambda self: self.begun_at is not None)
    @rule()
    def fail(self) -> None:
        assert self.schedule.fail(self.number, self.now)
        self.begun_at, self.ended_at, self.failed_at = None, self.now, self.now

    @precondition(lambda self: self.begun_at is not None)
    @rule()
    def abandon(self) -> None:
        self.schedule.abandon(self.number)
        self.begun_at, self.ended_at = None, -math.inf

    @precondition(lambda self: self.number > 0)
    @rule(age=st.integers(1, 3), good=st.booleans())
    def hear_of_an_old_attempt(self, age: int, good: bool) -> None:
        old = self.number - age if self.begun_at is not None else self.number
        before = self.schedule.quiet_until
        taken = self.schedule.succeed(old, self.now, 3600) if good else self.schedule.fail(old, self.now)
        assert not taken
        assert self.schedule.quiet_until == before

    @invariant()
    def keys_are_never_older_than_life_and_stale(self) -> None:
        if self.keys is None:
            return
        if self.now >= self.keys.begun + self.keys.life + self.stale:
            assert not self.schedule.is_usable(self.now)
        assert self.schedule.quiet_until <= self.keys.begun + self.keys.life + self.stale

    @invariant()
    def nothing_is_usable_before_the_first_success(self) -> None:
        if self.keys is None:
            assert not self.schedule.is_usable(self.now)
            assert self.schedule.quiet_until == -math.inf

    @invariant()
    def fresh_keys_are_served(self) -> None:
        if self.keys is not None and self.now < self.keys.begun + self.keys.life:
            assert self.schedule.is_usable(self.now)

    @invariant()
    def what_is_quiet_is_usable(self) -> None:
        if self.now < self.schedule.quiet_until:
            assert self.schedule.is_usable(self.now)

    @invariant()
    def old_keys_are_served_only_when_something_shows_that_the_issuer_cannot_be_reached(self) -> None:
        if self.keys is None or not self.schedule.is_usable(self.now):
            return
        grace = min(30, self.keys.life / 10)
        if self.now < self.keys.begun + self.keys.life + grace:
            return
        failed = self.now < self.failed_at + self.cooldown + grace
        asked = self.begun_at is not None and self.begun_in_trust and self.now < self.begun_at + self.timeout
        overdue = (
            self.begun_at is not None and 0 <= self.now - self.begun_at - self.timeout < self.cooldown + grace
        )
        assert failed or asked or overdue

    @invariant()
    def nobody_waits_after_a_failure_until_the_next_attempt(self) -> None:
        if self.keys is None or self.now >= self.keys.begun + self.keys.life + self.stale:
            return
        if self.failed_at <= self.now < self.failed_at + self.cooldown:
            assert self.schedule.is_usable(self.now)

    @invariant()
    def within_the_cap_there_are_keys_or_a_way_to_get_them(self) -> None:
        if self.keys is None or self.now >= self.keys.begun + self.keys.life + self.stale:
            return
        schedule = self.schedule
        assert (
            schedule.is_usable(self.now)
            or schedule.may_begin(self.now)
            or schedule.is_worth_waiting(self.now)
        )


TestSchedule = Issuer.TestCase
# A busy machine is no mistake of the schedule.
TestSchedule.settings = settings(
    max_examples=100, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
