"""Tokens and key sets as the providers of the how-to pages make them, and as an issuer of RFC 9068 does."""

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, NamedTuple

import pytest

from tokenward.clock import SystemClock
from tokenward.errors import InvalidToken
from tokenward.jose import (
    ECPrivateKey,
    RSAPrivateKey,
    SigningKey,
    base64url,
    import_private_jwk,
    sign_compact,
)
from tokenward.tokens.remote_jwks import Request, Response

ABSENT: Final = object()
NONCE: Final = "n-0S6_WzA2Mj"
TENANT: Final = "8f2c1d3e-5a6b-4c7d-9e8f-0a1b2c3d4e5f"
ISSUER: Final = "https://auth.example.com"
AUDIENCE: Final = "https://api.example.com"


def now() -> int:
    """The seconds since 1970: the pages verify with the clock of the system."""
    return int(SystemClock().now())


def new_key() -> ECPrivateKey:
    """A new key for ES256."""
    return ECPrivateKey.generate()


def access_claims(**changes: Any) -> dict[str, Any]:
    """The claims of an access token of RFC 9068, some changed, or left out with `ABSENT`."""
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "usr_nQ4bJm0m1h8X4v7sXyM1Zw",
        "client_id": "web-shop",
        "jti": "7d1mK3rUQ0yq1r8W0l2a3g",
        "iat": now(),
        "exp": now() + 900,
        "scope": "orders:read",
        "tenant": "acme",
    } | changes
    return {name: value for name, value in claims.items() if value is not ABSENT}


def signed(key: SigningKey, payload: Mapping[str, Any] | str, **header: Any) -> str:
    """A token with exactly this payload and, beside `alg kid typ`, this header."""
    text = payload if isinstance(payload, str) else json.dumps(payload)
    parameters = {"alg": key.alg, "kid": key.kid, "typ": "at+jwt"} | header
    written = {name: value for name, value in parameters.items() if value is not ABSENT}
    segments = [base64url.encode(part.encode()) for part in (json.dumps(written), text)]
    signing_input = b".".join(segments)
    return (signing_input + b"." + base64url.encode(key.sign(signing_input))).decode()


def reason_of(verify: Callable[[], object]) -> str:
    """Why a token was refused."""
    with pytest.raises(InvalidToken) as caught:
        verify()
    return caught.value.reason


def with_wrong_signature(token: str) -> str:
    """The token with another signature, which is well formed."""
    signing_input, _, signature = token.rpartition(".")
    return f"{signing_input}.{signature[:9]}{'A' if signature[9] != 'A' else 'B'}{signature[10:]}"


class Published:
    """Stands where the network would be: has the documents of some addresses, and 404 for all others."""

    def __init__(self, documents: Mapping[str, Mapping[str, Any]]) -> None:
        self.documents = {address: json.dumps(document).encode() for address, document in documents.items()}
        self.asked: list[str] = []

    def fetch(self, request: Request) -> Response:
        self.asked.append(request.address.url)
        body = self.documents.get(request.address.url)
        return (
            Response(404, {}, b"") if body is None else Response(200, {"cache-control": "max-age=900"}, body)
        )


class AsyncPublished:
    """The same for coroutines."""

    def __init__(self, published: Published) -> None:
        self._published = published

    async def fetch(self, request: Request) -> Response:
        return self._published.fetch(request)


