import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenward.errors import InvalidRequest
from tokenward.server.accounts.profile import (
    check_email,
    check_name,
    check_roles,
    check_username,
    find_login,
    fold_login,
)


@pytest.mark.parametrize(
    "email", ["a@b", "Alice.Liddell+tea@Wonder.example", "älice@münchen.example", "x" * 249 + "@b.cd"]
)
def test_an_address_is_returned_as_it_is(email: str) -> None:
    assert check_email(email) == email


@pytest.mark.parametrize(
    "email",
    [
        "",
        "alice",
        "@b",
        "a@",
        "a@b@c",
        "a b@c",
        "a@b c",
        " a@b",
        "a@b\n",
        "a@b\x00",
        "a@\ud800",
        "x" * 251 + "@b.c",
        # Folded, these have two "@", or a space.
        "a＠b@c",
        "a＠b",
        "a\u00a0b@c",
        "a@b\u2028c",
    ],
)
def test_what_is_no_address_is_refused_and_the_member_named(email: str) -> None:
    with pytest.raises(InvalidRequest, match="`email`"):
        check_email(email)


@pytest.mark.parametrize("username", ["bob", "Bob_the-2nd.", "x" * 64])
def test_a_user_name_is_returned_as_it_is(username: str) -> None:
    assert check_username(username) == username


@pytest.mark.parametrize("username", ["", "ab", "x" * 65, "bob@home", "bob smith", "böb", "bob\n", "ｂｏｂ"])
def test_what_is_no_user_name_is_refused_and_the_member_named(username: str) -> None:
    with pytest.raises(InvalidRequest, match="`username`"):
        check_username(username)


@pytest.mark.parametrize("name", ["", "Ana María O'Neill-Şahin", "王小明", "x" * 200])
def test_a_name_is_whatever_prints_on_one_line(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["x" * 201, "a\nb", "a\x00b", "\ud800", "a\u2029b"])
def test_what_does_not_print_on_one_line_is_no_name(name: str) -> None:
    with pytest.raises(InvalidRequest, match="`name`"):
        check_name(name)


def test_roles_keep_their_order_and_count_once() -> None:
    assert check_roles(["editor", "admin", "editor", "team:blue-2"]) == ("editor", "admin", "team:blue-2")


@pytest.mark.parametrize("role", ["", "Admin", "1st", "a b", "a" * 65, "ä", "admin\n"])
def test_what_is_no_role_name_is_refused_and_the_member_named(role: str) -> None:
    with pytest.raises(InvalidRequest, match="`roles`"):
        check_roles(["admin", role])


def test_there_are_at_most_32_roles() -> None:
    assert len(check_roles(f"r{number}" for number in range(32))) == 32
    with pytest.raises(InvalidRequest, match="32"):
        check_roles(f"r{number}" for number in range(33))


def test_logins_are_the_same_in_any_case_and_width() -> None:
    assert fold_login("ALICE@Wonder.Example") == fold_login("alice@wonder.example")
    assert fold_login("ａｌｉｃｅ@wonder.example") == "alice@wonder.example"
    assert fold_login("STRASSE@x") == fold_login("straße@x")


@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold_login(fold_login(text)) == fold_login(text)


@pytest.mark.parametrize("login", ["", "\ud800", "a\x00b", "x" * 255])
def test_what_no_account_can_have_as_login_is_never_asked_of_the_database(login: str) -> None:
    assert find_login(login) is None
