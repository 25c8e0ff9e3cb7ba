"""Every kind of token behind a right signature: a token of this kind or `InvalidToken`; no kind passes for another."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypedDict

import msgspec

from fuzz.choices import Choices
from fuzz.forging import AUDIENCE, HMAC, ISSUER, NOW, Member, header, json_text, members, seal
from fuzz.judge import check_error, demand
from fuzz.rules import is_time
from fuzz.seeds import SIGNED
from tokenward.clock import FakeClock
from tokenward.errors import InvalidToken
from tokenward.jose import JWKSet
from tokenward.tokens import (
    AccessToken,
    Auth0AccessToken,
    ClientAssertion,
    CognitoAccessToken,
    Custom,
    EntraAccessToken,
    GoogleIDToken,
    IDToken,
    IDTokenVerifier,
    InsecureUntypedAccessToken,
    InsecureUntypedClientAssertion,
    KeycloakAccessToken,
    LogoutToken,
    OktaAccessToken,
    SecurityEventToken,
    TokenVerifier,
    VerifiedToken,
)

MAX_BYTES: Final = 512
SEEDS: Final = SIGNED


@dataclass
class _Address:
    city: str
    lines: list[str]


@dataclass
class _Invitation:
    email: str
    seats: int
    address: _Address
    plan: str = "free"


class _Download(TypedDict):
    path: str
    size: float


class _Strict(msgspec.Struct, forbid_unknown_fields=True, tag_field="plan"):
    iss: str
    aud: str | list[str]
    exp: int


class _Free(_Strict, tag="free"):
    until: int | None = None


class _Paid(_Strict, tag="paid"):
    seats: dict[str, int] = {}


class _Link(msgspec.Struct):
    offer: _Free | _Paid


_COMMON: Final = {"iss": ISSUER, "sub": "u1", "aud": AUDIENCE, "exp": NOW + 900, "iat": NOW - 1, "jti": "j1"}
_LOGOUT: Final[dict[str, Any]] = {"http://schemas.openid.net/event/backchannel-logout": {}}
_OFFER: Final = {"iss": "a", "aud": ["b"], "exp": 1, "plan": "paid", "seats": {"a": 1}}


class _Kind(NamedTuple):
    verify: Callable[[bytes], Any]
    typ: str | None
    good: tuple[Member, ...]


def _kind(profile: Any, typ: str | None, *, shape: Any = None, more: dict[str, Any] | None = None) -> _Kind:
    verifier: TokenVerifier[Any] = TokenVerifier(
        profile,
        issuer=ISSUER,
        audience=AUDIENCE,
        keys=JWKSet([HMAC]),
        clock=FakeClock(NOW),
        cache_size=0,
        claims=shape,
    )
    return _Kind(verifier.verify, typ, members(**(_COMMON | (more or {}))))


def _id_token(profile: Any, shape: Any, **asked: Any) -> _Kind:
    verifier: IDTokenVerifier[Any] = IDTokenVerifier(
        profile,
        issuer=ISSUER,
        client_id=AUDIENCE,
        keys=JWKSet([HMAC]),
        clock=FakeClock(NOW),
        claims=shape,
        max_age_seconds=60 if asked["nonce"] else None,
    )
    more = {
        "nonce": asked["nonce"],
        "auth_time": NOW - 9,
        "azp": AUDIENCE,
        "acr": "1",
        "amr": ["pwd"],
        "sid": "s",
    }
    # The halves of the hashes of the texts `a` and `c`.
    more |= {"path": "/", "size": 1, "at_hash": "ypeBEsobvcr6wjGzmiPcTQ", "c_hash": "Ln0sA6lQeuJl7PW1NWiFpQ"}
    return _Kind(
        lambda token: verifier.verify(token, **asked),
        "JWT",
        members(**_COMMON | {name: value for name, value in more.items() if value is not None}),
    )


# Each of these has a `typ` of its own, and takes no token of another kind, whatever it says.
_TYPED: Final = (
    _kind(AccessToken, "at+jwt", more={"client_id": "c"}),
    _kind(LogoutToken, "logout+jwt", more={"events": _LOGOUT, "sid": "s1"}),
    _kind(SecurityEventToken, "secevent+jwt", more={"events": {"urn:a": {"b": 1}}}),
    _kind(ClientAssertion, "client-authentication+jwt", more={"sub": ISSUER}),
    _kind(Custom(typ="invite+jwt", required=["email"]), "invite+jwt", more={"email": "a@b.example"}),
    _kind(
        Custom(typ="seats+jwt"),
        "seats+jwt",
        shape=_Invitation,
        more={"email": "a", "seats": 1, "address": {"city": "c", "lines": ["l"]}},
    ),
    _kind(Custom(typ="download+jwt"), "download+jwt", shape=_Download, more={"path": "a", "size": 1.5}),
    _kind(Custom(typ="link+jwt"), "link+jwt", shape=_Link, more={"offer": _OFFER}),
    _id_token(IDToken, None, nonce="n", access_token="a", code="c"),  # noqa: S106 - no password
)
_OTHERS: Final = (
    _id_token(GoogleIDToken, _Download, nonce=None),
    _kind(InsecureUntypedAccessToken, None, more={"azp": "c", "scope": "a b"}),
    _kind(InsecureUntypedClientAssertion, None, more={"sub": ISSUER}),
    _kind(Auth0AccessToken, "JWT", more={"azp": "c", "scope": "a", "permissions": ["p"]}),
    _kind(KeycloakAccessToken, "JWT", more={"typ": "Bearer", "azp": "c", "realm_access": {"roles": ["r"]}}),
    _kind(
        CognitoAccessToken, None, more={"token_use": "access", "client_id": AUDIENCE, "cognito:groups": ["g"]}
    ),
    _kind(
        EntraAccessToken, "JWT", more={"tid": "id.example", "azp": "c", "azpacr": "1", "scp": "a", "uti": "u"}
    ),
    _kind(OktaAccessToken, None, more={"cid": "c", "scp": ["a", "b"], "groups": ["g"]}),
)
_KINDS: Final = (*_TYPED, *_OTHERS)


def run(data: bytes) -> None:
    """Sign a changed token of one kind, and give it to the verifier of that kind and to the others."""
    choices = Choices(data)
    kind = choices.one_of(_KINDS)
    head = header(choices, HMAC, kind.typ)
    payload = json_text(choices, kind.good)
    token = seal(head, payload, HMAC)
    try:
        verified = kind.verify(token)
    except InvalidToken as error:
        check_error(error, token.split(b"."))
        return
    if isinstance(verified, VerifiedToken):
        _check_what_it_tells(verified)
    if kind not in _TYPED:
        return
    for other in _TYPED:
        if other is not kind:
            try:
                other.verify(token)
            except InvalidToken:
                continue
            demand(that=False, otherwise=f"a {kind.typ} passes for a {other.typ}")


def _check_what_it_tells(token: VerifiedToken) -> None:
    names = [name for name in dir(type(token)) if not name.startswith("_")]
    told = {name: getattr(token, name) for name in names}
    demand(
        that=told["iss"] == ISSUER == told["claims"]["iss"], otherwise="a token of another issuer was taken"
    )
    # Cognito names the client instead.
    demand(that=AUDIENCE in told["aud"], otherwise="a token for another audience was taken")
    times = [told["claims"][name] for name in ("exp", "nbf", "iat") if name in told["claims"]]
    demand(that=all(map(is_time, times)), otherwise="what is no time was taken for one")
    if "exp" in told["claims"]:
        demand(that=told["claims"]["exp"] > NOW - 10, otherwise="an expired token was taken")
    demand(that=len(repr(token)) < 5000, otherwise="a token shows itself at length")
