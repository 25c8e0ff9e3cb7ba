"""What the answers of the first party's API have in common: a user, a session, tokens, a receipt."""

from tokenward.server.endpoints.messages import Request, Response, json_response
from tokenward.server.login import Caller
from tokenward.server.sessions.device_label import device_label
from tokenward.server.sessions.session_id import sid_text
from tokenward.server.sessions.sessions import Ended
from tokenward.server.storage.records import AccountRecord, SessionRecord
from tokenward.server.token_issuer import TokenResponse


def caller(request: Request) -> Caller:
    """Who sent this request."""
    return Caller(request.address, request.agent, request.id)


def user(account: AccountRecord) -> dict[str, object]:
    """An account as its owner sees it. Times are UTC seconds."""
    return {
        "id": account.sub,
        "email": account.email,
        "username": account.username,
        "name": account.name,
        "roles": account.roles,
        "created_at": account.created_at,
        "updated_at": account.updated_at,
    }


def session(record: SessionRecord) -> dict[str, object]:
    """A session as its owner sees it. Times are UTC seconds."""
    return {
        "id": sid_text(record.sid),
        "client_id": record.client_id,
        "device": device_label(record.agent),
        "agent": record.agent,
        "network": record.network,
        "created_at": record.created_at,
        "last_used_at": record.last_seen_at,
        "expires_at": min(record.idle_expires_at, record.absolute_expires_at),
    }


def token_members(tokens: TokenResponse) -> dict[str, object]:
    """A token response of RFC 6749 section 5.1."""
    return {
        "access_token": tokens.access_token,
        "token_type": "Bearer",
        "expires_in": tokens.expires_in,
        "refresh_token": tokens.refresh_token,
        "scope": tokens.scope,
    }


def receipt_members(ended: Ended) -> dict[str, object]:
    """What ended, and the place in the revocation log from which every API refuses its tokens."""
    return {"ended_sessions": ended.ended, "revoked_from": ended.n}


def receipt(ended: Ended) -> Response:
    """The answer that says what ended."""
    return json_response(receipt_members(ended))
