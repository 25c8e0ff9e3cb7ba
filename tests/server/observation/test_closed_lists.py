"""Every outcome and reason that there can be falls into a named class, and every name is there from the start."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

import tokenward
from tokenward.errors import Error, InvalidToken, StorageUnavailable
from tokenward.protocol.errors import ERROR_CODES
from tokenward.server.accounts.password_hasher import InvalidCredentials, Overloaded
from tokenward.server.endpoints.client_address import UNREADABLE
from tokenward.server.observation import events
from tokenward.server.observation.histogram import Histogram
from tokenward.server.observation.metrics import Metrics
from tokenward.server.rate_limit import RateLimited
from tokenward.server.sessions.refresh_tokens import InvalidGrant
from tokenward.server.settings.declaration import Algorithm
from tokenward.server.token_issuer import ALGORITHMS
from tokenward.tokens.bearer import MissingToken

SOURCE = Path(tokenward.__file__).parent


def reasons(error: str, *files: str) -> Iterator[str]:
    """The literal `reason=` of every `error(...)` in these files."""
    for file in files:
        for node in ast.walk(ast.parse((SOURCE / file).read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == error:
                for keyword in node.keywords:
                    if keyword.arg == "reason" and isinstance(keyword.value, ast.Constant):
                        yield str(keyword.value.value)


def test_every_reason_for_which_a_refresh_is_refused_has_an_outcome_of_its_own() -> None:
    files = ("sessions", "refresh_tokens", "copied_tokens", "session_id")
    found = set(reasons("InvalidGrant", *(f"server/sessions/{name}.py" for name in files)))
    assert len(found) > 10
    unclassified = {
        reason for reason in found if events.outcome_of_refresh(InvalidGrant(reason=reason)) == "failed"
    }
    # The first takes three changes of one session within one refresh; the other is of no refresh.
    assert unclassified == {"the session changed at every try", "malformed sid"}


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (InvalidCredentials(reason="wrong password"), "wrong_password"),
        (InvalidCredentials(reason="no password to match"), "wrong_password"),
        (InvalidCredentials(reason="no such account"), "unknown_account"),
        (InvalidCredentials(reason="account disabled, wrong password"), "disabled"),
        (InvalidCredentials(reason="account disabled, right password"), "disabled"),
        (InvalidCredentials(reason="cut off while signing in: sessions.insert"), "cut_off"),
        (InvalidCredentials(reason="logged out everywhere"), "cut_off"),
        (InvalidCredentials(reason="the built-in client is missing"), "failed"),
        (RateLimited(3), "throttled"),
        (Overloaded(3), "overloaded"),
        (StorageUnavailable(), "failed"),
    ],
)  # fmt: skip
def test_a_refused_sign_in_has_the_outcome_that_it_was(error: Error, outcome: str) -> None:
    assert events.outcome_of_sign_in(error) == outcome
    assert outcome in events.SIGN_INS


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("revoked: session", "revoked"),
        ("expired", "expired"),
        ("not_yet_valid", "not_yet_valid"),
        ("issued_in_the_future", "not_yet_valid"),
        ("signature_invalid", "signature"),
        ("signature_length", "signature"),
        ("alg_not_allowed", "algorithm"),
        ("alg_not_of_key", "key"),
        ("kid_unknown", "key"),
        ("issuer_mismatch", "not_for_us"),
        ("audience_mismatch", "not_for_us"),
        ("typ_mismatch", "not_for_us"),
        ("account disabled", "account"),
        ("not_three_segments", "malformed"),
        ("claim_missing", "malformed"),
        ("whatever comes later", "malformed"),
    ],
)
def test_a_refused_token_falls_into_a_class(reason: str, kind: str) -> None:
    assert events.class_of_refused_token(InvalidToken(reason=reason)) == kind
    assert kind in events.TOKENS_REFUSED


def test_a_missing_token_is_no_refused_one() -> None:
    assert events.class_of_refused_token(MissingToken(reason="no_authorization_header")) == "missing"


def test_every_class_is_one_that_something_falls_into() -> None:
    assert {name for _, name in events._TOKEN_OF_REASON} | {"missing", "malformed"} == set(
        events.TOKENS_REFUSED
    )
    assert set(events._REGISTRATION_OF_CODE.values()) | {"success", "failed"} == set(events.REGISTRATIONS)
    outcomes = set(events._REFRESH_OF_REASON.values()) | {"rotated", "retried", "coalesced", "failed"}
    assert outcomes == set(events.REFRESHES)
    assert UNREADABLE in events.EVENTS


def test_every_algorithm_of_the_settings_is_counted() -> None:
    assert set(ALGORITHMS) == set(get_args(Algorithm))


def test_every_name_is_there_before_anything_happened() -> None:
    text = Metrics().exposition()[1].decode()
    for name in events.EVENTS:
        assert f'tokenward_events_total{{event="{name}"}} 0.0' in text
    for code in ERROR_CODES:
        assert f'tokenward_http_errors_total{{code="{code}"}} 0.0' in text
    for reason in events.TOKENS_REFUSED:
        assert f'tokenward_tokens_refused_total{{reason="{reason}"}} 0.0' in text


def test_an_event_that_nobody_declared_is_not_counted_silently() -> None:
    metrics = Metrics()
    with pytest.raises(KeyError):
        metrics.count_event("session.invented")  # type: ignore[arg-type]


def test_every_event_that_the_source_counts_is_declared_and_every_declared_one_is_counted() -> None:
    text = "".join(path.read_text() for path in (SOURCE / "server").rglob("*.py") if path.name != "events.py")
    # Counted by the door of cookies, which answers several tabs at once with one refresh.
    assert {name for name in events.EVENTS if f'"{name}"' not in text} == set()


def test_a_histogram_counts_a_value_at_its_bound_and_sums_all() -> None:
    histogram = Histogram((1, 2.5))
    for value in (0.5, 1, 1.1, 2.5, 99):
        histogram.observe(value)
    assert histogram.cumulated() == [("1", 2.0), ("2.5", 4.0), ("+Inf", 5.0)]
    assert histogram.total == pytest.approx(104.1)
