"""Each library, called as its documentation tells a careful user to.

A fixed list of algorithms, the keys as a JWK Set, issuer and audience given, and the claims that RFC 9068 requires
demanded. Options that make a library stricter and cost an honest token nothing are switched on. No leeway, so that all
measure with one measure.
"""

import json
import warnings
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any, Final, NamedTuple

import authlib.deprecate  # type: ignore[import-untyped]
import joserfc.errors
import joserfc.jwk
import joserfc.jwt
import jwcrypto.common  # type: ignore[import-untyped]
import jwcrypto.jwk  # type: ignore[import-untyped]
import jwcrypto.jwt  # type: ignore[import-untyped]
import jwt
from tests.attacks.inputs.hostile_input import ACCESS_TOKEN, NONCE, HostileInput, Own, Published, Secret
from tests.comparison.verdicts import ACCEPTED, NotApplicable, Verdict, verdict_of
from tests.tokens.forge import AUDIENCE, ISSUER

import tokenward
from tokenward.clock import FakeClock
from tokenward.errors import Error
from tokenward.jose import HMACKey, JWKSet, base64url, import_jwk
from tokenward.tokens import IDTokenVerifier, TokenVerifier, parse_authorization

with warnings.catch_warnings():
    # It points to its successor, joserfc, which is compared too.
    warnings.simplefilter("ignore", authlib.deprecate.AuthlibDeprecationWarning)
    import authlib.jose  # type: ignore[import-untyped]

REQUIRED: Final = ("iss", "sub", "aud", "exp", "iat", "jti", "client_id")


class Library(NamedTuple):
    """A library: how it loads keys, how it verifies a token with them, and what it raises for what it refuses."""

    name: str
    version: str
    load: Callable[[HostileInput], Any]
    verify: Callable[[HostileInput, Any, int], object]
    refusals: tuple[type[Exception], ...]

    def verdict(self, one: HostileInput, now: int) -> Verdict:
        """Return what the library makes of the input at the time `now`."""
        loaded: list[Any] = []
        # All of them say with a ValueError that a key is none; programs load their keys when they start.
        verdict = verdict_of(lambda: loaded.append(self.load(one)), (*self.refusals, ValueError))
        if verdict.word != ACCEPTED or one.token is None:
            return verdict
        return verdict_of(lambda: self.verify(one, loaded[0], now), self.refusals)


def _key_set_text(one: HostileInput) -> str:
    """Return the JWK Set, as an HTTP client gives a body that is called JSON. Only access tokens are compared."""
    if one.authorization or one.is_id_token or isinstance(one.keys, Secret):
        raise NotApplicable
    if isinstance(one.keys, Published):
        return one.keys.text.decode("utf-8", "replace")
    return json.dumps({"keys": one.keys.jwks})


def _load_tokenward(one: HostileInput) -> JWKSet:
    if isinstance(one.keys, Secret):
        return JWKSet([HMACKey(one.keys.data)])
    if isinstance(one.keys, Own):
        return JWKSet(import_jwk(jwk) for jwk in one.keys.jwks)
    return JWKSet.parse(one.keys.text)


def _verify_tokenward(one: HostileInput, keys: JWKSet, now: int) -> object:
    clock = FakeClock(now)
    token = str(one.token)
    if one.is_id_token:
        id_tokens = IDTokenVerifier(
            issuer=ISSUER, client_id=AUDIENCE, keys=keys, clock=clock, leeway_seconds=0
        )
        return id_tokens.verify(token, nonce=NONCE, access_token=ACCESS_TOKEN)
    if one.authorization:
        token = parse_authorization(one.authorization)
    return TokenVerifier(
        issuer=ISSUER,
        audience=AUDIENCE,
        keys=keys,
        algorithms=one.algorithms,
        clock=clock,
        leeway_seconds=0,
    ).verify(token)


class _LocalKeys(jwt.PyJWKClient):
    """PyJWT's own reading of a JWK Set and choice of the key for a token, without the network."""

    def __init__(self, text: str) -> None:
        super().__init__("https://keys.invalid/", cache_jwk_set=False)
        self._text = text

    def fetch_data(self) -> Any:
        return json.loads(self._text)


_PYJWT: Final = jwt.PyJWT(options={"enforce_minimum_key_length": True})


