"""Requests for keys and metadata, and what of an answer is believed (RFC 9110, RFC 9111)."""

import re
from collections.abc import Mapping
from typing import Final

from tokenward.tokens.remote_jwks.addresses import Address
from tokenward.tokens.remote_jwks.options import Settings
from tokenward.tokens.remote_jwks.transport import FetchFailed, Request, Response

_ENTITY_TAG: Final = re.compile(r'(?:W/)?"[!#-~]{0,256}"')
_MAX_AGE: Final = re.compile(
    r'(?:^|[\s,])max-age\s*=\s*"?([0-9]{1,10})"?\s*(?:,|$)', re.ASCII | re.IGNORECASE
)
_NOT_KEPT: Final = re.compile(r"(?:^|[\s,])(?:no-store|no-cache)\b", re.ASCII | re.IGNORECASE)
_SECONDS: Final = re.compile(r"[0-9]{1,10}", re.ASCII)


def make_request(address: Address, settings: Settings, *, etag: str | None = None) -> Request:
    """Return the request for what is at `address`, or for whether it is still what `etag` names."""
    headers = {
        "accept": "application/jwk-set+json, application/json",
        # A few bytes that unpack to gigabytes are not asked for, and refused when they come.
        "accept-encoding": "identity",
        "user-agent": "tokenward",
    }
    if etag is not None:
        headers["if-none-match"] = etag
    return Request(address, headers, settings.max_bytes, settings.timeout_seconds)


def check_answer(request: Request, response: Response) -> Response:
    """Return the response if it is 200 with a plain body, or 304 where that was asked for.

    Raises:
        FetchFailed: for any other status, a redirect above all, for an encoded or too large body.
    """
    status = response.status
    if status in (301, 302, 303, 307, 308):
        # It would lead away from what was configured, into the network behind the firewall perhaps (B06).
        raise FetchFailed(
            "redirect_refused", f"{status} to {response.headers.get('location', '')}", http_status=status
        )
    if status != 200 and not (status == 304 and "if-none-match" in request.headers):
        raise FetchFailed(f"status_{status}", http_status=status)
    encoding = response.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        raise FetchFailed("content_encoding_refused", encoding)
    if len(response.body) > request.max_bytes:
        raise FetchFailed("too_large")
    return response


def find_entity_tag(headers: Mapping[str, str]) -> str | None:
    """Return the ETag, if it is one that can be sent back."""
    etag = headers.get("etag", "")
    return etag if _ENTITY_TAG.fullmatch(etag) else None


def life_seconds(headers: Mapping[str, str], settings: Settings) -> float:
    """Return how long the keys in this answer may be used without asking again.

    It is `max-age` less `Age`, within the bounds of the settings: the lower, so that an issuer who forbids caching is
    not asked for every token; the upper, so that a withdrawn key does not live for months.
    """
    control = headers.get("cache-control", "")
    found = _MAX_AGE.search(control)
    if found is None or _NOT_KEPT.search(control):
        return settings.fresh_seconds
    age = headers.get("age", "").strip()
    left = int(found[1]) - (int(age) if _SECONDS.fullmatch(age) else 0)
    return min(max(left, settings.fresh_seconds), settings.longest_fresh_seconds)
