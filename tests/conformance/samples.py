"""Records to store, and the short ways of storing them."""

import secrets

from tokenward.server.storage.interface import Storage
from tokenward.server.storage.records import (
    AccountRecord,
    AuditRecord,
    KeyRecord,
    SessionRecord,
    SessionState,
)
from tokenward.server.storage.units import Change, Outcome, Unit

NOW = 1_800_000_000
IDLE = 14 * 86_400
ABSOLUTE = 90 * 86_400


def account(name: str = "anna") -> AccountRecord:
    return AccountRecord(
        sub="usr_" + secrets.token_urlsafe(16),
        email=f"{name.title()}@example.com",
        email_folded=f"{name}@example.com",
        username=name.title(),
        username_folded=name,
        name="Änna Müller ✓",
        password_hash="$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA",
        roles=("admin", "reader"),
        cutoff=0,
        disabled_at=None,
        personal_key_wrapped=b"\x00wrapped\xff",
        created_at=NOW,
        updated_at=NOW,
        external_id=f"customer {name}",
    )


def session(sub: str) -> SessionRecord:
    return SessionRecord(
        sid=secrets.token_bytes(16),
        sub=sub,
        client_id="first-party",
        scope="openid profile",
        audience="https://api.example.com",
        salt=secrets.token_bytes(16),
        key_number=7,
        generation=1,
        rotated_at_ms=NOW * 1000,
        created_at=NOW,
        last_seen_at=NOW,
        idle_expires_at=NOW + IDLE,
        absolute_expires_at=NOW + ABSOLUTE,
        ended_at=None,
        amr='["pwd"]',
        auth_time=NOW,
        account_cutoff=0,
        client_cutoff=0,
        network="192.0.2.0/24",
        agent="Firefox on Linux",
    )


def key(number: int = 1, *, state: str = "pending", use: str = "access", alg: str = "ES256") -> KeyRecord:
    return KeyRecord(
        kid=f"kid-{number}",
        number=number,
        alg=alg,
        use=use,
        state=state,
        public_jwk='{"kty":"EC"}',
        private_wrapped=b"\x01wrapped",
        created_at=NOW,
        signs_from=NOW,
        activated_at=None,
        retiring_at=None,
        retired_at=None,
    )


def event(name: str, at: int = NOW) -> AuditRecord:
    return AuditRecord(
        at=at,
        event=name,
        actor="system",
        subject="usr_x",
        sid="",
        request_id="request-1",
        detail='{"count":1}',
        personal_wrapped=None,
    )


async def apply(storage: Storage, *changes: Change) -> Outcome:
    return await storage.apply(Unit("test", changes))


async def applied(storage: Storage, *changes: Change) -> Outcome:
    outcome = await apply(storage, *changes)
    assert outcome.applied, outcome
    return outcome


async def add_session(storage: Storage, name: str = "anna") -> SessionRecord:
    """A session of an account of its own."""
    owner = account(name)
    record = session(owner.sub)
    await applied(storage, storage.accounts.insert(owner), storage.sessions.insert(record))
    return record


def rotation(
    storage: Storage,
    record: SessionRecord,
    *,
    generation: int | None = None,
    now: int = NOW + 60,
    account_cutoff: int | None = None,
    client_cutoff: int | None = None,
) -> Change:
    """A rotation of the session as `record` knows it, with what differs."""
    return storage.sessions.rotate(
        sid=record.sid,
        generation=record.generation if generation is None else generation,
        key_number=8,
        rotated_at_ms=now * 1000 + 5,
        last_seen_at=now,
        idle_expires_at=now + IDLE,
        network="2001:db8::/56",
        agent="Safari on iPhone",
        account_cutoff=record.account_cutoff if account_cutoff is None else account_cutoff,
        client_cutoff=record.client_cutoff if client_cutoff is None else client_cutoff,
        now=now,
    )


async def state_of(storage: Storage, record: SessionRecord) -> SessionState:
    state = await storage.sessions.find(record.sid)
    assert state is not None
    return state


async def audit_count(storage: Storage) -> int:
    return len(await storage.audit.page(0, 100_000))
