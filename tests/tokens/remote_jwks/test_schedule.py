"""When keys are fetched, served and given up: every state, on both sides of its boundary."""

import math

import pytest

from tokenward.tokens.remote_jwks.schedule import Schedule

COOLDOWN, STALE, TIMEOUT, LIFE = 30.0, 1000.0, 5.0, 200.0
GRACE = 20.0
INSTANT = 1e-6


def schedule(stale: float = STALE) -> Schedule:
    return Schedule(cooldown_seconds=COOLDOWN, stale_seconds=stale, timeout_seconds=TIMEOUT)


def fetched(at: float = 0.0, *, took: float = 0.0, life: float = LIFE, stale: float = STALE) -> Schedule:
    """Return a schedule whose first attempt began `at` and brought keys."""
    one = schedule(stale)
    assert one.succeed(one.begin(at), at + took, life)
    return one


def failing(one: Schedule, at: float, *, took: float = 0.0) -> None:
    assert one.may_begin(at)
    assert one.fail(one.begin(at), at + took)


def test_before_the_first_attempt_nothing_is_usable_and_one_may_begin() -> None:
    one = schedule()
    assert not one.is_usable(0)
    assert one.may_begin(0)
    assert not one.is_worth_waiting(0)
    assert one.quiet_until == -math.inf


def test_during_the_first_attempt_it_is_waited_for_and_no_other_begins() -> None:
    one = schedule()
    one.begin(0)
    assert one.is_worth_waiting(TIMEOUT - INSTANT)
    assert not one.may_begin(TIMEOUT - INSTANT)
    assert not one.is_usable(1)
    assert one.quiet_until < 0


def test_a_first_attempt_that_fails_leaves_nothing_and_is_followed_by_the_cooldown() -> None:
    one = schedule()
    failing(one, 0, took=3)
    assert not one.is_usable(3)
    assert not one.may_begin(3 + COOLDOWN - INSTANT)
    assert one.may_begin(3 + COOLDOWN)
    assert one.quiet_until < 3


def test_keys_are_quiet_until_four_fifths_of_their_life() -> None:
    one = fetched()
    assert one.quiet_until == 0.8 * LIFE
    assert one.is_usable(0.8 * LIFE)
    assert one.may_begin(0.8 * LIFE)


def test_life_is_counted_from_the_beginning_of_the_attempt_and_the_cooldown_from_its_end() -> None:
    one = fetched(took=4)
    assert one.quiet_until == 0.8 * LIFE
    assert one.is_usable(LIFE + GRACE - INSTANT)
    assert not one.is_usable(LIFE + GRACE)
    assert not one.may_begin(4 + COOLDOWN - INSTANT)
    assert one.may_begin(4 + COOLDOWN)


def test_a_renewal_is_never_due_before_the_cooldown_is_over() -> None:
    one = fetched(took=4, life=40)
    assert one.quiet_until == 4 + COOLDOWN


@pytest.mark.parametrize(("life", "grace"), [(50, 5), (200, 20), (300, 30), (3600, 30)])
def test_the_grace_is_a_tenth_of_the_life_and_at_most_thirty_seconds(life: float, grace: float) -> None:
    one = fetched(life=life)
    assert one.is_usable(life + grace - INSTANT)
    assert not one.is_usable(life + grace)
    assert one.may_begin(life + grace)


def test_while_a_renewal_is_under_way_keys_are_served_also_beyond_their_grace() -> None:
    one = fetched()
    begun = LIFE + GRACE - 1
    one.begin(begun)
    assert one.is_usable(begun + TIMEOUT - INSTANT)
    assert one.quiet_until == begun + TIMEOUT
    assert one.is_worth_waiting(begun + TIMEOUT - INSTANT)


def test_after_a_long_sleep_keys_are_not_served_while_the_first_attempt_is_under_way() -> None:
    one = fetched()
    begun = LIFE + GRACE
    one.begin(begun)
    assert not one.is_usable(begun)
    assert not one.is_usable(begun + TIMEOUT - INSTANT)
    assert one.quiet_until < begun


def test_when_that_attempt_fails_the_stale_keys_are_served_for_the_cooldown_and_a_grace() -> None:
    one = fetched()
    begun = LIFE + 500
    failing(one, begun, took=2)
    assert one.is_usable(begun + 2)
    assert one.quiet_until == begun + 2 + COOLDOWN
    assert one.is_usable(begun + 2 + COOLDOWN + GRACE - INSTANT)
    assert not one.is_usable(begun + 2 + COOLDOWN + GRACE)
    assert one.may_begin(begun + 2 + COOLDOWN)


