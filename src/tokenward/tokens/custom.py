"""Tokens of a kind of the application's own: invitations, downloads, links (RFC 8725 section 3.11)."""

import re
from collections.abc import Iterable
from typing import Final

from tokenward.errors import ConfigurationError
from tokenward.protocol import names
from tokenward.tokens.verified_token import VerifiedToken

# RFC 6838 section 4.2, in lower case. A kind without a suffix is no mistake: RFC 7515 section 4.1.9 lets `typ` name
# any media type whose `application/` is left out.
_TYPE: Final = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")

_TAKEN: Final = {
    names.JWT_TYPE: "every kind of token may call itself so; name a kind, such as `invite+jwt`",
    names.ACCESS_TOKEN_TYPE: "use the profile AccessToken",
    names.LOGOUT_TOKEN_TYPE: "use the profile LogoutToken",
    names.SECURITY_EVENT_TOKEN_TYPE: "use the profile SecurityEventToken",
    names.CLIENT_ASSERTION_TYPE: "use the profile ClientAssertion",
    names.DPOP_PROOF_TYPE: "use DPoPProofVerifier",
}


class CustomToken(VerifiedToken, frozen=True, eq=False, kw_only=True):
    """A verified token of a kind of the application's own: `iss`, `aud`, and `claims` as they are."""


class Custom:
    """A kind of token of the application's own, told by its media type.

    Sign one with `tokenward.jose.sign(claims, key, typ="invite+jwt")`.

    Args:
        typ: the media type, with or without `application/`; its case does not count. It must be of this kind alone.
        required: the claims that must be there besides `iss`, `aud` and `exp`. Of which type they are is checked by
            `TokenVerifier(..., claims=...)` or by the application.

    Raises:
        ConfigurationError: when `typ` is no media type, or one of a kind that has a profile of its own, and when
            `required` is no list of names.
    """

    def __init__(self, *, typ: str, required: Iterable[str] = ()) -> None:
        kind = typ.lower().removeprefix("application/") if type(typ) is str and typ.isascii() else ""
        if not _TYPE.fullmatch(kind):
            raise ConfigurationError("`typ` must be a media type without parameters, such as `invite+jwt`.")
        if kind in _TAKEN:
            raise ConfigurationError(f"A custom token cannot have the typ {kind!r}: {_TAKEN[kind]}.")
        if isinstance(required, str):
            raise ConfigurationError("Give the required claims as a list, even when it is only one.")
        required = tuple(required)
        if not all(type(name) is str for name in required):
            raise ConfigurationError("`required` must be a list of the names of claims.")
        self.typ = kind
        self.profile: type[CustomToken] = _profile(kind, required)

    def __repr__(self) -> str:
        return f"Custom(typ={self.typ!r})"


def _profile(kind: str, more: tuple[str, ...]) -> type[CustomToken]:
    class Token(CustomToken, frozen=True, eq=False, kw_only=True):
        types = frozenset({kind})
        required = (*CustomToken.required, *more)

        def __repr__(self) -> str:
            return f"<CustomToken {kind} of {self.iss!r}>"

    return Token
