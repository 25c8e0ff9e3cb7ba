"""The tokens of one sign-in, and the text in which a store keeps them."""

import re
from typing import Annotated, Any, Final, NamedTuple

import msgspec

from tokenward.client.errors import TokenStoreUnavailable

_VERSION: Final = 1
# RFC 6750 section 2.1: letters that stand in a header as they are, so that no answer can begin a header of its own.
_BEARER: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)
_MAX_TOKEN_LENGTH: Final = 16_384
_LONGEST_SECONDS: Final = 31_536_000

_Token = Annotated[str, msgspec.Meta(min_length=1, max_length=_MAX_TOKEN_LENGTH)]
_Seconds = Annotated[int, msgspec.Meta(ge=1, le=_LONGEST_SECONDS)]


class TokenKey(NamedTuple):
    """Whose tokens: the issuer's address, and a name of the caller's own for one of several accounts there."""

    issuer: str
    account: str


class TokenSet(msgspec.Struct, frozen=True, kw_only=True):
    """What an issuer gave: tokens, and how long the access token lives.

    `obtained_at` is when they were asked for, by this machine's clock (UTC seconds); `expires_in` counts from there.
    The clock of the issuer does not matter. Its `repr` shows no token.
    """

    access_token: _Token
    refresh_token: _Token
    expires_in: _Seconds
    obtained_at: int
    scope: str = ""

    def __post_init__(self) -> None:
        for token in (self.access_token, self.refresh_token):
            if not _BEARER.fullmatch(token):
                raise ValueError("A token has letters that no token has.")

    def __repr__(self) -> str:
        return f"TokenSet(expires_in={self.expires_in}, obtained_at={self.obtained_at}, scope={self.scope!r})"


class _Kept(msgspec.Struct, frozen=True):
    version: int
    issuer: str
    account: str
    tokens: TokenSet


def read_tokens(members: dict[str, Any], obtained_at: int) -> TokenSet | None:
    """Return the tokens of an answer (RFC 6749 section 5.1), or None if it is no such answer."""
    if str(members.get("token_type", "")).lower() != "bearer":
        return None
    try:
        return msgspec.convert({**members, "obtained_at": obtained_at}, TokenSet)
    except msgspec.ValidationError:
        return None


def encode(key: TokenKey, tokens: TokenSet) -> str:
    """Return the text for a store. It holds the tokens themselves."""
    return msgspec.json.encode(_Kept(_VERSION, key.issuer, key.account, tokens)).decode()


def decode(key: TokenKey, text: str | bytes, place: str) -> TokenSet:
    """Return the tokens in a text from the store at `place`.

    Raises:
        TokenStoreUnavailable: when it is not ours, of another version, or of another issuer or account: a file that
            somebody renamed must not send one issuer's tokens to another.
    """
    try:
        kept = msgspec.json.decode(text, type=_Kept)
    except (msgspec.DecodeError, UnicodeDecodeError):
        kept = None
    if kept is None or kept.version != _VERSION or (kept.issuer, kept.account) != key:
        raise TokenStoreUnavailable(
            f"What is kept in {place} is not readable as the tokens of this issuer and account. Sign in again.",
            reason="content_unreadable",
        )
    return kept.tokens
