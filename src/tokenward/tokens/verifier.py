"""The one call that verifies a token: signature, kind, claims and revocation (RFC 8725 section 3, RFC 9068 section 4).

With a `JWKSet` it waits for nothing: keys and revocations are in memory, and are replaced and fed by others. With
remote keys it waits only where none are there that may be used, or where a token names one that is not known.
"""

import hashlib
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Final, Generic, TypeVar, cast, overload

from tokenward.clock import Clock, SystemClock
from tokenward.errors import ConfigurationError, InvalidToken
from tokenward.jose.jwks import JWKSet
from tokenward.jose.jws import MAX_TOKEN_BYTES, CompactVerifier, allowed_algorithms, token_bytes
from tokenward.jose.jwt import decode_claims
from tokenward.tokens.access_token import AccessToken, read_ordinary
from tokenward.tokens.custom import Custom, CustomToken
from tokenward.tokens.key_source import AsyncKeySource, KeySource
from tokenward.tokens.revocation_set import RevocationSet
from tokenward.tokens.typed_claims import claims_reader
from tokenward.tokens.verified_token import Expected, VerifiedToken

MAX_LEEWAY_SECONDS: Final = 300
DEFAULT_LEEWAY_SECONDS: Final = 10
DEFAULT_CACHE_SIZE: Final = 4096

# A token may be right and our keys old: its key is new, or another one has taken the name of a known key. Where the
# keys say which algorithms are allowed, one that they do not have may have come with a new key too.
_WORTH_A_REFRESH: Final = frozenset(
    {"kid_unknown", "signature_invalid", "signature_length", "alg_not_of_key"}
)
_BY_THE_KEYS: Final = frozenset({"alg_not_allowed"})

Token = TypeVar("Token", bound=VerifiedToken)
Claims = TypeVar("Claims")
Result = TypeVar("Result", covariant=True)


_Verified = tuple[float, float, VerifiedToken, bytes]
"""From when and until when a verified token is good, leeway included; the token; its JSON text."""

# A hash object that was set up once and is copied costs less than a new one.
_copy_sha256: Final = hashlib.sha256().copy


