"""The well-known documents: the JWK Set, and metadata that says only what is true."""

from tokenward.server.endpoints.messages import Request, Response, json_response
from tokenward.server.keyring.ring import KeyRing

JWK_SET_PATH = "/.well-known/jwks.json"


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
        self._metadata = {
            "issuer": issuer,
            "jwks_uri": issuer.rstrip("/") + JWK_SET_PATH,
            "response_types_supported": (),
            "grant_types_supported": (),
            "token_endpoint_auth_methods_supported": (),
            "scopes_supported": scopes,
        }

    async def jwk_set(self, request: Request) -> Response:
        """The public keys, as of the last look at the ring: at most two seconds ago while the database can be read."""
        ring = self._ring
        headers = (self._cache_control, (b"etag", ring.jwk_set_etag))
        if request.header(b"if-none-match") == ring.jwk_set_etag:
            return Response(304, b"", headers=headers)
        return Response(200, ring.jwk_set, headers=headers)

    async def authorization_server(self, _: Request) -> Response:
        """RFC 8414 metadata."""
        return json_response(self._metadata, headers=(self._cache_control,))

    async def openid_configuration(self, _: Request) -> Response:
        """OpenID Connect discovery, as far as there is something to discover."""
        openid = {"subject_types_supported": ("public",), "id_token_signing_alg_values_supported": ()}
        return json_response(self._metadata | openid, headers=(self._cache_control,))
