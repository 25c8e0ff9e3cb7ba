"""The well-known documents: the JWK Set, and metadata that says only what is true."""

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from tokenward.server.endpoints.documentation.described import Access, described
from tokenward.server.endpoints.documentation.fields import EXAMPLE_KID, Kid
from tokenward.server.endpoints.messages import Request, Response, extended, json_response
from tokenward.server.keyring.ring import KeyRing
from tokenward.server.login import FIRST_PARTY_SCOPE

JWK_SET_PATH = "/.well-known/jwks.json"


class PublicKey(msgspec.Struct):
    """A public key (RFC 7517). Which members describe it depends on `kty`."""

    kty: Literal["EC", "RSA", "OKP"]
    use: Literal["sig"]
    alg: str
    kid: Kid
    crv: str | UnsetType = UNSET
    x: str | UnsetType = UNSET
    y: str | UnsetType = UNSET
    n: str | UnsetType = UNSET
    e: str | UnsetType = UNSET


class PublicKeySet(msgspec.Struct):
    """The public keys (RFC 7517 section 5). Under `HS256` there is none."""

    keys: list[PublicKey]


class ServerMetadata(msgspec.Struct):
    """Metadata of RFC 8414 that says only what is true: an empty list means that there is none."""

    issuer: str
    jwks_uri: str
    response_types_supported: tuple[str, ...]
    grant_types_supported: tuple[str, ...]
    token_endpoint_auth_methods_supported: tuple[str, ...]
    scopes_supported: tuple[str, ...]


class OpenIDMetadata(ServerMetadata):
    """Metadata of OpenID Connect Discovery 1.0."""

    subject_types_supported: tuple[str, ...]
    id_token_signing_alg_values_supported: tuple[str, ...]


_EXAMPLE = ServerMetadata(
    issuer="https://auth.example.com",
    jwks_uri="https://auth.example.com/.well-known/jwks.json",
    response_types_supported=(),
    grant_types_supported=(),
    token_endpoint_auth_methods_supported=(),
    scopes_supported=(FIRST_PARTY_SCOPE,),
)
_EXAMPLE_KEY = PublicKey(
    kty="EC",
    use="sig",
    alg="ES256",
    kid=EXAMPLE_KID,
    crv="P-256",
    x="f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    y="x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
)


class WellKnownEndpoints:
    """RFC 7517 section 5, RFC 8414, OpenID Connect Discovery 1.0."""

    def __init__(
        self,
        *,
        issuer: str,
        scopes: tuple[str, ...],
        ring: KeyRing,
        jwks_max_age_seconds: int,
        jwks_stale_while_revalidate_seconds: int,
    ) -> None:
        self._ring = ring
        cache = f"public, max-age={jwks_max_age_seconds}"
        if jwks_stale_while_revalidate_seconds:
            cache += f", stale-while-revalidate={jwks_stale_while_revalidate_seconds}"
        self._cache_control = (b"cache-control", cache.encode())
        # There is no authorization or token endpoint yet, so none is named and every list of them is empty: a
        # member left out would mean its default, which is not empty.
        self._metadata = ServerMetadata(
            issuer=issuer,
            jwks_uri=issuer.rstrip("/") + JWK_SET_PATH,
            response_types_supported=(),
            grant_types_supported=(),
            token_endpoint_auth_methods_supported=(),
            scopes_supported=scopes,
        )

    @described("jwkSet", access=Access.ANYBODY, answer=PublicKeySet([_EXAMPLE_KEY]), conditional=True)
    async def jwk_set(self, request: Request) -> Response:
        """The public keys, as of the last look at the ring: at most two seconds ago while the database can be read."""
        ring = self._ring
        headers = (self._cache_control, (b"etag", ring.jwk_set_etag))
        if request.header(b"if-none-match") == ring.jwk_set_etag:
            return Response(304, b"", headers=headers)
        return Response(200, ring.jwk_set, headers=headers)

    @described("authorizationServerMetadata", access=Access.ANYBODY, answer=_EXAMPLE)
    async def authorization_server(self, _: Request) -> Response:
        """RFC 8414 metadata."""
        return json_response(self._metadata, headers=(self._cache_control,))

    @described(
        "openidConfiguration",
        access=Access.ANYBODY,
        answer=extended(
            OpenIDMetadata,
            _EXAMPLE,
            subject_types_supported=("public",),
            id_token_signing_alg_values_supported=(),
        ),
    )
    async def openid_configuration(self, _: Request) -> Response:
        """OpenID Connect discovery, as far as there is something to discover."""
        return json_response(_openid(self._metadata), headers=(self._cache_control,))


def _openid(metadata: ServerMetadata) -> OpenIDMetadata:
    return extended(
        OpenIDMetadata,
        metadata,
        subject_types_supported=("public",),
        id_token_signing_alg_values_supported=(),
    )
