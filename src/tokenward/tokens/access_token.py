"""Access tokens: what one says, how it is written, how verified claims become one (RFC 9068 section 2)."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Final, Self

import msgspec
from msgspec.structs import force_setattr

from tokenward.errors import ConfigurationError, InvalidToken
from tokenward.jose import jwt
from tokenward.jose.claims import LATEST_TIME, check_string, check_time
from tokenward.jose.keys import SigningKey, VerificationKey
from tokenward.jose.strict_json import LARGEST_INTEGER
from tokenward.protocol import names
from tokenward.tokens.verified_token import MAX_NAMES, Expected, Name, VerifiedToken

# RFC 6749 section 3.3: printable ASCII without quote and backslash, divided by single spaces and nothing
# else.
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*")


# Longer lists, and larger integers, are left to the strict parser, which counts them: `read_ordinary` must take no text
# that it would refuse.
_Names = Annotated[tuple[Name, ...], msgspec.Meta(max_length=MAX_NAMES)]
_Time = Annotated[int, msgspec.Meta(ge=0, le=LATEST_TIME)]


class AccessToken(VerifiedToken, frozen=True, eq=False, kw_only=True, omit_defaults=True, gc=False):
    """A verified access token (RFC 9068): typ `at+jwt`, with `iss sub aud client_id exp iat jti`.

    `exp`, `iat` and `auth_time` are whole seconds. `rsq` is None for an issuer that does not follow our revocation
    design. A subject is a subject of its issuer: `iss` and `sub` together name it, and whether it is a person or a
    client that acts for itself is told by `client_id` being the subject.
    """

    types: ClassVar[frozenset[str | None]] = frozenset({names.ACCESS_TOKEN_TYPE})
    required: ClassVar[tuple[str, ...]] = (
        names.ISS,
        names.SUB,
        names.AUD,
        names.EXP,
        names.IAT,
        names.JTI,
        names.CLIENT_ID,
    )

    sub: Name
    client_id: Name
    exp: _Time
    iat: _Time
    _nbf: _Time | None = msgspec.field(name="nbf", default=None)
    jti: Name
    _scope: str = msgspec.field(name="scope", default="")
    sid: Name | None = None
    auth_time: _Time | None = None
    acr: Name | None = None
    amr: _Names = ()
    roles: _Names = ()
    rsq: Annotated[int, msgspec.Meta(ge=0, le=LARGEST_INTEGER)] | None = None

    @property
    def scope(self) -> frozenset[str]:
        """The values of the scope, each whole."""
        return scope_values(self._scope)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} jti={self.jti!r} sub={self.sub!r} client_id={self.client_id!r}>"

    @classmethod
    def of_claims(cls, claims: dict[str, Any], *, aud: tuple[str, ...], key: VerificationKey) -> Self:
        """Return the token after checking that each claim that we read is what it must be.

        Raises:
            InvalidToken: when one is not.
        """
        check_bearer(claims)
        return cls(
            iss=claims[names.ISS],
            sub=check_string(claims, names.SUB),
            _aud=aud,
            client_id=check_string(claims, names.CLIENT_ID),
            exp=int(claims[names.EXP]),
            iat=int(claims[names.IAT]),
            jti=check_string(claims, names.JTI),
            _scope=" ".join(read_scope(claims, names.SCOPE)),
            sid=check_string(claims, names.SID) if names.SID in claims else None,
            auth_time=read_time(claims, names.AUTH_TIME),
            acr=check_string(claims, names.ACR) if names.ACR in claims else None,
            amr=read_names(claims, names.AMR),
            roles=read_names(claims, names.ROLES),
            rsq=_rsq(claims),
            kid=key.kid,
            _claims=claims,
        )


_REQUIRED: Final = frozenset(AccessToken.required)

# What must not be null where it is: that is a wrong type, and not the same as absent.
_NULLABLE: Final = (names.NBF, names.SID, names.RSQ, names.AUTH_TIME, names.ACR)

_decode: Final = msgspec.json.Decoder(AccessToken).decode
_encode: Final = msgspec.json.Encoder().encode


def read_ordinary(
    text: bytes, kid: str, expected: Expected, now: float
) -> tuple[float, float, AccessToken, bytes] | None:
    """Return when an ordinary access token is good, the token itself and `text`; None for any other, good or not.

    The library checks all types at once while it parses. What is not ordinary is left to `AccessToken.of_payload`,
    which also says what is wrong: so there is one place that refuses, and this one can only agree with it.

    Raises:
        InvalidToken: when the payload is no strict JSON object, or the scope none.
    """
    try:
        token = _decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    # The encoder spells every member that we know as shortly as JSON can. So a text of the same length has each of
    # them once, and nothing else: a member named twice or one more would make it longer. Together with the decoding,
    # which is needed anyway, this takes two thirds of the time of the strict parser, which reads all other texts.
    claims = None
    if len(_encode(token)) != len(text):
        claims = jwt.decode_claims(text)
        if names.CNF in claims or any(claims.get(name, "") is None for name in _NULLABLE):
            return None
    issuer, audience, leeway, max_lifetime_seconds = expected
    valid_from, valid_until, aud = token.iat - leeway, token.exp + leeway, token._aud
    if token._nbf is not None:
        valid_from = max(valid_from, token._nbf - leeway)
    if (
        token.iss != issuer
        or not (aud == audience or (type(aud) is tuple and audience in aud and "".join(aud).isprintable()))
        or not valid_from <= now < valid_until
        or (max_lifetime_seconds is not None and token.exp - token.iat > max_lifetime_seconds)
        # In ASCII without a backslash (92) and DEL (127) there is no control character.
        or (
            not (text.isascii() and 92 not in text and 127 not in text)
            and not f"{token.sub}{token.client_id}{token.jti}{token.sid}{token.acr}".isprintable()
        )
    ):
        return None
    scope_values(token._scope)
    # The object is new, and nobody has seen it yet.
    force_setattr(token, "kid", kid)
    force_setattr(token, "_claims", text if claims is None else claims)
    return valid_from, valid_until, token, text


def encode_access_token(claims: Mapping[str, Any], key: SigningKey) -> str:
    """Return the signed access token that says `claims`.

    Whether the claims are true, and whether subject and session are alive, is the token issuer's to know.

    Raises:
        ConfigurationError: when a claim that RFC 9068 requires is missing, or `exp` and `iat` are no sane
        times.
    """
    if not claims.keys() >= _REQUIRED:
        missing = ", ".join(sorted(_REQUIRED - claims.keys()))
        raise ConfigurationError(f"An access token needs these claims too: {missing}.")
    exp, iat = claims[names.EXP], claims[names.IAT]
    if type(exp) is not int or type(iat) is not int or not 0 <= iat < exp:
        raise ConfigurationError("`iat` and `exp` must be whole seconds, and `exp` after `iat`.")
    return jwt.sign(claims, key, typ=names.ACCESS_TOKEN_TYPE)


def check_bearer(claims: Mapping[str, Any]) -> None:
    """Check that the token is not bound to a key of its holder.

    Nobody here has asked for the proof. As a bearer token it would be worth as much to a thief as to the holder (RFC
    9449 section 7.2).

    Raises:
        InvalidToken: when it has `cnf`.
    """
    if names.CNF in claims:
        raise InvalidToken(reason="proof_of_possession_missing", claim=names.CNF)


def read_scope(claims: Mapping[str, Any], name: str) -> frozenset[str]:
    """Return the values of a scope claim, none where it is absent.

    Raises:
        InvalidToken: when it is not a string in the form of RFC 6749 section 3.3.
    """
    scope = claims.get(name, "")
    if type(scope) is not str:
        raise InvalidToken(reason="claim_not_a_scope", claim=name)
    return scope_values(scope, name)


@lru_cache(maxsize=256)  # An issuer grants the same few combinations again and again.
def scope_values(scope: str, name: str = names.SCOPE) -> frozenset[str]:
    """Return the values of a scope, which stands in the claim `name`.

    Raises:
        InvalidToken: when it is not in the form of RFC 6749 section 3.3.
    """
    if scope == "":
        return frozenset()
    if not _SCOPE.fullmatch(scope):
        raise InvalidToken(reason="claim_not_a_scope", claim=name)
    return frozenset(scope.split(" "))


def read_names(claims: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return a claim that is a list of names, empty where it is absent.

    Raises:
        InvalidToken: when it is anything but a list of strings that are not empty.
    """
    if name not in claims:
        return ()
    listed = claims[name]
    if type(listed) is not list:
        raise InvalidToken(reason="claim_not_a_list_of_names", claim=name)
    for one in listed:
        if type(one) is not str or one == "":
            raise InvalidToken(reason="claim_not_a_list_of_names", claim=name)
    return tuple(listed)


def read_time(claims: Mapping[str, Any], name: str) -> int | None:
    """Return a time in whole seconds, None where it is absent.

    Raises:
        InvalidToken: when it is no number, or none that a time can be.
    """
    return int(check_time(claims, name)) if name in claims else None


def _rsq(claims: Mapping[str, Any]) -> int | None:
    if names.RSQ not in claims:
        return None
    rsq = claims[names.RSQ]
    if type(rsq) is not int or rsq < 0:
        raise InvalidToken(reason="claim_not_a_number", claim=names.RSQ)
    return rsq