def _load_pyjwt(one: HostileInput) -> _LocalKeys | bytes:
    if isinstance(one.keys, Secret):
        return one.keys.data
    client = _LocalKeys(_key_set_text(one))
    client.get_signing_keys()
    return client


def _verify_pyjwt(one: HostileInput, keys: _LocalKeys | bytes, _now: int) -> object:
    token = str(one.token)
    return _PYJWT.decode(
        token,
        keys if isinstance(keys, bytes) else keys.get_signing_key_from_jwt(token),
        algorithms=list(one.algorithms),
        audience=AUDIENCE,
        issuer=ISSUER,
        options={"require": list(REQUIRED)},
    )


def _load_joserfc(one: HostileInput) -> joserfc.jwk.OctKey | joserfc.jwk.KeySet:
    if isinstance(one.keys, Secret):
        return joserfc.jwk.OctKey.import_key(one.keys.data)
    try:
        parsed = json.loads(_key_set_text(one))
    except (ValueError, RecursionError):
        raise NotApplicable from None  # It takes what the caller has parsed.
    keys = joserfc.jwk.KeySet.import_key_set(parsed)
    if one.token is None:
        assert all(key.public_key for key in keys)  # The numbers are read when they are first needed.
    return keys


def _verify_joserfc(one: HostileInput, keys: joserfc.jwk.OctKey | joserfc.jwk.KeySet, now: int) -> object:
    options: dict[str, Any] = {name: {"essential": True} for name in REQUIRED}
    options["iss"]["value"], options["aud"]["value"] = ISSUER, AUDIENCE
    token = joserfc.jwt.decode(str(one.token), keys, algorithms=list(one.algorithms))
    joserfc.jwt.JWTClaimsRegistry(now=now, leeway=0, **options).validate(token.claims)
    return token


def _load_authlib(one: HostileInput) -> Any:
    if isinstance(one.keys, Secret):
        return authlib.jose.OctKey.import_key(one.keys.data)
    keys = authlib.jose.JsonWebKey.import_key_set(_key_set_text(one))
    if one.token is None:
        assert all(key.get_public_key() for key in keys.keys)
    return keys


def _verify_authlib(one: HostileInput, keys: Any, now: int) -> object:
    options: dict[str, Any] = {name: {"essential": True} for name in REQUIRED}
    options["iss"]["value"], options["aud"]["value"] = ISSUER, AUDIENCE
    decoder = authlib.jose.JsonWebToken(list(one.algorithms))
    claims = decoder.decode(str(one.token), keys, claims_options=options)
    claims.validate(now=now, leeway=0)
    return claims


def _load_jwcrypto(one: HostileInput) -> Any:
    if isinstance(one.keys, Secret):
        return jwcrypto.jwk.JWK(kty="oct", k=base64url.encode(one.keys.data).decode())
    keys = jwcrypto.jwk.JWKSet.from_json(_key_set_text(one))
    if one.token is None:
        assert all(key.get_op_key("verify") for key in keys)
    return keys


def _verify_jwcrypto(one: HostileInput, keys: Any, _now: int) -> object:
    demanded: Mapping[str, Any] = dict.fromkeys(REQUIRED) | {"iss": ISSUER, "aud": AUDIENCE}
    token = jwcrypto.jwt.JWT(
        algs=list(one.algorithms), check_claims=demanded, expected_type="JWS", strict_serialization=True
    )
    token.leeway = 0
    token.deserialize(str(one.token), keys)
    return token


# Authlib and jwcrypto document ValueError beside their own exceptions, PyJWT and joserfc do not.
LIBRARIES: Final = (
    Library("Tokenward", tokenward.__version__, _load_tokenward, _verify_tokenward, (Error,)),
    Library("PyJWT", version("pyjwt"), _load_pyjwt, _verify_pyjwt, (jwt.PyJWTError,)),
    Library("joserfc", version("joserfc"), _load_joserfc, _verify_joserfc, (joserfc.errors.JoseError,)),
    Library(
        "Authlib", version("authlib"), _load_authlib, _verify_authlib, (authlib.jose.JoseError, ValueError)
    ),
    Library(
        "jwcrypto",
        version("jwcrypto"),
        _load_jwcrypto,
        _verify_jwcrypto,
        (jwcrypto.common.JWException, ValueError),
    ),
)