def test_stale_keys_are_served_on_and_on_while_attempts_fail_and_given_up_at_the_cap() -> None:
    one = fetched()
    now = LIFE
    while now < LIFE + STALE:
        assert one.is_usable(now)
        if one.may_begin(now):
            failing(one, now)
        now += 1
    assert not one.is_usable(LIFE + STALE)
    assert one.quiet_until <= LIFE + STALE
    failing(one, LIFE + STALE + COOLDOWN)
    assert not one.is_usable(LIFE + STALE + COOLDOWN)


def test_the_cap_holds_during_an_attempt_too() -> None:
    one = fetched()
    failing(one, LIFE + STALE - COOLDOWN - 1)
    one.begin(LIFE + STALE - 1)
    assert one.is_usable(LIFE + STALE - INSTANT)
    assert one.quiet_until == LIFE + STALE
    assert not one.is_usable(LIFE + STALE)


def test_the_cap_holds_also_while_an_attempt_is_overdue() -> None:
    one = fetched()
    failing(one, LIFE + STALE - TIMEOUT - 1 - COOLDOWN)
    one.begin(LIFE + STALE - TIMEOUT - 1)
    assert one.is_usable(LIFE + STALE - INSTANT)
    assert not one.is_usable(LIFE + STALE)


def test_without_stale_keys_end_with_their_life_though_an_attempt_failed() -> None:
    one = fetched(stale=0)
    failing(one, 0.8 * LIFE)
    assert one.is_usable(LIFE - INSTANT)
    assert not one.is_usable(LIFE)


def test_a_failed_renewal_within_the_life_is_tried_again_after_the_cooldown() -> None:
    one = fetched()
    failing(one, 0.8 * LIFE, took=1)
    assert one.quiet_until == 0.8 * LIFE + 1 + COOLDOWN
    assert one.is_usable(LIFE - INSTANT)


def test_a_failed_attempt_for_an_unknown_kid_does_not_move_the_renewal() -> None:
    one = fetched()
    failing(one, 40)
    assert one.quiet_until == 0.8 * LIFE
    failing(one, 80)
    assert one.quiet_until == 0.8 * LIFE


def test_success_ends_the_stale_time() -> None:
    one = fetched()
    failing(one, LIFE)
    begun = LIFE + COOLDOWN
    assert one.succeed(one.begin(begun), begun + 1, LIFE)
    assert one.quiet_until == begun + 0.8 * LIFE
    assert not one.is_usable(begun + LIFE + GRACE)


def test_an_attempt_that_should_have_ended_counts_as_failed_for_who_asks() -> None:
    one = fetched()
    begun = LIFE + 500
    one.begin(begun)
    overdue = begun + TIMEOUT
    assert one.is_usable(overdue)
    assert not one.is_worth_waiting(overdue)
    assert one.is_usable(overdue + COOLDOWN + GRACE - INSTANT)
    assert not one.is_usable(overdue + COOLDOWN + GRACE)


def test_an_attempt_that_is_lost_makes_way_for_another_and_is_not_taken_any_more() -> None:
    one = fetched()
    lost = one.begin(LIFE)
    end = LIFE + TIMEOUT + COOLDOWN
    assert not one.may_begin(end - INSTANT)
    assert one.may_begin(end)
    new = one.begin(end)
    assert not one.succeed(lost, end + 1, LIFE)
    assert not one.fail(lost, end + 1)
    one.abandon(lost)
    assert one.is_worth_waiting(end + 1)
    assert one.succeed(new, end + 2, LIFE)
    assert not one.fail(new, end + 2)


def test_an_attempt_that_is_late_and_not_replaced_is_taken() -> None:
    one = fetched()
    late = one.begin(LIFE)
    assert one.succeed(late, LIFE + TIMEOUT + 2, LIFE)
    assert one.quiet_until == LIFE + 0.8 * LIFE
    # Its cooldown began when it should have ended, lest the keys are used up before the next is allowed.
    assert one.may_begin(LIFE + TIMEOUT + COOLDOWN)
    assert not one.may_begin(LIFE + TIMEOUT + COOLDOWN - INSTANT)


def test_after_an_abandoned_attempt_another_may_begin_at_once() -> None:
    one = schedule()
    one.abandon(one.begin(0))
    assert one.may_begin(0)
    assert not one.is_usable(0)


def test_abandoned_attempts_do_not_keep_old_keys_in_trust() -> None:
    one = fetched()
    now = LIFE
    while now < LIFE + GRACE + 10:
        if one.is_usable(now):
            one.abandon(one.begin(now))
        now += 1
    assert not one.is_usable(LIFE + GRACE)
    assert one.quiet_until <= LIFE + GRACE


def test_an_abandoned_attempt_leaves_fresh_keys_fresh() -> None:
    one = fetched()
    one.abandon(one.begin(50))
    assert one.quiet_until == 0.8 * LIFE
    assert one.is_usable(51)