class _Trust:
    """One key set with all that was concluded from it.

    New keys bring a new object. So nothing that the old keys proved outlives them, also when a verification
    was under way on another thread while the keys were replaced: it remembers its conclusion in the old
    object.
    """

    __slots__ = ("_half", "compact", "keys", "older", "recent")

    def __init__(self, keys: JWKSet, algorithms: frozenset[str] | None, cache_size: int) -> None:
        if algorithms is None:
            algorithms = frozenset[str]().union(*(key.header_algorithms for key in keys.keys))
        self.keys = keys
        self.compact = CompactVerifier(keys, algorithms)
        self.recent: dict[bytes, _Verified] = {}
        self.older: dict[bytes, _Verified] = {}
        self._half = max(1, cache_size // 2)

    def remember(self, digest: bytes, verified: _Verified) -> None:
        """Keep a verified token. Two halves take turns, so that making room needs no search for the oldest."""
        if len(self.recent) >= self._half:
            self.older, self.recent = self.recent, {}
        self.recent[digest] = verified


class TokenVerifier(Generic[Result]):
    """Verifies tokens of one kind, of one issuer, for one audience.

    Args:
        profile: the kind of token: `AccessToken` unless another is given. `verify` returns an object of this class.
        issuer: what `iss` must be, exactly.
        audience: what `aud` must have, exactly; the name of this API.
        keys: the keys of the issuer, and of nobody else: a `JWKSet`, a `RemoteJWKSet` or an `AsyncRemoteJWKSet`.
        algorithms: which algorithms are allowed; None allows those of the keys, each key its own.
        claims: a dataclass, TypedDict or msgspec Struct. `verify` returns an object of it, made anew for each call,
            and refuses a token whose claims have another shape.
        clock: tells the time.
        leeway_seconds: how far the issuer's clock may be off, 0 to 300.
        max_token_bytes: longer tokens are refused before anything else happens.
        max_lifetime_seconds: tokens that were made for longer, from `iat` to `exp`, are refused; None allows any.
        revocations: what has been revoked; it is asked about every access token on every call. With None nobody asks.
        cache_size: how many verified tokens are remembered, 0 for none. A remembered token costs no signature
            check, but its times and the revocations are looked at again. Each verifier remembers for itself.

    It can be shared by threads and by coroutines. `max_token_bytes` can be read.

    Raises:
        ConfigurationError: for a setting that is wrong or missing; there is no default that checks less.
    """

    _called: ClassVar[str] = "TokenVerifier"

    @overload
    def __init__(
        self: "TokenVerifier[AccessToken]",
        *,
        issuer: str,
        audience: str,
        keys: JWKSet | KeySource | AsyncKeySource,
        algorithms: Iterable[str] | None = None,
        claims: None = None,
        clock: Clock = ...,
        leeway_seconds: int = ...,
        max_token_bytes: int = ...,
        max_lifetime_seconds: int | None = None,
        revocations: RevocationSet | None = None,
        cache_size: int = ...,
    ) -> None: ...

    @overload
    def __init__(
        self: "TokenVerifier[Token]",
        profile: type[Token],
        *,
        issuer: str,
        audience: str,
        keys: JWKSet | KeySource | AsyncKeySource,
        algorithms: Iterable[str] | None = None,
        claims: None = None,
        clock: Clock = ...,
        leeway_seconds: int = ...,
        max_token_bytes: int = ...,
        max_lifetime_seconds: int | None = None,
        revocations: RevocationSet | None = None,
        cache_size: int = ...,
    ) -> None: ...

    @overload
    def __init__(
        self: "TokenVerifier[CustomToken]",
        profile: Custom,
        *,
        issuer: str,
        audience: str,
        keys: JWKSet | KeySource | AsyncKeySource,
        algorithms: Iterable[str] | None = None,
        claims: None = None,
        clock: Clock = ...,
        leeway_seconds: int = ...,
        max_token_bytes: int = ...,
        max_lifetime_seconds: int | None = None,
        cache_size: int = ...,
    ) -> None: ...

    @overload
    def __init__(
        self: "TokenVerifier[Claims]",
        profile: type[VerifiedToken] | Custom = ...,
        *,
        issuer: str,
        audience: str,
        keys: JWKSet | KeySource | AsyncKeySource,
        algorithms: Iterable[str] | None = None,
        claims: type[Claims],
        clock: Clock = ...,
        leeway_seconds: int = ...,
        max_token_bytes: int = ...,
        max_lifetime_seconds: int | None = None,
        revocations: RevocationSet | None = None,
        cache_size: int = ...,
    ) -> None: ...

    def __init__(
        self,
        profile: type[VerifiedToken] | Custom = AccessToken,
        *,
        issuer: str,
        audience: str,
        keys: JWKSet | KeySource | AsyncKeySource,
        algorithms: Iterable[str] | None = None,
        claims: Any = None,
        clock: Clock = SystemClock(),  # noqa: B008 - it has no state
        leeway_seconds: int = DEFAULT_LEEWAY_SECONDS,
        max_token_bytes: int = MAX_TOKEN_BYTES,
        max_lifetime_seconds: int | None = None,
        revocations: RevocationSet | None = None,
        cache_size: int = DEFAULT_CACHE_SIZE,
    ) -> None:
        self._profile = _profile(profile.profile if isinstance(profile, Custom) else profile, self._called)
        if max_lifetime_seconds is not None:
            max_lifetime_seconds = _whole_number("max_lifetime_seconds", max_lifetime_seconds, 1, 10**9)
        self._expected = Expected(
            _name("issuer", issuer),
            _name("audience", audience),
            _whole_number("leeway_seconds", leeway_seconds, 0, MAX_LEEWAY_SECONDS),
            max_lifetime_seconds,
        )
        self._algorithms = None if algorithms is None else allowed_algorithms(algorithms)
        self._worth_a_refresh = _WORTH_A_REFRESH | (_BY_THE_KEYS if algorithms is None else frozenset())
        self.max_token_bytes = _whole_number("max_token_bytes", max_token_bytes, 256, 1024 * 1024)
        self._cache_size = _whole_number("cache_size", cache_size, 0, 10_000_000)
        self._now = clock.now
        if revocations is not None and not issubclass(self._profile, AccessToken):
            raise ConfigurationError("Only access tokens are asked about in `revocations`.")
        if not (revocations is None or isinstance(revocations, RevocationSet)):
            raise ConfigurationError("`revocations` must be a RevocationSet, or None.")
        self._revocations = revocations
        self._read: Callable[[bytes], Any] | None = None if claims is None else claims_reader(claims)
        self._source: KeySource | None = None
        self._async_source: AsyncKeySource | None = None
        if isinstance(keys, JWKSet):
            self._trust = _Trust(keys, self._algorithms, self._cache_size)
            return
        self._trust = _Trust(JWKSet(()), self._algorithms, self._cache_size)
        if not (hasattr(keys, "current") and hasattr(keys, "refresh")):
            raise ConfigurationError("`keys` must be a JWKSet, a RemoteJWKSet or an AsyncRemoteJWKSet.")
        whose = getattr(keys, "issuer", None)
        if whose is not None and whose != issuer:
            # The keys of one issuer must not vouch for the tokens of another.
            raise ConfigurationError(f"The keys are those of {whose!r}, and not of the issuer {issuer!r}.")
        from inspect import iscoroutinefunction  # Takes long to import, and only remote keys need it.

        if iscoroutinefunction(keys.refresh):
            self._async_source = cast("AsyncKeySource", keys)
        else:
            self._source = cast("KeySource", keys)

    @property
    def issuer(self) -> str:
        """The issuer whose tokens are verified."""
        return self._expected.issuer

    def verify(self, token: str | bytes) -> Result:
        """Return the token after every check: signature first, then `typ iss aud exp nbf iat`, revocation.

        What is not checked: whether the scope or the roles suffice for what the caller wants; the guard does
        that.

        Raises:
            InvalidToken: when it is refused, always the same to the outside. `reason` and `claim` say why to
                the log.
            KeysUnavailable: when the keys are remote and none could be had.
            ConfigurationError: when the keys are an `AsyncRemoteJWKSet`, for which only a coroutine can wait.
        """
        data = token_bytes(token, self.max_token_bytes)
        source = self._source
        if source is None:
            if self._async_source is not None:
                raise ConfigurationError(
                    "With an AsyncRemoteJWKSet, use `await verifier.verify_async(token)`."
                )
            return self._verify(data, self._trust)
        keys = source.current()
        if keys is None:
            keys = source.refresh()
        try:
            return self._verify(data, self._trust_in(keys))
        except InvalidToken as refusal:
            newer = source.refresh(keys) if refusal.reason in self._worth_a_refresh else keys
            if newer is keys:
                raise
        return self._verify(data, self._trust_in(newer))

    async def verify_async(self, token: str | bytes) -> Result:
        """Return the token like `verify`, and wait for remote keys without holding up the event loop.

        The keys may be of any kind but a `RemoteJWKSet`.

        Raises:
            InvalidToken: as `verify` does.
            KeysUnavailable: as `verify` does.
            ConfigurationError: when the keys are a `RemoteJWKSet`, which would hold up the event loop.
        """
        data = token_bytes(token, self.max_token_bytes)
        source = self._async_source
        if source is None:
            if self._source is not None:
                raise ConfigurationError("A RemoteJWKSet holds up the event loop; give an AsyncRemoteJWKSet.")
            return self._verify(data, self._trust)
        keys = source.current()
        if keys is None:
            keys = await source.refresh()
        try:
            return self._verify(data, self._trust_in(keys))
        except InvalidToken as refusal:
            newer = await source.refresh(keys) if refusal.reason in self._worth_a_refresh else keys
            if newer is keys:
                raise
        return self._verify(data, self._trust_in(newer))

    def replace_keys(self, keys: JWKSet) -> None:
        """Trust `keys` from now on, and forget every token that was verified before.

        Raises:
            ConfigurationError: when the verifier has remote keys, which replace themselves, or `keys` is no JWKSet.
        """
        if self._source is not None or self._async_source is not None:
            raise ConfigurationError("The keys of this verifier are remote, and replace themselves.")
        if not isinstance(keys, JWKSet):
            raise ConfigurationError("A verifier trusts a JWKSet; make a new one for remote keys.")
        self._trust = _Trust(keys, self._algorithms, self._cache_size)

    def _trust_in(self, keys: JWKSet) -> _Trust:
        trust = self._trust
        if trust.keys is not keys:
            trust = self._trust = _Trust(keys, self._algorithms, self._cache_size)
        return trust

    def _verify(self, data: bytes, trust: _Trust) -> Result:
        now = self._now()
        if self._cache_size:
            sha256 = _copy_sha256()
            sha256.update(data)
            # The whole token is the key, so two tokens can never be taken for each other.
            digest = sha256.digest()
            verified = trust.recent.get(digest) or trust.older.get(digest)
            if verified is None:
                verified = self._verify_unknown(trust, data, now)
                trust.remember(digest, verified)
        else:
            verified = self._verify_unknown(trust, data, now)
        valid_from, valid_until, token, text = verified
        if not valid_from <= now < valid_until:
            # Raises, and says which of the times it is.
            self._profile.check_window(token.claims, expected=self._expected, now=now)
        if self._revocations is not None:
            self._revocations.check(cast("AccessToken", token))
        if self._read is None:
            return cast("Result", token)
        # Made anew for each caller: what one of them changes in it must not reach the next.
        return cast("Result", self._read(text))

    def _verify_unknown(self, trust: _Trust, data: bytes, now: float) -> _Verified:
        header, text = trust.compact.verify(data)
        profile = self._profile
        # Nothing about the kind and the claims may be told before this line: they could be anybody's.
        if header.typ not in profile.types:
            raise InvalidToken(reason="typ_missing" if header.typ is None else "typ_mismatch")
        if profile is AccessToken:
            ordinary = read_ordinary(text, header.key.kid, self._expected, now)
            if ordinary is not None:
                return ordinary
        window, token = profile.of_payload(
            decode_claims(text), key=header.key, expected=self._expected, now=now
        )
        return (*window, token, text)


def _profile(profile: Any, called: str) -> type[VerifiedToken]:
    if not (isinstance(profile, type) and issubclass(profile, VerifiedToken) and profile.types):
        raise ConfigurationError("`profile` must be a class of tokens, such as AccessToken, or a Custom.")
    if profile.verified_by != called:
        raise ConfigurationError(
            f"Verify a {profile.__name__} with {profile.verified_by}, which checks more."
        )
    return profile


def _name(setting: str, value: str) -> str:
    if type(value) is not str or not value or not value.isprintable():
        raise ConfigurationError(f"`{setting}` must be a string that is not empty: what the token must say.")
    return value


def _whole_number(setting: str, value: int, smallest: int, largest: int) -> int:
    if type(value) is not int or not smallest <= value <= largest:
        raise ConfigurationError(f"`{setting}` must be a whole number from {smallest} to {largest}.")
    return value
