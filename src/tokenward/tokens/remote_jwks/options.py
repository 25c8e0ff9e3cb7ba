"""What can be set about a remote JWK Set, and which values make sense together."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypedDict

from tokenward.clock import Clock, SystemClock
from tokenward.errors import ConfigurationError
from tokenward.jose.jwks import MAX_JWKS_BYTES, MAX_KEYS, JWKSet
from tokenward.tokens.remote_jwks.schedule import RENEWED_AT

OnChange = Callable[[JWKSet | None, JWKSet], None]

_RSA_ALGORITHMS: Final = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})


class Options(TypedDict, total=False):
    """The options of `RemoteJWKSet` and `AsyncRemoteJWKSet`.

    Args:
        fresh_seconds: how long keys live when the answer has no `Cache-Control: max-age`; a shorter `max-age`,
            `no-cache` and `no-store` are lengthened to it. Default 300. At least 1.25 times cooldown and timeout
            together.
        longest_fresh_seconds: a longer `max-age` is cut to it, because it is also how long a withdrawn key lives on.
            Default 3600.
        stale_seconds: how long after their life keys are still served while the issuer cannot be reached. Default
            one day; 0 for never.
        cooldown_seconds: the least time between the end of one attempt to fetch and the next, however it went. Default
            30. For so long a new key may stay unknown.
        timeout_seconds: how long an attempt may take from the first byte sent to the last received, discovery and all.
            Default 5. So long a token with an unknown `kid` may wait on its thread, and a second more.
        max_bytes: the largest answer; at most and by default 256 KiB.
        max_keys: the most keys in the set, skipped ones included; at most and by default 100.
        rsa_algorithm: what an RSA key that names no `alg` is for. Default `RS256`.
        insecure_loopback_http: allow `http` to 127.0.0.1, [::1] and localhost, for tests and development.
        on_change: is called with the old and the new keys after they changed, on the thread or task that fetched them.
            What it raises is logged and goes no further.
        clock: for tests. It decides when to fetch; how long a request lasts is always measured in real time.
    """

    fresh_seconds: float
    longest_fresh_seconds: float
    stale_seconds: float
    cooldown_seconds: float
    timeout_seconds: float
    max_bytes: int
    max_keys: int
    rsa_algorithm: str
    insecure_loopback_http: bool
    on_change: OnChange | None
    clock: Clock


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The checked values of all `Options`.

    Raises:
        ConfigurationError: for a value that makes no sense, alone or together with another.
    """

    fresh_seconds: float = 300
    longest_fresh_seconds: float = 3600
    stale_seconds: float = 86_400
    cooldown_seconds: float = 30
    timeout_seconds: float = 5
    max_bytes: int = MAX_JWKS_BYTES
    max_keys: int = MAX_KEYS
    rsa_algorithm: str = "RS256"
    insecure_loopback_http: bool = False
    on_change: OnChange | None = None
    clock: Clock = field(default_factory=SystemClock)

    def __post_init__(self) -> None:
        for name in ("fresh_seconds", "longest_fresh_seconds", "cooldown_seconds", "timeout_seconds"):
            self._check_seconds(name, above_zero=True)
        self._check_seconds("stale_seconds", above_zero=False)
        self._check_count("max_bytes", MAX_JWKS_BYTES)
        self._check_count("max_keys", MAX_KEYS)
        if self.longest_fresh_seconds < self.fresh_seconds:
            raise ConfigurationError("`longest_fresh_seconds` must not be less than `fresh_seconds`.")
        if RENEWED_AT * self.fresh_seconds < self.cooldown_seconds + self.timeout_seconds:
            # Keys would be used up before another attempt is allowed.
            raise ConfigurationError(
                "`fresh_seconds` must be at least 1.25 times `cooldown_seconds` and `timeout_seconds` together."
            )
        if self.rsa_algorithm not in _RSA_ALGORITHMS:
            raise ConfigurationError(f"`rsa_algorithm` must be one of {', '.join(sorted(_RSA_ALGORITHMS))}.")
        if type(self.insecure_loopback_http) is not bool:
            raise ConfigurationError("`insecure_loopback_http` must be True or False.")
        if self.on_change is not None and not callable(self.on_change):
            raise ConfigurationError("`on_change` must be a function of the old and the new keys.")

    def _check_seconds(self, name: str, *, above_zero: bool) -> None:
        value = getattr(self, name)
        if (
            type(value) not in (int, float)
            or not math.isfinite(value)
            or value < 0
            or (above_zero and not value)
        ):
            raise ConfigurationError(
                f"`{name}` must be a number of seconds{' above 0' if above_zero else ''}."
            )

    def _check_count(self, name: str, largest: int) -> None:
        value = getattr(self, name)
        if type(value) is not int or not 0 < value <= largest:
            raise ConfigurationError(f"`{name}` must be a whole number from 1 to {largest}.")