class Provider(NamedTuple):
    """What one provider publishes, and the claims of its access tokens but for the times.

    `jwk` has what it writes into a key beside the numbers; `header` what it writes beside `alg` and `kid`.
    """

    issuer: str
    jwks_uri: str
    jwk: Mapping[str, Any]
    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    life_seconds: int = 3600
    more_keys: tuple[Mapping[str, Any], ...] = ()
    more_addresses: tuple[str, ...] = ()

    def documents(self, **metadata: Any) -> dict[str, Mapping[str, Any]]:
        """The metadata, some of it changed, and the JWK Set."""
        jwk = _key().public_key().to_jwk()
        numbers = {name: jwk[name] for name in ("kty", "n", "e")}
        keys = {"keys": [*self.more_keys, numbers | dict(self.jwk)]}
        openid = {"issuer": self.issuer, "jwks_uri": self.jwks_uri, "subject_types_supported": ["public"]}
        return {
            f"{self.issuer.rstrip('/')}/.well-known/openid-configuration": openid | metadata,
            **dict.fromkeys((self.jwks_uri, *self.more_addresses), keys),
        }

    def token(
        self, /, *, header: Mapping[str, Any] | None = None, key: SigningKey | None = None, **changes: Any
    ) -> str:
        """A token of now with some claims changed, or left out with `ABSENT`."""
        claims = dict(self.claims) | {"iat": now(), "exp": now() + self.life_seconds} | changes
        claims = {name: value for name, value in claims.items() if value is not ABSENT}
        signing = key or import_private_jwk(
            _key().to_private_jwk() | {"kid": self.jwk["kid"], "alg": "RS256", "use": "sig"}
        )
        return sign_compact(self.header if header is None else header, json.dumps(claims).encode(), signing)


@cache
def _key() -> RSAPrivateKey:
    return RSAPrivateKey.generate()


AUTH0: Final = Provider(
    issuer="https://example.eu.auth0.com/",
    jwks_uri="https://example.eu.auth0.com/.well-known/jwks.json",
    jwk={"use": "sig", "alg": "RS256", "kid": "x2jkZgTqnGQ8G2yPZ0nJT", "x5t": "Zm9v", "x5c": ["MIIDBTCC"]},
    header={"typ": "JWT"},
    claims={
        "https://example.com/plan": "gold",
        "iss": "https://example.eu.auth0.com/",
        "sub": "auth0|6553da60a54af58e29493993",
        "aud": ["https://api.example.com", "https://example.eu.auth0.com/userinfo"],
        "scope": "openid read:orders",
        "azp": "K1AUPhZq8mRi0Q0pjhkfu1D7y6KjDQja",
        "permissions": ["read:orders"],
    },
    life_seconds=86400,
)

KEYCLOAK: Final = Provider(
    issuer="https://login.example.com/realms/shop",
    jwks_uri="https://login.example.com/realms/shop/protocol/openid-connect/certs",
    jwk={
        "kid": "rU3zUfSWIQp3ZQOW0Ik8c0bV2Tj7xXqYH1mC5sQwG9E",
        "alg": "RS256",
        "use": "sig",
        "x5c": ["MIICmzCC"],
    },
    more_keys=({"kid": "enc-1", "kty": "RSA", "alg": "RSA-OAEP", "use": "enc", "n": "AQAB", "e": "AQAB"},),
    header={"typ": "JWT"},
    claims={
        "auth_time": 1_700_000_000,
        "jti": "onrtac:0f1d5f3c-1f0e-4f3e-8f43-0f6d8d2b7a10",
        "iss": "https://login.example.com/realms/shop",
        "aud": ["https://api.example.com", "orders", "account"],
        "sub": "3fd1a8b6-27b5-4a8e-9d2f-6b8ff1e9c0a4",
        "typ": "Bearer",
        "azp": "web-shop",
        "sid": "b2f5c7d0-0c1e-4a57-9f0b-2d6a0d3f5e11",
        "acr": "1",
        "allowed-origins": ["https://shop.example.com"],
        "realm_access": {"roles": ["customer", "offline_access"]},
        "resource_access": {"orders": {"roles": ["refund"]}, "account": {"roles": ["view-profile"]}},
        "scope": "openid profile email",
        "email_verified": True,
        "preferred_username": "ada",
    },
    life_seconds=300,
)

