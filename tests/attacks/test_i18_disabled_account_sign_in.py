"""I18: a disabled account signs in no more, and no answer tells whoever guesses which accounts there are."""

from pathlib import Path
from typing import Any

import pytest
from tests.server.accounts.building import PASSWORD, Built, build_accounts

from tokenward.errors import Error
from tokenward.server.accounts import InvalidCredentials, PasswordHasher


class Counter:
    """Counts the hashes that the hashing processes really computed, and their parameters."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.computed: list[str] = []
        ask = PasswordHasher._ask

        async def counted(hasher: PasswordHasher, request: dict[str, Any]) -> dict[str, Any]:
            answer = await ask(hasher, request)
            if "verified" in answer:
                self.computed.append(request["hash"].split("$")[3])
            return answer

        monkeypatch.setattr(PasswordHasher, "_ask", counted)


async def refused(built: Built, login: str, password: str) -> InvalidCredentials:
    with pytest.raises(InvalidCredentials) as caught:
        await built.accounts.verify_password(await built.accounts.find_by_login(login), password)
    return caught.value


def outward(error: Error) -> tuple[str, int, str, str]:
    return (error.code, error.status, error.description, str(error))


async def test_i18_wrong_password_unknown_login_and_disabled_account_cost_and_answer_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with build_accounts(tmp_path) as built:
        await built.accounts.create(username="alice", password=PASSWORD, actor="")
        bob = await built.accounts.create(username="bob", password=PASSWORD, actor="")
        await built.accounts.set_disabled(bob.sub, disabled=True, actor="command-line")
        counter = Counter(monkeypatch)
        errors, costs = [], []
        for login, password in (
            ("alice", "wrong"),
            ("alice", "\x00"),
            ("alice", "x" * 1000),
            ("nobody", PASSWORD),
            ("\ud800", PASSWORD),
            ("bob", PASSWORD),
            ("bob", "wrong"),
        ):
            counter.computed.clear()
            errors.append(await refused(built, login, password))
            costs.append(tuple(counter.computed))
        assert {outward(error) for error in errors} == {outward(errors[0])}
        assert set(costs) == {("m=8,t=1,p=1",)}
        # The operator is told which it was.
        assert [error.reason for error in errors] == [
            "wrong password",
            "no password to match",
            "no password to match",
            "no such account",
            "no such account",
            "account disabled, right password",
            "account disabled, wrong password",
        ]


async def test_i18_a_disabled_account_is_not_even_rehashed(tmp_path: Path) -> None:
    async with build_accounts(tmp_path) as built:
        bob = await built.accounts.create(username="bob", password=PASSWORD, actor="")
        await built.accounts.set_disabled(bob.sub, disabled=True, actor="command-line")
        events = await built.events()
        await refused(built, "bob", PASSWORD)
        assert await built.events() == events
