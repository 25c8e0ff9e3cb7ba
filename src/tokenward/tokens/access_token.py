"""Access tokens: what one says, how it is written, how verified claims become one (RFC 9068 section 2)."""

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

import msgspec

from tokenward.errors import ConfigurationError, InvalidToken
from tokenward.jose import jwt
from tokenward.jose.claims import check_string
from tokenward.jose.keys import SigningKey
from tokenward.protocol import names
from tokenward.tokens.profiles import ACCESS_TOKEN

# RFC 6749 section 3.3: printable ASCII without quote and backslash, divided by single spaces and nothing
# else.
_SCOPE: Final = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*")
_REQUIRED: Final = frozenset(ACCESS_TOKEN.required)


class AccessToken(msgspec.Struct, frozen=True, eq=False):
    """A verified access token. It exists only after every check passed, and cannot be changed.

    `claims` are all claims, read-only at every depth (lists became tuples); the attributes are the ones we
    know. `exp` and `iat` are whole seconds. `kid` names the key that verified the token. `rsq` is None for
    an issuer that does not follow our revocation design. A subject is a subject of its issuer: `iss` and
    `sub` together name it, and whether it is a person or a client that acts for itself is told by
    `client_id` being the subject.
    """

    iss: str
    sub: str
    aud: tuple[str, ...]
    client_id: str
    exp: int
    iat: int
    jti: str
    scope: frozenset[str]
    sid: str | None
    roles: tuple[str, ...]
    rsq: int | None
    kid: str
    _claims: dict[str, Any]

    @property
    def claims(self) -> Mapping[str, Any]:
        """All claims, read-only at every depth (lists are tuples); a new view at each call."""
        view: Mapping[str, Any] = _read_only(self._claims)
        return view

    def __repr__(self) -> str:
        return f"<AccessToken jti={self.jti!r} sub={self.sub!r} client_id={self.client_id!r}>"


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
    return jwt.sign(claims, key, typ=ACCESS_TOKEN.typ)


def access_token_of(claims: dict[str, Any], *, aud: tuple[str, ...], kid: str) -> AccessToken:
    """Return the access token that verified claims describe, after checking that each claim is what it must
    be.

    Signature, `typ`, `iss`, `aud` (whose names are given) and the times must have been checked before.

    Raises:
        InvalidToken: when a required claim is missing, or one that we read is of the wrong type.
    """
    if names.IAT not in claims:
        raise InvalidToken(reason="claim_missing", claim=names.IAT)
    if names.CNF in claims:
        # The token is bound to a key of its holder, and nobody here has asked for the proof. As a bearer
        # token it would be worth as much to a thief as to the holder (RFC 9449 section 7.2).
        raise InvalidToken(reason="proof_of_possession_missing", claim=names.CNF)
    return AccessToken(
        claims[names.ISS],
        check_string(claims, names.SUB),
        aud,
        check_string(claims, names.CLIENT_ID),
        int(claims[names.EXP]),
        int(claims[names.IAT]),
        check_string(claims, names.JTI),
        _scope(claims),
        check_string(claims, names.SID) if names.SID in claims else None,
        _roles(claims),
        _rsq(claims),
        kid,
        claims,
    )


def _scope(claims: dict[str, Any]) -> frozenset[str]:
    scope = claims.get(names.SCOPE, "")
    if type(scope) is not str:
        raise InvalidToken(reason="claim_not_a_scope", claim=names.SCOPE)
    return _scope_values(scope)


@lru_cache(maxsize=256)  # An issuer grants the same few combinations again and again.
def _scope_values(scope: str) -> frozenset[str]:
    if scope == "":
        return frozenset()
    if not _SCOPE.fullmatch(scope):
        raise InvalidToken(reason="claim_not_a_scope", claim=names.SCOPE)
    return frozenset(scope.split(" "))


def _roles(claims: dict[str, Any]) -> tuple[str, ...]:
    if names.ROLES not in claims:
        return ()
    roles = claims[names.ROLES]
    if type(roles) is not list:
        raise InvalidToken(reason="claim_not_a_list_of_names", claim=names.ROLES)
    for role in roles:
        if type(role) is not str or role == "":
            raise InvalidToken(reason="claim_not_a_list_of_names", claim=names.ROLES)
    return tuple(roles)


def _rsq(claims: dict[str, Any]) -> int | None:
    if names.RSQ not in claims:
        return None
    rsq = claims[names.RSQ]
    if type(rsq) is not int or rsq < 0:
        raise InvalidToken(reason="claim_not_a_number", claim=names.RSQ)
    return rsq


def _read_only(value: Any) -> Any:
    """Return a view that cannot be changed: one verified token is handed to many requests."""
    if type(value) is dict:
        return MappingProxyType({name: _read_only(member) for name, member in value.items()})
    if type(value) is list:
        return tuple(_read_only(member) for member in value)
    return value
