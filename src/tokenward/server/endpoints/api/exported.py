"""The entries of an export: the account, its sessions, what the audit log holds about it."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from tokenward.server.accounts.export import Entry, ExportedAccount, ExportedEvent
from tokenward.server.endpoints.api.rendering import (
    EXAMPLE_SESSION,
    EXAMPLE_USER,
    Session,
    User,
    session,
    user,
)
from tokenward.server.endpoints.documentation.fields import (
    EXAMPLE_REQUEST_ID,
    EXAMPLE_SID,
    EXAMPLE_SUB,
    ExternalId,
    RequestId,
    Seconds,
    Sid,
)
from tokenward.server.endpoints.messages import extended
from tokenward.server.endpoints.paging import Page
from tokenward.server.login import FIRST_PARTY_SCOPE
from tokenward.server.storage.records import SessionRecord

JsonObject = Annotated[msgspec.Raw, Meta(extra_json_schema={"type": "object"})]
"""JSON text of an object that goes out as it is stored."""

_Methods = Annotated[
    msgspec.Raw,
    Meta(
        description="How the person signed in (RFC 8176).",
        extra_json_schema={"type": "array", "items": {"type": "string"}},
    ),
]


class AccountEntry(User, tag_field="kind", tag="account"):
    """The account. `known_networks` are the times at which networks, which nobody can read here, last signed in."""

    external_id: ExternalId | None
    has_password: bool
    known_networks: tuple[Seconds, ...]


class SessionEntry(Session, tag_field="kind", tag="session"):
    """A session of the account, also one that has ended and was not swept yet."""

    ended_at: Seconds | None
    signed_in_at: Seconds
    amr: _Methods
    scope: str
    audience: str


class EventEntry(msgspec.Struct, tag_field="kind", tag="event"):
    """What the audit log holds about the account. `personal` is what it tells of the person."""

    at: Seconds
    event: str
    actor: str
    session: Sid | None
    request_id: RequestId
    detail: JsonObject
    personal: dict[str, Any] | None


class ExportPage(Page[AccountEntry | SessionEntry | EventEntry]):
    """Some of what is kept about the person."""


def exported(entry: Entry, sub: str) -> AccountEntry | SessionEntry | EventEntry:
    """An entry as the account `sub` sees it."""
    if isinstance(entry, ExportedAccount):
        return extended(
            AccountEntry,
            user(entry.record),
            external_id=entry.record.external_id,
            has_password=entry.record.password_hash is not None,
            known_networks=entry.known_networks,
        )
    if isinstance(entry, SessionRecord):
        return extended(
            SessionEntry,
            session(entry),
            ended_at=entry.ended_at,
            signed_in_at=entry.auth_time,
            amr=msgspec.Raw(entry.amr.encode()),
            scope=entry.scope,
            audience=entry.audience,
        )
    return _event(entry, sub)


def _event(entry: ExportedEvent, sub: str) -> EventEntry:
    record = entry.record
    # Another person's `sub` is that person's: who it was among the administrators is in the log for the operator.
    other = record.actor.startswith("usr_") and record.actor != sub
    return EventEntry(
        at=record.at,
        event=record.event,
        actor="another account" if other else record.actor,
        session=record.sid or None,
        request_id=record.request_id,
        detail=msgspec.Raw(record.detail.encode()),
        personal=entry.personal,
    )


EXAMPLE_EXPORT = ExportPage(
    [
        extended(
            AccountEntry, EXAMPLE_USER, external_id=None, has_password=True, known_networks=(1763985600,)
        ),
        extended(
            SessionEntry,
            EXAMPLE_SESSION,
            ended_at=None,
            signed_in_at=1763985600,
            amr=msgspec.Raw(b'["pwd"]'),
            scope=FIRST_PARTY_SCOPE,
            audience="https://api.example.com",
        ),
        EventEntry(
            at=1763985600,
            event="session.started",
            actor=EXAMPLE_SUB,
            session=EXAMPLE_SID,
            request_id=EXAMPLE_REQUEST_ID,
            detail=msgspec.Raw(b'{"client_id":"first-party","amr":["pwd"]}'),
            personal={"network": "192.0.2.0/24", "agent": EXAMPLE_SESSION.agent},
        ),
    ],
    None,
)
