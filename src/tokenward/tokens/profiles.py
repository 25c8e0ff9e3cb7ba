"""What a kind of token must say to be that kind (RFC 8725 section 3.12, RFC 9068 sections 2 and 4).

Every kind has its own `typ`. That is what keeps an ID token, a logout token or a refresh token of the same
issuer, signed with the same key, from being taken for an access token.
"""

from typing import Final, NamedTuple

from tokenward.errors import InvalidToken
from tokenward.protocol import names


class Profile(NamedTuple):
    """One kind of token: its media type without `application/`, and the claims that must be there."""

    typ: str
    required: tuple[str, ...]


ACCESS_TOKEN: Final = Profile(
    names.ACCESS_TOKEN_TYPE,
    (names.ISS, names.SUB, names.AUD, names.EXP, names.IAT, names.JTI, names.CLIENT_ID),
)


def check_typ(typ: str | None, profile: Profile) -> None:
    """Check that a media type, in lower case and without `application/`, is the one of `profile`.

    Raises:
        InvalidToken: when it is another or absent.
    """
    if typ != profile.typ:
        raise InvalidToken(reason="typ_missing" if typ is None else "typ_mismatch")
