"""What the answers of the first party's API have in common: a user, a session, tokens, a receipt."""

from typing import Literal

import msgspec

from tokenward.server.endpoints.documentation.fields import (
    EXAMPLE_SID,
    EXAMPLE_SUB,
    Count,
    Email,
    LogNumber,
    Name,
    RefreshToken,
    Roles,
    Seconds,
    Sid,
    Sub,
    Username,
)
from tokenward.server.endpoints.messages import Request, Response, json_response
from tokenward.server.login import FIRST_PARTY, FIRST_PARTY_SCOPE, Caller
from tokenward.server.sessions.device_label import device_label
from tokenward.server.sessions.session_id import sid_text
from tokenward.server.sessions.sessions import Ended
from tokenward.server.storage.records import AccountRecord, SessionRecord
from tokenward.server.token_issuer import TokenResponse


class User(msgspec.Struct):
    """An account as its owner sees it. It has an e-mail address, a user name or both."""

    id: Sub
    email: Email | None
    username: Username | None
    name: Name
    roles: Roles
    created_at: Seconds
    updated_at: Seconds


class Session(msgspec.Struct):
    """A session as its owner sees it.

    `device` is made from the user agent at its last refresh, `network` is the part of the address that a household
    shares; neither is verified. It ends at `expires_at` unless it is refreshed, and then at its absolute end.
    """

    id: Sid
    client_id: str
    device: str
    agent: str
    network: str
    created_at: Seconds
    last_used_at: Seconds
    expires_at: Seconds


class Tokens(msgspec.Struct, kw_only=True):
    """A token response of RFC 6749 section 5.1. `expires_in` is how many seconds the access token lives.

    With `"delivery": "cookie"` there is no `refresh_token`: it is in the cookie.
    """

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: Count
    refresh_token: RefreshToken | msgspec.UnsetType = msgspec.UNSET
    scope: str


class Receipt(msgspec.Struct):
    """What ended, and the place in the log of revocations from which every API refuses its tokens."""

    ended_sessions: Count
    revoked_from: LogNumber


def caller(request: Request) -> Caller:
    """Who sent this request."""
    return Caller(request.address, request.agent, request.id)


def user(account: AccountRecord) -> User:
    """An account as its owner sees it."""
    return User(
        account.sub,
        account.email,
        account.username,
        account.name,
        account.roles,
        account.created_at,
        account.updated_at,
    )


def session(record: SessionRecord) -> Session:
    """A session as its owner sees it."""
    return Session(
        id=sid_text(record.sid),
        client_id=record.client_id,
        device=device_label(record.agent),
        agent=record.agent,
        network=record.network,
        created_at=record.created_at,
        last_used_at=record.last_seen_at,
        expires_at=min(record.idle_expires_at, record.absolute_expires_at),
    )


def token_answer(tokens: TokenResponse) -> Tokens:
    """The answer that brings tokens."""
    return Tokens(
        access_token=tokens.access_token,
        token_type="Bearer",  # noqa: S106 - the name of a scheme
        expires_in=tokens.expires_in,
        refresh_token=tokens.refresh_token,
        scope=tokens.scope,
    )


def receipt_answer(ended: Ended) -> Receipt:
    """The answer that says what ended."""
    return Receipt(ended.ended, ended.n)


def receipt(ended: Ended) -> Response:
    """The same, as a response."""
    return json_response(receipt_answer(ended))


EXAMPLE_USER = User(
    EXAMPLE_SUB, "ada@example.com", "ada", "Ada Lovelace", ("reader",), 1763985600, 1763985600
)
EXAMPLE_SESSION = Session(
    id=EXAMPLE_SID,
    client_id=FIRST_PARTY,
    device="Firefox on Linux",
    agent="Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    network="192.0.2.0/24",
    created_at=1763985600,
    last_used_at=1763989200,
    expires_at=1766581200,
)
EXAMPLE_REFRESH_TOKEN = "twr_..."  # noqa: S105 - the beginning of one only
EXAMPLE_TOKENS = Tokens(
    access_token="eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9...",  # noqa: S106 - the beginning of one only
    token_type="Bearer",  # noqa: S106 - the name of a scheme
    expires_in=900,
    refresh_token=EXAMPLE_REFRESH_TOKEN,
    scope=FIRST_PARTY_SCOPE,
)
EXAMPLE_RECEIPT = Receipt(ended_sessions=1, revoked_from=1099511627783)
