"""Options: what makes no sense is refused when the object is built."""

import math
from typing import Any

import pytest
from tests.tokens.remote_jwks.published import URL

from tokenward.errors import ConfigurationError
from tokenward.tokens.remote_jwks import AsyncRemoteJWKSet, RemoteJWKSet
from tokenward.tokens.remote_jwks.options import Options, Settings


@pytest.mark.parametrize(
    "options",
    [
        {"fresh_seconds": 0},
        {"fresh_seconds": -1},
        {"fresh_seconds": math.nan},
        {"fresh_seconds": math.inf},
        {"fresh_seconds": "300"},
        {"fresh_seconds": True},
        {"fresh_seconds": 43},
        {"longest_fresh_seconds": 299},
        {"stale_seconds": -1},
        {"cooldown_seconds": 0},
        {"cooldown_seconds": 240},
        {"timeout_seconds": 0},
        {"timeout_seconds": 300},
        {"max_bytes": 0},
        {"max_bytes": 256 * 1024 + 1},
        {"max_bytes": 10.0},
        {"max_keys": 0},
        {"max_keys": 101},
        {"rsa_algorithm": "HS256"},
        {"rsa_algorithm": "none"},
        {"insecure_loopback_http": "yes"},
        {"on_change": "print"},
    ],
)
def test_an_option_that_makes_no_sense_is_refused(options: Any) -> None:
    with pytest.raises(ConfigurationError):
        RemoteJWKSet(URL, **options)
    with pytest.raises(ConfigurationError):
        AsyncRemoteJWKSet.discover("https://idp.example", **options)


@pytest.mark.parametrize(
    "options",
    [
        {"fresh_seconds": 43.75},
        {"stale_seconds": 0},
        {"fresh_seconds": 3600, "longest_fresh_seconds": 3600},
        {"max_bytes": 1, "max_keys": 1},
        {"rsa_algorithm": "PS512"},
    ],
)
def test_options_at_their_bounds_are_taken(options: Any) -> None:
    RemoteJWKSet(URL, **options)


def test_every_option_has_a_setting_of_the_same_name() -> None:
    assert set(Options.__annotations__) == set(Settings.__dataclass_fields__)


def test_every_option_is_described() -> None:
    assert Options.__doc__
    assert [name for name in Options.__annotations__ if f"\n        {name}: " not in Options.__doc__] == []
