import base64
import contextlib
import hashlib
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenward.errors import ConfigurationError
from tokenward.server.accounts.passwords import PasswordRules, WeakPassword, find_normalized, is_common

KNOWN = ("alice.liddell@wonder.example", "white-rabbit", "Alice Liddell")


def random_text(number: int, length: int) -> str:
    """Text that looks random and is the same in every run."""
    return base64.b64encode(hashlib.shake_256(number.to_bytes(4, "big")).digest(length))[:length].decode()


def reason(password: str, *, rules: PasswordRules | None = None) -> str:
    with pytest.raises(WeakPassword) as caught:
        (rules or PasswordRules()).check_password(password, context=KNOWN)
    assert password not in caught.value.description
    assert password not in repr(caught.value)
    return caught.value.reason


@pytest.mark.parametrize(
    "password",
    [
        "my kettle sings in E flat",
        "correct horse battery staple",
        "correcthorsebatterystaple",
        "日本語のパスフレーズはとても長いです",
        "🦔🦔 sleeps under 🍂🍂🍂 today",
        "wonderful rabbits like carrots",
        "Alice likes a quiet tea party",
        "w7Gq-Zr0p-Lx2m-Ks9d",
    ],
)
def test_a_good_password_is_accepted_without_rules_of_composition(password: str) -> None:
    assert PasswordRules().check_password(password, context=KNOWN) == unicodedata.normalize("NFKC", password)


def test_random_passwords_of_the_minimum_length_are_accepted() -> None:
    for number in range(300):
        PasswordRules().check_password(random_text(number, 15), context=KNOWN)


def test_the_length_counts_code_points_after_normalisation() -> None:
    # The ligature becomes two letters, so fourteen characters as typed are fifteen.
    assert len("ﬁnd me a trout") == 14
    assert PasswordRules().check_password("ﬁnd me a trout") == "find me a trout"
    assert reason("find me a trou") == "too short"


def test_a_short_password_is_told_the_minimum_and_how_an_operator_changes_it() -> None:
    with pytest.raises(WeakPassword) as caught:
        PasswordRules().check_password("too short")
    assert caught.value.status == 400
    assert caught.value.code == "weak_password"
    assert "at least 15" in caught.value.description
    assert "`password_min_length`" in caught.value.description


def test_the_minimum_can_be_set_down_to_eight_and_no_further() -> None:
    assert PasswordRules(8).check_password("Zk7-pw0q") == "Zk7-pw0q"
    assert reason("Zk7-pw0", rules=PasswordRules(8)) == "too short"
    for wrong in (7, 0, -1, 300):
        with pytest.raises(ConfigurationError, match="password_min_length"):
            PasswordRules(wrong)


def test_up_to_256_characters_are_accepted_and_one_more_is_not() -> None:
    long = random_text(0, 256)
    assert PasswordRules().check_password(long) == long
    assert reason(long + "x") == "too long"


def test_a_password_that_grows_beyond_the_limit_by_normalising_is_too_long() -> None:
    # One code point of this Arabic ligature becomes eighteen.
    assert reason("\ufdfa" * 20) == "too long"


@pytest.mark.parametrize("character", ["\x00", "\n", "\t", "\x1b", "\x7f", "\x85", "\ud800"])
def test_control_characters_and_lone_surrogates_are_refused_clearly(character: str) -> None:
    assert reason(f"my kettle {character} sings in E flat") == "control character"


@pytest.mark.parametrize(
    "password",
    [
        "aaaaaaaaaaaaaaa",
        "abcabcabcabcabc",
        "12ab12ab12ab12ab",
        "horse1horse1horse1",
        "    " * 5,
        # The last repetition may be cut off, and case does not count.
        "xyzzyxyzzyxyzzyxy",
        "FroGfrogFROGfrog",
    ],
)
def test_a_short_part_repeated_is_refused(password: str) -> None:
    assert reason(password) == "one part repeated"


@pytest.mark.parametrize(
    "password",
    [
        "abcdefghijklmnop",
        "ponmlkjihgfedcba",
        "12345678901234567890",
        "987654321098765",
        "qwertyuiopasdfgh",
        "QWERTYUIOP12345",
        "1qaz2wsx3edc4rfv",
        "zxcvbnm123456789",
        "abc123def456ghi",
        # Two runs typed in turns, and a run with a little added.
        "q1w2e3r4t5y6u7i8",
        "qwertyuiopasd!99",
        "azertyuiopqsdfg",
    ],
)
def test_runs_of_keys_letters_and_digits_are_refused(password: str) -> None:
    # "12345678901234567890" repeats one part of ten characters, which is no short one.
    assert reason(password) == "a run"


@pytest.mark.parametrize(
    "password",
    [
        "passwordpassword",
        "iloveyouiloveyou",
        "PASSWORD1234567",
        "Password2024!!!!",
        "1234567password",
        "michaeljackson!1",
        "sunshine123456789",
        "ｐａｓｓｗｏｒｄpassword",
        "lost4815162342!",
        "passwordpassword" * 16,
    ],
)
def test_common_passwords_are_refused_with_little_added_too(password: str) -> None:
    assert reason(password) == "common"


@pytest.mark.parametrize("password", ["password1", "Iloveyou", "PRINCESS", "sunshine"])
def test_common_passwords_are_refused_where_short_ones_are_allowed(password: str) -> None:
    assert reason(password, rules=PasswordRules(8)) == "common"


def test_a_common_password_in_a_long_passphrase_does_no_harm() -> None:
    PasswordRules().check_password("my password for the greenhouse", context=KNOWN)


@pytest.mark.parametrize(
    "password",
    [
        "alice.liddell@wonder.example",
        "Alice.Liddell@Wonder.Example1",
        "aliceliddell1865",
        "white-rabbit2026",
        "Liddell, Alice!!",
        "wonder-alice-wonder",
        "tokenward tokenward",
        "Tokenward2026!!!",
        "rabbit-tokenward",
    ],
)
def test_what_others_know_of_the_account_is_refused_with_little_added(password: str) -> None:
    assert reason(password) == "derived from the account"


def test_the_name_of_the_service_can_be_told() -> None:
    rules = PasswordRules(service_words=("https://login.gardenclub.example",))
    assert reason("GardenClub-login", rules=rules) == "derived from the account"
    assert rules.check_password("tokenward at nine") == "tokenward at nine"


def test_short_words_of_the_context_are_in_every_password_and_count_for_nothing() -> None:
    PasswordRules().check_password("an owl sat in it", context=("an", "owl", "sat", "in", "it"))


def test_the_list_of_common_passwords_is_the_one_in_the_notice() -> None:
    assert is_common("password1")
    assert is_common("123456789")
    assert not is_common("my kettle sings")


@given(st.text())
def test_any_text_is_either_refused_or_returned_normalised(text: str) -> None:
    checked = None
    with contextlib.suppress(WeakPassword):
        checked = PasswordRules(8).check_password(text, context=KNOWN)
    assert checked in (None, unicodedata.normalize("NFKC", text))
    if checked is not None:
        assert find_normalized(text) == checked
        checked.encode()


def test_two_keyboards_that_compose_differently_give_the_same_password() -> None:
    composed, decomposed = "caf\u00e9 au lait, no sugar", "cafe\u0301 au lait, no sugar"
    assert composed != decomposed
    assert find_normalized(composed) == find_normalized(decomposed)


def test_what_can_be_no_password_is_found_without_normalising_it() -> None:
    assert find_normalized("x" * 257) is None
    assert find_normalized("a\x00b") is None
    assert find_normalized("\ud800") is None
