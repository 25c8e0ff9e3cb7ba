"""Sessions, one row each for ever: a refresh changes the row and inserts nothing."""

import msgspec

from tokenward.server.storage.reading import Reader
from tokenward.server.storage.records import SessionRecord, SessionState
from tokenward.server.storage.units import Change, Parameters, Row

_SESSION_COLUMNS = len(SessionRecord._fields)
_decode_roles = msgspec.json.Decoder(tuple[str, ...]).decode
_session = SessionRecord._make


class SessionStore:
    """Reads sessions and builds the changes to them.

    Every statement here that lets a session go on compares the cut-offs that the session holds with the
    current ones and asks that account and client are enabled, in the statement itself. So a thief who signs
    in or refreshes while "log out everywhere" commits gets nothing, however the two interleave.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def find(self, sid: bytes) -> SessionState | None:
        """The session with its account, its client and the head of the log, in ONE snapshot.

        Ended and expired sessions are found as well, until they are swept; the caller decides by the state.
        """
        row = await self._reader.one("sessions.find", {"sid": sid})
        return None if row is None else _state(row)

    async def page(self, after: bytes | None, limit: int, *, living_at: int) -> list[SessionRecord]:
        """At most `limit` sessions of all accounts by `sid`, beyond `after`: those neither ended nor expired then."""
        parameters: Parameters = {
            "after": after if after is not None else b"",
            "limit": limit,
            "living_at": living_at,
        }
        return [_session(row) for row in await self._reader.many("sessions.page", parameters)]

    async def page_of_account(
        self, sub: str, after: bytes | None, limit: int, *, living_at: int | None
    ) -> list[SessionRecord]:
        """At most `limit` sessions of an account by `sid`, beyond `after`: those neither ended nor expired then.

        With `living_at=None` every row that is kept, until it is swept.
        """
        parameters: Parameters = {
            "sub": sub,
            "after": after if after is not None else b"",
            "limit": limit,
            "living_at": living_at,
        }
        return [_session(row) for row in await self._reader.many("sessions.page_of_account", parameters)]

    async def count_of_key(
        self, key_number: int, after: bytes, limit: int, *, living_at: int
    ) -> tuple[int, bytes | None]:
        """Among the next `limit` sessions beyond `after`: how many live whose refresh token that key made.

        Also the `sid` to go on after, or `None` when there are no more. Cut-offs are not looked at.
        """
        parameters: Parameters = {
            "key_number": key_number,
            "after": after,
            "limit": limit,
            "living_at": living_at,
        }
        rows = await self._reader.many("sessions.slice_of_key", parameters)
        last = rows[-1][0] if len(rows) == limit else None
        return sum(row[1] == 1 for row in rows), last if isinstance(last, bytes) else None

    def insert(self, record: SessionRecord) -> Change:
        """Start a session; refused unless account and client are enabled and their cut-offs are the record's.

        The record's cut-offs must have been read before the credentials were checked. Returns the head `n`.
        Expects one row; a `sid` that exists already refuses the unit.
        """
        return Change("sessions.insert", record._asdict(), 1)

    def rotate(
        self,
        *,
        sid: bytes,
        generation: int,
        key_number: int,
        rotated_at_ms: int,
        last_seen_at: int,
        idle_expires_at: int,
        network: str,
        agent: str,
        account_cutoff: int,
        client_cutoff: int,
        now: int,
    ) -> Change:
        """Compare-and-swap `generation` to `generation + 1`, made with key `key_number`.

        Repeats every condition of a refresh: the generation is still `generation`, the session is not ended,
        at `now` neither idle- nor absolute-expired (a session expires at the second its `_expires_at` names),
        account and client are enabled, and the given cut-offs are the session's and the current ones.
        Of any number of rotations from one generation exactly one is applied. Returns the head `n`.
        Expects one row; a refusal does not say which condition failed: read again. Does not check the MAC.
        """
        parameters: Parameters = {
            "sid": sid,
            "generation": generation,
            "key_number": key_number,
            "rotated_at_ms": rotated_at_ms,
            "last_seen_at": last_seen_at,
            "idle_expires_at": idle_expires_at,
            "network": network,
            "agent": agent,
            "account_cutoff": account_cutoff,
            "client_cutoff": client_cutoff,
            "now": now,
        }
        return Change("sessions.rotate", parameters, 1)

    def end(self, sid: bytes, ended_at: int, *, rotated_at_ms: int | None = None) -> Change:
        """End a session that has not been ended; of two that do so at once one is refused.

        With `rotated_at_ms` it is refused too when the session was rotated since that was read. Expects one row.
        """
        parameters: Parameters = {"sid": sid, "ended_at": ended_at, "rotated_at_ms": rotated_at_ms}
        return Change("sessions.end", parameters, 1)

    def end_all_of_account(self, sub: str, ended_at: int) -> Change:
        """End every session of an account that has not been ended; accepts any number."""
        return Change("sessions.end_all_of_account", {"sub": sub, "ended_at": ended_at})

    def end_others_of_account(self, sub: str, sid: bytes, ended_at: int) -> Change:
        """End every session of an account but `sid` that has not been ended; accepts any number."""
        parameters: Parameters = {"sub": sub, "sid": sid, "ended_at": ended_at}
        return Change("sessions.end_others_of_account", parameters)

    def delete_all_of_account(self, sub: str) -> Change:
        """Delete every session of an account, ended or not; accepts any number. For erasing the account."""
        return Change("sessions.delete_all_of_account", {"sub": sub})

    def adopt_cutoff(self, sid: bytes, account_cutoff: int) -> Change:
        """Let one session live on across "log out everywhere": it takes the account's new cut-off.

        Its generation rises by one, and a rotation from there must follow in the same unit: until then there is no
        token of the session that anybody holds.
        Belongs into the unit that raised the cut-off to `account_cutoff`, after that change. Expects one
        row: refused unless the session is not ended, held the cut-off just before (so that a session that
        was cut off earlier cannot be revived), and `account_cutoff` is the account's current one. Returns
        the head `n`.
        """
        return Change("sessions.adopt_cutoff", {"sid": sid, "account_cutoff": account_cutoff}, 1)

    def adopt_cutoff_of_others(self, sub: str, sid: bytes, account_cutoff: int) -> Change:
        """As `adopt_cutoff`, for every session of the account but `sid` that it would accept; accepts any number."""
        parameters: Parameters = {"sub": sub, "sid": sid, "account_cutoff": account_cutoff}
        return Change("sessions.adopt_cutoff_of_others", parameters)

    def sweep(self, before: int, limit: int) -> Change:
        """Delete sessions that ended or expired before the second `before`.

        Looks at no more than `limit` rows. Its entry in `Outcome.counts` is how many it looked at, of which
        some may live on; when that is fewer than `limit`, the sweep is done.
        """
        return Change("sessions.sweep", {"before": before, "limit": limit})


def _state(row: Row) -> SessionState:
    cutoff, disabled_at, roles, client_cutoff, client_disabled_at, n, revision = row[_SESSION_COLUMNS:]
    state = (
        _session(row[:_SESSION_COLUMNS]),
        cutoff,
        disabled_at,
        _decode_roles(roles),  # type: ignore[arg-type]
        client_cutoff,
        client_disabled_at,
        n,
        revision,
    )
    return SessionState._make(state)
