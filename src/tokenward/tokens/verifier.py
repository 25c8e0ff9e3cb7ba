"""The one call that verifies an access token: signature, kind, claims and revocation (RFC 9068 section 4).

It waits for nothing: keys and revocations are in memory, and are replaced and fed by others.
"""

import hashlib
from collections.abc import Iterable
from typing import Final

from tokenward.clock import Clock
from tokenward.errors import ConfigurationError
from tokenward.jose.claims import check_audience, check_issuer, check_times
from tokenward.jose.jwks import JWKSet
from tokenward.jose.jws import MAX_TOKEN_BYTES, CompactVerifier, allowed_algorithms, token_bytes
from tokenward.jose.jwt import decode_claims
from tokenward.tokens.access_token import AccessToken, access_token_of
from tokenward.tokens.profiles import ACCESS_TOKEN, check_typ
from tokenward.tokens.revocation_set import RevocationSet

MAX_LEEWAY_SECONDS: Final = 300

_Verified = tuple[float, float, AccessToken]
"""From when and until when a verified token is good, leeway included, and the token."""

# A hash object that was set up once and is copied costs less than a new one.
_copy_sha256: Final = hashlib.sha256().copy


class _Trust:
    """One key set with all that was concluded from it.

    New keys bring a new object. So nothing that the old keys proved outlives them, also when a verification
    was under way on another thread while the keys were replaced: it remembers its conclusion in the old
    object.
    """

    __slots__ = ("_half", "compact", "older", "recent")

    def __init__(self, keys: JWKSet, algorithms: frozenset[str], cache_size: int) -> None:
        self.compact = CompactVerifier(keys, algorithms)
        self.recent: dict[bytes, _Verified] = {}
        self.older: dict[bytes, _Verified] = {}
        self._half = cache_size // 2

    def remember(self, digest: bytes, verified: _Verified) -> None:
        """Keep a verified token. Two halves take turns, so that making room needs no search for the oldest."""
        if len(self.recent) >= self._half:
            self.older, self.recent = self.recent, {}
        self.recent[digest] = verified


class TokenVerifier:
    """Verifies the access tokens of one issuer for one audience.

    Args:
        issuer: what `iss` must be, exactly.
        audience: what `aud` must have, exactly; the name of this API.
        keys: the keys of the issuer, and of nobody else.
        algorithms: which algorithms are allowed; None allows those of the keys, each key its own.
        clock: tells the time.
        leeway_seconds: how far the issuer's clock may be off, 0 to 300.
        max_token_bytes: longer tokens are refused before anything else happens.
        revocations: what has been revoked; it is asked about every token on every call. With None nobody asks.
        cache_size: how many verified tokens are remembered, 0 for none. A remembered token costs no signature
            check, but its times and the revocations are looked at again.

    It can be shared by threads.

    Raises:
        ConfigurationError: for a setting that is wrong or missing; there is no default that checks less.
    """

    def __init__(
        self,
        *,
        issuer: str,
        audience: str,
        keys: JWKSet,
        algorithms: Iterable[str] | None = None,
        clock: Clock,
        leeway_seconds: int = 0,
        max_token_bytes: int = MAX_TOKEN_BYTES,
        revocations: RevocationSet | None = None,
        cache_size: int = 4096,
    ) -> None:
        self._issuer = _name("issuer", issuer)
        self._audience = _name("audience", audience)
        self._algorithms = None if algorithms is None else allowed_algorithms(algorithms)
        self._leeway = _whole_number("leeway_seconds", leeway_seconds, 0, MAX_LEEWAY_SECONDS)
        self._max_token_bytes = _whole_number("max_token_bytes", max_token_bytes, 256, 1024 * 1024)
        self._cache_size = _whole_number("cache_size", cache_size, 0, 10_000_000)
        self._now = clock.now
        self._revocations = revocations
        self.replace_keys(keys)

    def verify(self, token: str | bytes) -> AccessToken:
        """Return the access token after every check: signature first, then `typ iss aud exp nbf iat`,
        revocation.

        What is not checked: whether the scope or the roles suffice for what the caller wants; the guard does
        that.

        Raises:
            InvalidToken: when it is refused, always the same to the outside. `reason` and `claim` say why to
            the log.
        """
        data = token_bytes(token, self._max_token_bytes)
        trust = self._trust
        sha256 = _copy_sha256()
        sha256.update(data)
        # The whole token is the key, so two tokens can never be taken for each other.
        digest = sha256.digest()
        verified = trust.recent.get(digest) or trust.older.get(digest)
        now = self._now()
        if verified is None:
            verified = self._verify_unknown(trust, data, now)
            if self._cache_size:
                trust.remember(digest, verified)
        valid_from, valid_until, access_token = verified
        if not valid_from <= now < valid_until:
            # Raises, and says which of the times it is.
            check_times(access_token.claims, now=now, leeway=self._leeway)
        if self._revocations is not None:
            self._revocations.check(access_token)
        return access_token

    def replace_keys(self, keys: JWKSet) -> None:
        """Trust `keys` from now on, and forget every token that was verified before."""
        algorithms = self._algorithms
        if algorithms is None:
            algorithms = frozenset[str]().union(*(key.header_algorithms for key in keys.keys))
        self._trust = _Trust(keys, algorithms, self._cache_size)

    def _verify_unknown(self, trust: _Trust, data: bytes, now: float) -> _Verified:
        header, payload = trust.compact.verify(data)
        # Nothing about the claims may be told before this line: they could be anybody's.
        check_typ(header.typ, ACCESS_TOKEN)
        claims = decode_claims(payload)
        check_issuer(claims, self._issuer)
        aud = check_audience(claims, self._audience)
        valid_from, valid_until = check_times(claims, now=now, leeway=self._leeway)
        return valid_from, valid_until, access_token_of(claims, aud=aud, kid=header.key.kid)


def _name(setting: str, value: str) -> str:
    if type(value) is not str or not value or not value.isprintable():
        raise ConfigurationError(f"`{setting}` must be a string that is not empty: what the token must say.")
    return value


def _whole_number(setting: str, value: int, smallest: int, largest: int) -> int:
    if type(value) is not int or not smallest <= value <= largest:
        raise ConfigurationError(f"`{setting}` must be a whole number from {smallest} to {largest}.")
    return value