COGNITO: Final = Provider(
    issuer="https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_EXAMPLE01",
    jwks_uri="https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_EXAMPLE01/.well-known/jwks.json",
    jwk={"alg": "RS256", "kid": "abcdefghijklmnopqrsexample=", "use": "sig"},
    header={},
    claims={
        "sub": "8a4b1f0e-3c55-4f0b-9d51-0f6f2f2f9a11",
        "cognito:groups": ["staff"],
        "iss": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_EXAMPLE01",
        "version": 2,
        "client_id": "1example23456789",
        "origin_jti": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        "event_id": "bbbbbbbb-cccc-dddd-eeee-ffffffffffff",
        "token_use": "access",
        "scope": "openid orders/read",
        "auth_time": 1_700_000_000,
        "jti": "cccccccc-dddd-eeee-ffff-000000000000",
        "username": "ada",
    },
)

ENTRA: Final = Provider(
    issuer=f"https://login.microsoftonline.com/{TENANT}/v2.0",
    jwks_uri=f"https://login.microsoftonline.com/{TENANT}/discovery/v2.0/keys",
    more_addresses=("https://login.microsoftonline.com/common/discovery/keys",),
    jwk={
        "use": "sig",
        "kid": "CNv0OI3RwqlHFEVnaoMAshCH2XE",
        "x5t": "CNv0OI3RwqlHFEVnaoMAshCH2XE",
        "x5c": ["MIIC/jCC"],
        "issuer": f"https://login.microsoftonline.com/{TENANT}/v2.0",
    },
    header={"typ": "JWT"},
    claims={
        "aud": "11112222-bbbb-3333-cccc-4444dddd5555",
        "iss": f"https://login.microsoftonline.com/{TENANT}/v2.0",
        "nbf": 1_700_000_000,
        "aio": "AXQAi/8IAAAA",
        "azp": "00001111-aaaa-2222-bbbb-3333cccc4444",
        "azpacr": "1",
        "name": "Ada Example",
        "oid": "22223333-cccc-4444-dddd-5555eeee6666",
        "preferred_username": "ada@example.com",
        "rh": "0.ARoA",
        "roles": ["Clerk"],
        "scp": "Orders.Read",
        "sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
        "tid": TENANT,
        "uti": "fqiBqXLPj0eQa82S-IYFAA",
        "ver": "2.0",
    },
)

OKTA: Final = Provider(
    issuer="https://example.okta.com/oauth2/default",
    jwks_uri="https://example.okta.com/oauth2/default/v1/keys",
    jwk={"alg": "RS256", "kid": "iKqiD4cr7FZKm6f05K4r-GQOvjRqjOeFmOho9V7SAXY", "use": "sig"},
    header={},
    claims={
        "ver": 1,
        "jti": "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE",
        "iss": "https://example.okta.com/oauth2/default",
        "aud": "api://default",
        "cid": "0oabucvyc38HLL1ef0h7",
        "uid": "00uid4BxXw6I6TV4m0g3",
        "scp": ["openid", "orders.read"],
        "auth_time": 1_700_000_000,
        "sub": "ada@example.com",
        "groups": ["clerks"],
    },
)

GOOGLE: Final = Provider(
    issuer="https://accounts.google.com",
    jwks_uri="https://www.googleapis.com/oauth2/v3/certs",
    jwk={"alg": "RS256", "kid": "f5f4bf46e52b31d9b6249f7309ad0338400680cd", "use": "sig"},
    header={"typ": "JWT"},
    claims={
        "iss": "https://accounts.google.com",
        "azp": "1234567890-example.apps.googleusercontent.com",
        "aud": "1234567890-example.apps.googleusercontent.com",
        "sub": "110169484474386276334",
        "hd": "example.com",
        "email": "ada@example.com",
        "email_verified": True,
        "at_hash": "9ZmA5kEcHQ9PKcPHv0Fxyw",
        "nonce": NONCE,
        "name": "Ada Example",
        "given_name": "Ada",
    },
)
