"""The records: one immutable row of each table, in the order of its columns.

Times are integer UTC seconds (`_at`) or milliseconds (`_at_ms`). Nothing here checks what it holds.
"""

from typing import NamedTuple


class Position(NamedTuple):
    """Where the log of revocations and the key ring stand.

    `n` is the number of the newest revocation record (`epoch * 2**40 + counter`), `term` fences the leaders
    of engines with several nodes, `ring_revision` grows with every change of a key.
    """

    epoch: int
    n: int
    term: int
    ring_revision: int


class AccountRecord(NamedTuple):
    """An account. At least one of e-mail and user name is there; the folded form is what logins compare.

    `external_id` is what an application calls the row of its own that belongs to the account.
    """

    sub: str
    email: str | None
    email_folded: str | None
    username: str | None
    username_folded: str | None
    name: str
    password_hash: str | None
    roles: tuple[str, ...]
    cutoff: int
    disabled_at: int | None
    personal_key_wrapped: bytes
    created_at: int
    updated_at: int
    external_id: str | None = None


class SessionRecord(NamedTuple):
    """A session (refresh-token family). `amr` is the JSON text of an array of strings (RFC 8176)."""

    sid: bytes
    sub: str
    client_id: str
    scope: str
    audience: str
    salt: bytes
    key_number: int
    generation: int
    rotated_at_ms: int
    created_at: int
    last_seen_at: int
    idle_expires_at: int
    absolute_expires_at: int
    ended_at: int | None
    amr: str
    auth_time: int
    account_cutoff: int
    client_cutoff: int
    network: str
    agent: str


class SessionState(NamedTuple):
    """A session with all that decides whether it is alive, read in one snapshot.

    `account_cutoff` and `client_cutoff` are the current ones; those that the session holds are in `session`.
    `n` is the head of the revocation log of the same snapshot: the `rsq` of a token issued from this reading.
    `ring_revision` is that of the key ring, also of the same snapshot.
    """

    session: SessionRecord
    account_cutoff: int
    account_disabled_at: int | None
    roles: tuple[str, ...]
    client_cutoff: int
    client_disabled_at: int | None
    n: int
    ring_revision: int


class KeyRecord(NamedTuple):
    """A key of the ring.

    `number` counts up over all keys. `use` is access, id, feed or refresh; `state` is pending, active,
    retiring, retired, revoked or verify-only. `public_jwk` is JSON text, and `None` for a symmetric key.
    """

    kid: str
    number: int
    alg: str
    use: str
    state: str
    public_jwk: str | None
    private_wrapped: bytes | None
    created_at: int
    signs_from: int | None
    activated_at: int | None
    retiring_at: int | None
    retired_at: int | None


class ClientRecord(NamedTuple):
    """An OAuth client, as far as sessions need it."""

    client_id: str
    cutoff: int
    disabled_at: int | None
    created_at: int


class AuditRecord(NamedTuple):
    """An event of the audit log.

    `detail` is JSON text with nothing personal in it; `personal_wrapped` is encrypted under the key of the
    account, so that it is gone when that key is. `id` is given by the storage.
    """

    at: int
    event: str
    actor: str
    subject: str
    sid: str
    request_id: str
    detail: str
    personal_wrapped: bytes | None
    id: int | None = None


class AuditFilter(NamedTuple):
    """Which events of the audit log: `None` is any. `since` and `until` are UTC seconds, `until` not included."""

    subject: str | None = None
    actor: str | None = None
    event: str | None = None
    since: int | None = None
    until: int | None = None


class LoggedRevocation(NamedTuple):
    """A record of the revocation log with the time at which it was written."""

    n: int
    scope: str
    value: str
    drop_after: int
    reason: str
    revoked_at: int


class BucketRecord(NamedTuple):
    """A leaky bucket: it is empty again at `empty_at_ms`, and drains one in `refill_ms`."""

    empty_at_ms: int
    refill_ms: int

    def wait_ms(self, *, now_ms: int, capacity: int) -> int:
        """Milliseconds until one more fits in; 0 when it fits now."""
        return max(0, self.empty_at_ms + self.refill_ms - capacity * self.refill_ms - now_ms)
