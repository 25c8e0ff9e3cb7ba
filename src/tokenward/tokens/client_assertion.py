"""Client assertions: a client of the authorization server proves who it is with a key (RFC 7523 section 3)."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from tokenward.errors import InvalidToken
from tokenward.jose.claims import check_string
from tokenward.jose.keys import VerificationKey
from tokenward.protocol import names
from tokenward.tokens.verified_token import VerifiedToken


class ClientAssertion(VerifiedToken, frozen=True, eq=False, kw_only=True):
    """A verified client assertion: typ `client-authentication+jwt`; `iss` and `sub` are the client.

    Verify with the client as `issuer`, the issuer of the authorization server as `audience`, and the keys that the
    client has registered. `aud` must be that one string and no list: an assertion that is good at two servers can be
    carried from one to the other (CVE-2025-27370). That a `jti` comes once only is for the caller to check, until
    `exp`.
    """

    types: ClassVar[frozenset[str | None]] = frozenset({names.CLIENT_ASSERTION_TYPE})
    required: ClassVar[tuple[str, ...]] = (names.ISS, names.SUB, names.AUD, names.EXP, names.JTI)

    sub: str
    exp: int
    jti: str

    @classmethod
    def check_audience(cls, claims: Mapping[str, Any], audience: str) -> tuple[str, ...]:
        """Check that `aud` is `audience`, and a string.

        Raises:
            InvalidToken: when it is anything else.
        """
        audiences = super().check_audience(claims, audience)
        if type(claims[names.AUD]) is not str:
            raise InvalidToken(reason="audience_not_single", claim=names.AUD)
        return audiences

    @classmethod
    def of_claims(cls, claims: dict[str, Any], *, aud: tuple[str, ...], key: VerificationKey) -> Self:
        """Return the assertion after checking that the client speaks of itself.

        Raises:
            InvalidToken: when it does not.
        """
        sub = check_string(claims, names.SUB)
        if sub != claims[names.ISS]:
            raise InvalidToken(reason="subject_is_not_the_issuer", claim=names.SUB)
        return cls(
            iss=claims[names.ISS],
            sub=sub,
            exp=int(claims[names.EXP]),
            jti=check_string(claims, names.JTI),
            _aud=aud,
            kid=key.kid,
            _claims=claims,
        )


class InsecureUntypedClientAssertion(ClientAssertion, frozen=True, eq=False, kw_only=True):
    """A client assertion of a client that does not say so in `typ`, as most do that were written before 2026.

    Any other JWT that the client signs with the same key passes for one, if it has the same claims.
    """

    types: ClassVar[frozenset[str | None]] = frozenset({names.CLIENT_ASSERTION_TYPE, names.JWT_TYPE, None})
