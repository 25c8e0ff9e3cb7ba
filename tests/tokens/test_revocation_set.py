from typing import Any

import pytest
from tests.tokens.forge import ABSENT, AUDIENCE, NOW, claims, key, token, verifier

from tokenward.errors import ConfigurationError, InvalidToken
from tokenward.tokens import AccessToken, RevocationRecord, RevocationSet
from tokenward.tokens.revocation_set import SCOPES


def access_token(**changes: Any) -> AccessToken:
    return verifier().verify(token(**changes))


def record(n: int, scope: str, value: str = "", drop_after: int = NOW + 4500) -> RevocationRecord:
    return RevocationRecord(n, scope, value, drop_after, "a test")


def holding(*records: RevocationRecord) -> RevocationSet:
    revocations = RevocationSet()
    revocations.apply(records)
    return revocations


def check_revoked(revocations: RevocationSet, checked: AccessToken, scope: str) -> None:
    with pytest.raises(InvalidToken) as caught:
        revocations.check(checked)
    assert caught.value.reason == f"revoked: {scope}"


VALUES = {
    "token": claims()["jti"],
    "session": claims()["sid"],
    "key": key().kid,
    "subject": claims()["sub"],
    "client": "first-party",
    "grant": f"{claims()['sub']} first-party",
    "audience": AUDIENCE,
    "all": "",
}
CUT_OFFS = ["subject", "client", "grant", "audience", "all"]


def test_every_scope_of_the_design_is_there() -> None:
    assert set(VALUES) == set(SCOPES)


@pytest.mark.parametrize("scope", sorted(VALUES))
def test_each_scope_refuses_the_token_that_it_names(scope: str) -> None:
    check_revoked(holding(record(8, scope, VALUES[scope])), access_token(rsq=7), scope)


@pytest.mark.parametrize("scope", sorted(VALUES.keys() - {"all"}))
def test_no_scope_refuses_another_value(scope: str) -> None:
    near = [VALUES[scope] + "x", VALUES[scope][:-1], VALUES[scope].upper(), ""]
    revocations = holding(*(record(number + 8, scope, value) for number, value in enumerate(near)))
    revocations.check(access_token(rsq=0))


@pytest.mark.parametrize("scope", sorted(VALUES.keys() - {"all"}))
def test_a_value_of_one_scope_means_nothing_in_another(scope: str) -> None:
    others = [other for other in VALUES if other not in (scope, "all")]
    holding(*(record(n + 8, other, VALUES[scope]) for n, other in enumerate(others))).check(
        access_token(rsq=0)
    )


@pytest.mark.parametrize("scope", CUT_OFFS)
def test_i25_a_cut_off_refuses_what_was_issued_before_it_and_nothing_later(scope: str) -> None:
    revocations = holding(record(8, scope, VALUES[scope]))
    for rsq in (0, 7):
        check_revoked(revocations, access_token(rsq=rsq), scope)
    for rsq in (8, 9):
        revocations.check(access_token(rsq=rsq))


@pytest.mark.parametrize("scope", ["token", "session", "key"])
def test_what_is_named_is_refused_whatever_its_position(scope: str) -> None:
    check_revoked(holding(record(8, scope, VALUES[scope])), access_token(rsq=2**52), scope)


@pytest.mark.parametrize("scope", CUT_OFFS)
def test_a_token_without_position_is_refused_by_every_cut_off(scope: str) -> None:
    check_revoked(holding(record(8, scope, VALUES[scope])), access_token(rsq=ABSENT), scope)


def test_a_token_without_session_is_no_session() -> None:
    holding(record(8, "session", "None"), record(9, "session", "")).check(access_token(sid=ABSENT))


def test_any_scope_that_matches_refuses_also_when_another_does_not() -> None:
    revocations = holding(
        record(1, "subject", VALUES["subject"]),
        record(2, "audience", "other"),
        record(9, "client", "first-party"),
    )
    check_revoked(revocations, access_token(rsq=5), "client")


def test_every_audience_of_a_token_is_asked() -> None:
    revocations = holding(record(8, "audience", "https://b.example"))
    check_revoked(revocations, access_token(aud=[AUDIENCE, "https://b.example"]), "audience")
    revocations.check(access_token())


def test_a_position_across_a_new_epoch_is_later() -> None:
    revocations = holding(record(2**40 + 1, "all"))
    check_revoked(revocations, access_token(rsq=2**40 - 1), "all")
    revocations.check(access_token(rsq=2**40 + 1))


def test_records_are_applied_in_order_and_once() -> None:
    revocations = RevocationSet()
    records = [record(3, "subject", "c"), record(1, "subject", "a"), record(2, "subject", "a")]
    revocations.apply(records)
    assert (revocations.applied, len(revocations)) == (3, 2)
    revocations.apply(records)
    revocations.apply([record(2, "token", "late")])
    assert (revocations.applied, len(revocations)) == (3, 2)
    revocations.check(access_token(sub="a", rsq=2))
    check_revoked(revocations, access_token(sub="a", rsq=1), "subject")


def test_an_unknown_scope_applies_nothing() -> None:
    revocations = RevocationSet()
    with pytest.raises(ConfigurationError, match="upgrade"):
        revocations.apply([record(1, "token", VALUES["token"]), record(2, "planet", "earth")])
    assert (revocations.applied, len(revocations)) == (0, 0)


def test_records_are_dropped_after_their_time_and_keys_never() -> None:
    revocations = holding(
        *(record(number, scope, VALUES[scope], NOW + 10) for number, scope in enumerate(SCOPES, start=1))
    )
    revocations.drop_expired(NOW + 10)
    assert len(revocations) == len(SCOPES)
    revocations.drop_expired(NOW + 10.5)
    assert len(revocations) == 1
    check_revoked(revocations, access_token(), "key")
    assert revocations.applied == len(SCOPES)


def test_a_later_record_for_the_same_value_outlives_the_earlier_one() -> None:
    revocations = holding(
        record(1, "subject", VALUES["subject"], NOW + 10), record(9, "subject", VALUES["subject"], NOW + 20)
    )
    revocations.drop_expired(NOW + 15)
    check_revoked(revocations, access_token(rsq=7), "subject")
    revocations.drop_expired(NOW + 25)
    revocations.check(access_token(rsq=7))
    assert len(revocations) == 0


def test_everything_is_revoked_whatever_the_record_says_beside_it() -> None:
    revocations = holding(record(8, "all", "everything"), record(9, "all", "again"))
    for rsq in (7, 8):
        check_revoked(revocations, access_token(rsq=rsq), "all")
    revocations.check(access_token(rsq=9))
