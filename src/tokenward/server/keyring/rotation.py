"""Rotation: moves each key through its states when its time has come, by itself or because somebody asked.

Every move is one unit that expects the state it found. With several processes the first one does it; the others'
units are refused, they read the ring again and see that the work is done.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from tokenward.clock import Clock
from tokenward.errors import Error
from tokenward.protocol.errors import INVALID_REQUEST, NOT_FOUND
from tokenward.server.audit import SYSTEM, Audit
from tokenward.server.keyring import ring as states
from tokenward.server.keyring.key_material import new_key_material
from tokenward.server.keyring.ring import ACCESS, REFRESH, SYMMETRIC_ALGORITHMS, KeyRing
from tokenward.server.keyring.wrapping import MasterKey
from tokenward.server.storage.interface import Storage
from tokenward.server.storage.records import KeyRecord
from tokenward.server.storage.units import Change, Outcome, Unit

# The algorithm whose key always stands in the JWK Set, so that the set is never empty.
STANDING_ALGORITHM = "ES256"
_REFRESH_ALGORITHM = "HS256"


# Scope, value and reason of a revocation record, to the change that writes it (`RevocationLog.record`).
RecordRevocation: TypeAlias = Callable[[str, str, str], Change]


class NotYet(Error):
    """A key may not sign yet, since a verifier may not have seen it."""

    code = INVALID_REQUEST
    status = 400


class UnknownKey(Error):
    """There is no such key in the ring, or it has been revoked already."""

    code = NOT_FOUND
    status = 404


class RotationPolicy(NamedTuple):
    """When keys move; lengths in seconds.

    `publish_seconds` is how long a verifier may go without seeing a new key: the JWK Set's `max-age`, plus
    `stale-while-revalidate`, plus clock skew, plus the time for which a server may serve the set
    without reading the ring again. `longest_token_seconds` is the longest life of an access token,
    `refresh_absolute_seconds` that of a session.
    """

    algorithm: str
    longest_token_seconds: int
    rotation_seconds: int
    publish_seconds: int
    clock_skew_seconds: int
    refresh_absolute_seconds: int

    @property
    def algorithms(self) -> tuple[str, ...]:
        """The algorithms for which the ring keeps an active key and a stand-by."""
        if self.algorithm in SYMMETRIC_ALGORITHMS:
            return (self.algorithm, STANDING_ALGORITHM)
        return (self.algorithm,)


class Rotation:
    """Moves the keys of one ring."""

    def __init__(
        self,
        *,
        storage: Storage,
        ring: KeyRing,
        master_key: MasterKey,
        audit: Audit,
        record_revocation: RecordRevocation,
        clock: Clock,
        policy: RotationPolicy,
    ) -> None:
        self._storage = storage
        self._ring = ring
        self._master_key = master_key
        self._audit = audit
        self._record_revocation = record_revocation
        self._clock = clock
        self.policy = policy

    async def run_due(self) -> None:
        """Do all that is due now: first keys, missing stand-bys, hand-overs, retirements.

        Safe to run in several processes at once. One pass does one step for each algorithm; what a step makes due
        is found by the next pass, so it goes on until nothing moves.
        """
        await self._read_ring()
        for _ in range(8):
            if not any(
                [await self._run_access_step(), await self._run_refresh_step(), await self._retire_due()]
            ):
                return

    async def rotate_now(self, actor: str, *, request_id: str = "") -> list[str]:
        """Hand over to the stand-by key of each algorithm, and to a fresh refresh key; return what was done.

        Raises:
            NotYet: a stand-by has not been published for long enough; nothing was changed.
        """
        await self._read_ring()
        # Those of the ring and not of the settings: a command may not see the settings of the server.
        algorithms = [key.alg for key in self._ring.in_state(ACCESS, states.ACTIVE)]
        for algorithm in algorithms:
            standby = self._standby(algorithm)
            if standby is None or not self._may_sign(standby):
                wait = (
                    "once there is one"
                    if standby is None
                    else f"in {self.signs_from(standby) - self._now()} seconds"
                )
                msg = (
                    f"The {algorithm} stand-by key may sign {wait}: before that, a verifier with a cached JWK Set may "
                    "not know it. Against a stolen key use: tokenward revoke --key KID"
                )
                raise NotYet(msg)
        done = [
            f"{algorithm}: {self._active(ACCESS, algorithm)} signs from now on"
            for algorithm in algorithms
            if await self._hand_over(algorithm, actor, request_id)
        ]
        if await self._new_refresh_key(actor, request_id):
            done.append("refresh tokens are computed under a new key from now on")
        return done

    async def revoke(self, kid: str, *, reason: str, actor: str, request_id: str = "") -> int:
        """Revoke one key at once, in an emergency; return the number of the revocation record.

        Every token the key signed is refused from the next request on. If it was the active key, the stand-by
        takes over although a verifier may not know it yet. Revoking a refresh key refuses every access token and ends
        the sessions whose refresh tokens it made.

        Raises:
            UnknownKey: no such key, or it counts for nothing any more.
        """
        await self._read_ring()
        record = self._counting(kid)
        now = self._now()
        if record.use == REFRESH:
            scope, value = "all", ""
        else:
            scope, value = "key", kid
        changes = [
            self._record_revocation(scope, value, reason),
            self._move(record, states.REVOKED, erase_private=True),
            self._audit.event(
                "key.revoked",
                actor=actor,
                at=now,
                request_id=request_id,
                detail={"kid": kid, "use": record.use, "reason": reason},
            ),
        ]
        if record.state == states.ACTIVE:
            changes += await self._successor(record)
        elif record.state == states.PENDING:
            changes.append(await self._new_key(ACCESS, record.alg, states.PENDING))
        outcome = await self._apply("revoke_key", changes)
        if not outcome.applied:
            # Somebody moved this very key in between; look again from the start.
            return await self.revoke(kid, reason=reason, actor=actor, request_id=request_id)
        return outcome.integer(0)

    def consequences(self, kid: str) -> str:
        """In words: what revoking a key would do to whom, as of the last look at the ring.

        Raises:
            UnknownKey: no such key, or it counts for nothing any more.
        """
        record = self._counting(kid)
        if record.use == REFRESH:
            return (
                "Every access token is refused, and every session whose refresh token was made with this key ends: "
                "those people have to sign in again."
            )
        if record.state == states.PENDING:
            return "The key has signed nothing yet, so nobody notices; a new stand-by takes its place."
        refused = (
            "Every access token that it signed is refused here at once; clients get new ones by refreshing."
        )
        elsewhere = (
            "An API that verifies by itself accepts them until it fetches the JWK Set again or they expire."
        )
        if record.state == states.RETIRING:
            return f"{refused} {elsewhere}"
        return (
            f"{refused} {elsewhere} The stand-by key signs from now on; an API that has not fetched the JWK Set since "
            "that key was made does not know it until it does."
        )

    def _counting(self, kid: str) -> KeyRecord:
        record = self._ring.find(kid)
        if record is None or record.state in (states.RETIRED, states.REVOKED):
            msg = f"There is no key {kid} that still counts; see: tokenward keys list"
            raise UnknownKey(msg)
        return record

    async def _successor(self, record: KeyRecord) -> list[Change]:
        if record.use == REFRESH:
            return [await self._new_key(REFRESH, _REFRESH_ALGORITHM, states.ACTIVE)]
        standby = self._standby(record.alg)
        if standby is None:
            first = await self._new_key(ACCESS, record.alg, states.ACTIVE)
        else:
            first = self._move(standby, states.ACTIVE)
        return [
            first,
            await self._new_key(ACCESS, record.alg, states.PENDING, ahead=1 if standby is None else 0),
        ]

    def _standby(self, algorithm: str) -> KeyRecord | None:
        pending = self._ring.in_state(ACCESS, states.PENDING)
        return next((record for record in pending if record.alg == algorithm), None)

    def _active(self, use: str, algorithm: str) -> str:
        active = self._ring.in_state(use, states.ACTIVE)
        return next(record.kid for record in active if record.alg == algorithm)

    def _may_sign(self, standby: KeyRecord) -> bool:
        return standby.alg in SYMMETRIC_ALGORITHMS or self._now() >= self.signs_from(standby)

    def signs_from(self, standby: KeyRecord) -> int:
        """UTC seconds from which a stand-by key may sign, because every verifier must have seen it by then."""
        # The longer of what its maker and what this process was told: a command may not see the server's settings.
        return max(standby.signs_from or 0, standby.created_at + self.policy.publish_seconds)

    async def _run_access_step(self) -> bool:
        moved = False
        for algorithm in self.policy.algorithms:
            active = next(
                (key for key in self._ring.in_state(ACCESS, states.ACTIVE) if key.alg == algorithm), None
            )
            standby = self._standby(algorithm)
            if active is None:
                moved |= await self._first_key(algorithm, standby)
            elif standby is None:
                moved |= await self._add("add_standby", ACCESS, algorithm, states.PENDING)
            elif self._age(active) >= self.policy.rotation_seconds and self._may_sign(standby):
                moved |= await self._hand_over(algorithm, SYSTEM)
        return moved

    async def _first_key(self, algorithm: str, standby: KeyRecord | None) -> bool:
        if standby is not None and self._may_sign(standby):
            return await self._hand_over(algorithm, SYSTEM)
        # Before the first JWK Set was served nobody can have cached one without this key. HMAC keys are in none.
        nobody_waits = algorithm in SYMMETRIC_ALGORITHMS or not any(
            record.use == ACCESS and record.public_jwk is not None for record in self._ring.records
        )
        if nobody_waits:
            return await self._add("add_first_key", ACCESS, algorithm, states.ACTIVE)
        return standby is None and await self._add("add_standby", ACCESS, algorithm, states.PENDING)

    async def _hand_over(self, algorithm: str, actor: str, request_id: str = "") -> bool:
        standby = self._standby(algorithm)
        if standby is None:
            return False
        old = [key for key in self._ring.in_state(ACCESS, states.ACTIVE) if key.alg == algorithm]
        detail = {"alg": algorithm, "from": [key.kid for key in old], "to": standby.kid}
        outcome = await self._apply(
            "hand_over",
            [
                *(self._move(key, states.RETIRING, erase_private=_is_key_pair(key)) for key in old),
                self._move(standby, states.ACTIVE),
                await self._new_key(ACCESS, algorithm, states.PENDING),
                self._audit.event(
                    "key.rotated", actor=actor, at=self._now(), request_id=request_id, detail=detail
                ),
            ],
        )
        return outcome.applied

    async def _run_refresh_step(self) -> bool:
        active = self._ring.in_state(REFRESH, states.ACTIVE)
        if not active:
            return await self._add("add_first_key", REFRESH, _REFRESH_ALGORITHM, states.ACTIVE)
        if self._age(active[0]) >= self.policy.rotation_seconds:
            return await self._new_refresh_key(SYSTEM)
        return False

    async def _new_refresh_key(self, actor: str, request_id: str = "") -> bool:
        old = self._ring.in_state(REFRESH, states.ACTIVE)
        outcome = await self._apply(
            "new_refresh_key",
            [
                *(self._move(key, states.VERIFY_ONLY) for key in old),
                await self._new_key(REFRESH, _REFRESH_ALGORITHM, states.ACTIVE),
                self._audit.event(
                    "key.rotated",
                    actor=actor,
                    at=self._now(),
                    request_id=request_id,
                    detail={"use": REFRESH, "from": [k.kid for k in old]},
                ),
            ],
        )
        return outcome.applied

    async def _retire_due(self) -> bool:
        last_token_gone = self.policy.longest_token_seconds + self.policy.clock_skew_seconds
        now = self._now()
        due = [
            key
            for key in self._ring.records
            if (key.state == states.RETIRING and now >= (key.retiring_at or 0) + last_token_gone)
            or (
                key.state == states.VERIFY_ONLY
                and now >= (key.retiring_at or 0) + self.policy.refresh_absolute_seconds
            )
        ]
        changes = [self._retire(key, states.RETIRED) for key in due]
        for key in self._ring.records:
            if key.use == ACCESS and key.alg not in self.policy.algorithms and self._successor_signs(key):
                if key.state == states.ACTIVE:
                    changes.append(self._move(key, states.RETIRING, erase_private=_is_key_pair(key)))
                elif key.state == states.PENDING:
                    changes.append(self._retire(key, states.RETIRED))
        if not changes:
            return False
        event = self._audit.event("key.retired", actor=SYSTEM, at=now, detail={"keys": len(changes)})
        return (await self._apply("retire_keys", [*changes, event])).applied

    def _successor_signs(self, key: KeyRecord) -> bool:
        """Whether the algorithm that replaces this key's in the settings has an active key already."""
        active = self._ring.in_state(ACCESS, states.ACTIVE)
        return any(other.alg == self.policy.algorithm for other in active if other is not key)

    def _retire(self, key: KeyRecord, state: str) -> Change:
        return self._move(key, state, erase_private=True)

    def _move(self, key: KeyRecord, to_state: str, *, erase_private: bool = False) -> Change:
        return self._storage.keys.move(
            kid=key.kid, from_state=key.state, to_state=to_state, at=self._now(), erase_private=erase_private
        )

    async def _add(self, name: str, use: str, algorithm: str, state: str) -> bool:
        change = await self._new_key(use, algorithm, state)
        detail = {"kid": change.parameters["kid"], "use": use, "alg": algorithm, "state": state}
        event = self._audit.event("key.created", actor=SYSTEM, at=self._now(), detail=detail)
        return (await self._apply(name, [change, event])).applied

    async def _new_key(self, use: str, algorithm: str, state: str, *, ahead: int = 0) -> Change:
        """A fresh key of the next free number, counted from `ahead` further on."""
        number = max((record.number for record in self._ring.records), default=0) + 1 + ahead
        kid, public_jwk, private = await new_key_material(algorithm, symmetric=use == REFRESH)
        now = self._now()
        return self._storage.keys.insert(
            KeyRecord(
                kid=kid,
                number=number,
                alg=algorithm,
                use=use,
                state=state,
                public_jwk=public_jwk,
                private_wrapped=self._master_key.wrap(private, purpose=use, key_id=kid),
                created_at=now,
                signs_from=now + self.policy.publish_seconds if public_jwk is not None else None,
                activated_at=now if state == states.ACTIVE else None,
                retiring_at=None,
                retired_at=None,
            )
        )

    async def _apply(self, name: str, changes: list[Change]) -> Outcome:
        outcome = await self._storage.apply(Unit(name, tuple(changes)))
        await self._read_ring()
        return outcome

    async def _read_ring(self) -> None:
        await self._ring.catch_up(await self._storage.position())

    def _age(self, key: KeyRecord) -> int:
        return self._now() - (key.activated_at or key.created_at)

    def _now(self) -> int:
        return int(self._clock.now())


def _is_key_pair(key: KeyRecord) -> bool:
    # The private part of a pair is needed by nobody once it no longer signs. An HMAC key still has to verify.
    return key.public_jwk is not None
