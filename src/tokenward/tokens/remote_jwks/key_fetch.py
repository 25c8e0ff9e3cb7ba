"""One attempt to fetch the keys, as a sequence of requests that somebody else makes.

A generator yields each `Request` and is sent its `Response`, or is thrown the `FetchFailed`; so threads and coroutines
run the same steps.
"""

import math
from collections.abc import Generator
from typing import Any, Final, NamedTuple, Self

from tokenward.errors import Error
from tokenward.jose.jwk import InvalidKey
from tokenward.jose.jwks import MAX_KEYS, JWKSet
from tokenward.jose.strict_json import StrictJSONError, decode_object
from tokenward.tokens.remote_jwks.addresses import Address, check_address
from tokenward.tokens.remote_jwks.answers import check_answer, find_entity_tag, life_seconds, make_request
from tokenward.tokens.remote_jwks.discovery import check_issuer, discover
from tokenward.tokens.remote_jwks.options import Settings
from tokenward.tokens.remote_jwks.transport import FetchFailed, Request, Response

METADATA_SECONDS: Final = 86_400

# All that RFC 7518 section 6 and RFC 9964 call private; `k` is the secret of a symmetric key.
_SECRET_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})


class Known(NamedTuple):
    """What an attempt leaves to the next: where the keys are, since when that is known, and the last answer's ETag."""

    address: Address | None = None
    found_at: float = -math.inf
    etag: str | None = None


class Fetched(NamedTuple):
    """What an attempt brought. `body` is None when nothing changed (304)."""

    known: Known
    body: bytes | None
    life_seconds: float
    problems: tuple[str, ...]


class KeySetRead(NamedTuple):
    """A JWK Set from outside, and what is wrong with it beyond the keys that were skipped."""

    keys: JWKSet
    problems: tuple[str, ...]


class KeyFetch:
    """Where the keys of one issuer are: at an address that was configured, or at one that its metadata names.

    `first` is what the first attempt knows.
    """

    def __init__(
        self,
        issuer: str | None,
        settings: Settings,
        *,
        address: Address | None = None,
        metadata: tuple[Address, Address] | None = None,
    ) -> None:
        self.issuer = issuer
        self.first = Known() if address is None else Known(address, math.inf)
        self._settings = settings
        self._metadata = metadata

    @classmethod
    def at(cls, url: str, issuer: str | None, settings: Settings) -> Self:
        """Fetch from this address.

        Raises:
            ConfigurationError: when it is not one that may be asked.
        """
        address = check_address(url, insecure_loopback_http=settings.insecure_loopback_http)
        return cls(issuer, settings, address=address)

    @classmethod
    def of(cls, issuer: str, settings: Settings) -> Self:
        """Fetch from where the metadata of this issuer says.

        Raises:
            ConfigurationError: when it is not one that may be asked.
        """
        return cls(issuer, settings, metadata=check_issuer(issuer, settings))

    def steps(self, known: Known, now: float) -> Generator[Request, Response, Fetched]:
        """Make one attempt at `now` (monotonic seconds).

        Metadata is asked for when the address of the keys is not known, was found a day ago, or leads nowhere any
        more. When old metadata cannot be renewed, the known address is still good.

        Raises:
            FetchFailed: when there are no keys to be had.
        """
        problems: tuple[str, ...] = ()
        if known.address is None:
            known = yield from self._discover(known, now)
        elif now - known.found_at >= METADATA_SECONDS:
            try:
                known = yield from self._discover(known, now)
            except FetchFailed as error:
                problems = (f"metadata: {error.reason}",)
        elif self._metadata is not None:
            try:
                return (yield from self._get(known, problems))
            except FetchFailed as error:
                if error.http_status not in (404, 410):
                    raise
            known = yield from self._discover(known, now)
        return (yield from self._get(known, problems))

    def _discover(self, known: Known, now: float) -> Generator[Request, Response, Known]:
        if self.issuer is None or self._metadata is None:
            raise FetchFailed("no_address")
        address = yield from discover(self.issuer, self._metadata, self._settings)
        return Known(address, now, known.etag if address == known.address else None)

    def _get(self, known: Known, problems: tuple[str, ...]) -> Generator[Request, Response, Fetched]:
        if known.address is None:
            raise FetchFailed("no_address")
        request = make_request(known.address, self._settings, etag=known.etag)
        response = check_answer(request, (yield request))
        life = life_seconds(response.headers, self._settings)
        if response.status == 304:
            return Fetched(known, None, life, problems)
        known = known._replace(etag=find_entity_tag(response.headers))
        return Fetched(known, response.body, life, problems)


def read_key_set(body: bytes, settings: Settings) -> KeySetRead:
    """Return the keys in `body`, which came from the issuer.

    A set without one usable key is taken as it is: an issuer who withdraws all his keys means it.

    Raises:
        FetchFailed: when `body` is not a JWK Set within the limits.
    """
    try:
        keys = JWKSet.parse(body, rsa_algorithm=settings.rsa_algorithm)
    except StrictJSONError as error:
        raise FetchFailed("jwk_set_refused", error.reason) from None
    except InvalidKey as error:
        raise FetchFailed("jwk_set_refused", error.description) from None
    except Error as error:
        raise FetchFailed("jwk_set_refused", error.reason or error.description) from None
    if len(keys) + len(keys.skipped) > settings.max_keys:
        raise FetchFailed("jwk_set_refused", "too_many_keys")
    problems = _published_secrets(body) if keys.skipped else ()
    if not len(keys):
        problems += ("the issuer publishes no key that can be used",)
    return KeySetRead(keys, problems)


def _published_secrets(body: bytes) -> tuple[str, ...]:
    """Say which keys were published with what makes signatures: everybody can sign as the issuer (A22)."""
    entries: Any = decode_object(body, max_bytes=len(body), max_members=20 * MAX_KEYS)["keys"]
    return tuple(
        f"key {number} is published with its secret part"
        for number, entry in enumerate(entries)
        if type(entry) is dict and not _SECRET_MEMBERS.isdisjoint(entry)
    )
