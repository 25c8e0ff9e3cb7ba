"""A session id: 16 random bytes in the database, bare base64url in tokens, paths and answers."""

from tokenward.errors import Error
from tokenward.jose import base64url
from tokenward.server.sessions.refresh_tokens import InvalidGrant


def sid_text(sid: bytes) -> str:
    """A session id as it stands in tokens: bare base64url."""
    return base64url.encode(sid).decode()


def sid_bytes(text: str) -> bytes:
    """A session id from how it stands in tokens.

    Raises:
        InvalidGrant: it is none.
    """
    try:
        return base64url.decode(text.encode())
    except (Error, UnicodeEncodeError):
        raise InvalidGrant("This is no session id.", reason="malformed sid") from None
