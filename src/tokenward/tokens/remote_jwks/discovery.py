"""Where an issuer says that its keys are (OpenID Connect Discovery 1.0 section 4, RFC 8414 section 3)."""

from collections.abc import Generator

from tokenward.errors import ConfigurationError
from tokenward.jose.strict_json import StrictJSONError, decode_object
from tokenward.tokens.remote_jwks.addresses import Address, check_address
from tokenward.tokens.remote_jwks.answers import check_answer, make_request
from tokenward.tokens.remote_jwks.options import Settings
from tokenward.tokens.remote_jwks.transport import FetchFailed, Request, Response


def check_issuer(issuer: str, settings: Settings) -> tuple[Address, Address]:
    """Return the addresses of the metadata of `issuer`: OpenID Connect's, and RFC 8414's.

    OpenID Connect appends to the path of the issuer, RFC 8414 puts the name in front of it. A slash at the end of the
    issuer is part of its name, but not of these addresses.

    Raises:
        ConfigurationError: when `issuer` is not an address that may be asked, or has a query.
    """
    address = check_address(issuer, insecure_loopback_http=settings.insecure_loopback_http)
    if "?" in issuer:
        raise ConfigurationError("An issuer must have no query (RFC 8414 section 2).")
    path = address.target.rstrip("/")
    origin = address.url.split("/", 3)[:3]
    openid = "/".join(origin) + path + "/.well-known/openid-configuration"
    oauth = "/".join(origin) + "/.well-known/oauth-authorization-server" + path
    return (
        check_address(openid, insecure_loopback_http=settings.insecure_loopback_http),
        check_address(oauth, insecure_loopback_http=settings.insecure_loopback_http),
    )


def discover(
    issuer: str, places: tuple[Address, Address], settings: Settings
) -> Generator[Request, Response, Address]:
    """Ask for the metadata of `issuer` and return the address of its keys.

    Raises:
        FetchFailed: when there is no metadata, when it is another issuer's, or when the address in it is not allowed.
    """
    openid, oauth = places
    request = make_request(openid, settings)
    response = yield request
    if response.status == 404:
        request = make_request(oauth, settings)
        response = yield request
    check_answer(request, response)
    try:
        metadata = decode_object(response.body, max_bytes=settings.max_bytes)
    except StrictJSONError as error:
        raise FetchFailed("metadata_refused", error.reason) from None
    # Byte for byte: whoever can put his own document at this address must not become this issuer (B21).
    if metadata.get("issuer") != issuer:
        raise FetchFailed("metadata_issuer_mismatch", str(metadata.get("issuer")))
    jwks_uri = metadata.get("jwks_uri")
    if type(jwks_uri) is not str:
        raise FetchFailed("metadata_without_jwks_uri")
    try:
        return check_address(jwks_uri, insecure_loopback_http=settings.insecure_loopback_http)
    except ConfigurationError:
        raise FetchFailed("jwks_uri_refused", jwks_uri) from None
