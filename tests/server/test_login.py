"""Signing in: throttle, then hash, then session; and one answer for every reason to refuse."""

import asyncio
from pathlib import Path

import pytest
from tests.server.building import (
    ADDRESS,
    AGENT,
    EMAIL,
    OTHER_PASSWORD,
    PASSWORD,
    Server,
    dump,
    run_server,
    tamper,
    until,
)

from tokenward.errors import StorageUnavailable
from tokenward.server.accounts import InvalidCredentials
from tokenward.server.accounts.password_hasher import Overloaded
from tokenward.server.login import Caller, RegistrationClosed
from tokenward.server.rate_limit import RateLimited
from tokenward.server.storage.units import Outcome, Unit

CALLER = Caller(ADDRESS, AGENT, "request-1")
STRANGER = Caller("203.0.113.5", "curl", "request-2")


async def fail(server: Server, login: str = EMAIL, password: str = "wrong", caller: Caller = CALLER) -> None:
    with pytest.raises(InvalidCredentials):
        await server.services.login.log_in(login, password, caller=caller)


async def test_a_sign_in_gives_tokens_and_is_charged_to_nobody(server: Server) -> None:
    await server.account()
    for _ in range(15):
        response, account = await server.services.login.log_in(EMAIL.upper(), PASSWORD, caller=CALLER)
        assert response.sub == account.sub
        assert server.services.verifier.verify(response.access_token).sub == account.sub


async def test_wrong_password_unknown_name_and_disabled_account_are_one_answer(server: Server) -> None:
    await server.account()
    disabled = await server.account("disabled@example.com")
    await server.services.accounts.set_disabled(disabled.sub, disabled=True, actor="test")
    answers = [
        await server.client.log_in("wrong"),
        await server.client.log_in("x" * 2000),
        await server.client.log_in(PASSWORD, "nobody@example.com"),
        await server.client.log_in(PASSWORD, "\x00"),
        await server.client.log_in(PASSWORD, "disabled@example.com"),
        await server.client.log_in("wrong", "disabled@example.com"),
    ]
    outward = set()
    for answer in answers:
        body = answer.json
        del body["request_id"]
        headers = tuple(
            pair for pair in answer.headers if pair[0] not in (b"x-request-id", b"content-length")
        )
        outward.add((answer.status, headers, tuple(body.items())))
    assert len(outward) == 1
    assert answers[0].code == "invalid_credentials"
    # The operator is told which it was, and the password is nowhere.
    reasons = [line["reason"] for line in server.log_lines("refused")]
    assert reasons == [
        "wrong password", "no password to match", "no such account", "no such account",
        "account disabled, right password", "account disabled, wrong password",
    ]  # fmt: skip
    assert PASSWORD not in server.log_text


async def test_a_failed_sign_in_leaves_an_audit_row_and_no_session(server: Server) -> None:
    account = await server.account()
    await fail(server)
    await fail(server, "nobody@example.com")
    known, unknown = await server.events("login.failed")
    assert (known.subject, known.actor, known.request_id) == (account.sub, "anonymous", "request-1")
    assert (unknown.subject, unknown.personal_wrapped) == ("", None)
    assert dump(server.path)["sessions"] == []


async def test_a_failure_is_charged_and_noted_in_one_unit(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a guess that left no trace nor a trace of one that cost nothing."""
    await server.account()
    units: list[Unit] = []
    apply = server.services.storage.apply

    async def noted(unit: Unit) -> Outcome:
        units.append(unit)
        return await apply(unit)

    monkeypatch.setattr(server.services.storage, "apply", noted)
    await fail(server, caller=STRANGER)
    (unit,) = units
    assert [change.statement for change in unit.changes] == ["audit.add", *["rate_limits.take"] * 3]
    left = dump(server.path)
    assert len(left["buckets"]) == 3
    assert len(await server.events("login.failed")) == 1


async def test_a_failure_that_cannot_be_charged_is_not_answered_as_a_wrong_password(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    await server.account()

    async def unwritable(_: Unit) -> Outcome:
        raise StorageUnavailable(reason="disk full")

    with monkeypatch.context() as patch:
        patch.setattr(server.services.storage, "apply", unwritable)
        with pytest.raises(StorageUnavailable):
            await server.services.login.log_in(EMAIL, "wrong", caller=STRANGER)
    assert server.services.login_throttle._places == {}


async def test_a_sign_in_that_is_charged_nothing_makes_its_network_known_with_its_session(
    server: Server,
) -> None:
    await server.account()
    await fail(server)
    assert dump(server.path)["known_origins"] == []
    await server.services.login.log_in(EMAIL, PASSWORD, caller=CALLER)
    left = dump(server.path)
    assert (len(left["sessions"]), len(left["known_origins"])) == (1, 1)
    # The network and the stranger's bucket keep the failure of before; only that of login and network is forgiven.
    assert len(left["buckets"]) == 2


async def test_the_attempt_takes_its_place_before_the_hash_is_computed(server: Server) -> None:
    """Many guesses at once must not slip through while the first is still being hashed."""
    await server.account()
    outcomes = await asyncio.gather(
        *(server.services.login.log_in(EMAIL, "wrong", caller=STRANGER) for _ in range(25)),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, InvalidCredentials) for outcome in outcomes) == 10
    assert sum(isinstance(outcome, RateLimited) for outcome in outcomes) == 15
    assert server.services.login_throttle._places == {}


async def test_a_throttled_name_is_refused_even_with_the_right_password_and_told_when_to_come_back(
    server: Server,
) -> None:
    await server.account()
    for _ in range(10):
        await fail(server, caller=STRANGER)
    for login in (EMAIL, EMAIL.upper()):
        with pytest.raises(RateLimited) as caught:
            await server.services.login.log_in(login, PASSWORD, caller=STRANGER)
        assert caught.value.retry_after_seconds == 60
    # From elsewhere the owner gets in.
    await server.services.login.log_in(EMAIL, PASSWORD, caller=CALLER)
    server.clock.advance(60)
    await server.services.login.log_in(EMAIL, PASSWORD, caller=STRANGER)


async def test_throttling_survives_a_restart(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        clock = server.clock
        await server.account()
        for _ in range(10):
            await fail(server)
    async with run_server(tmp_path, clock=clock) as server:
        with pytest.raises(RateLimited):
            await server.services.login.log_in(EMAIL, PASSWORD, caller=CALLER)


async def test_an_attempt_that_found_no_room_costs_nothing(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    await server.account()

    async def full(*_: object) -> None:
        raise Overloaded(3, reason="test")

    for _ in range(30):
        with monkeypatch.context() as patch:
            patch.setattr(server.services.accounts, "verify_password", full)
            with pytest.raises(Overloaded):
                await server.services.login.log_in(EMAIL, PASSWORD, caller=STRANGER)
    assert dump(server.path)["buckets"] == []
    assert server.services.login_throttle._places == {}
    await server.services.login.log_in(EMAIL, PASSWORD, caller=STRANGER)
    assert await server.events("login.failed") == []


async def test_a_full_queue_answers_503_with_a_time_and_charges_nobody(tmp_path: Path) -> None:
    # The only process is kept busy, and nobody may wait for it.
    async with run_server(tmp_path, password_queue=0, argon2_time_cost=60, argon2_memory_kib=4096) as server:
        first = asyncio.create_task(server.client.log_in("wrong"))
        await until(lambda: server.services.login._hasher.unfinished > 0)
        answer = await server.client.log_in("wrong", "somebody-else@example.com")
        assert (answer.status, answer.code) == (503, "overloaded")
        assert int(answer.header("retry-after") or 0) >= 1
        assert dump(server.path)["buckets"] == []
        assert (await first).code == "invalid_credentials"
        assert len(dump(server.path)["buckets"]) == 3


async def test_a_session_that_was_cut_off_between_password_and_session_is_a_failed_login(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = await server.account()
    verify = server.services.accounts.verify_password

    async def changed_meanwhile(*arguments: object) -> object:
        verified = await verify(*arguments)  # type: ignore[arg-type]
        await server.services.accounts.set_password(account.sub, OTHER_PASSWORD, actor=account.sub)
        return verified

    monkeypatch.setattr(server.services.accounts, "verify_password", changed_meanwhile)
    await fail(server, password=PASSWORD)
    assert dump(server.path)["sessions"] == []
    (row,) = await server.events("login.failed")
    assert "cut off while signing in" in row.detail


async def test_the_first_party_client_that_was_disabled_signs_nobody_in(server: Server) -> None:
    await server.account()
    tamper(server.path, "UPDATE clients SET disabled_at = 1")
    await fail(server, password=PASSWORD)
    assert dump(server.path)["sessions"] == []
    tamper(server.path, "DELETE FROM clients")
    await fail(server, password=PASSWORD)


async def test_closed_registration_refuses_before_anything_costs(tmp_path: Path) -> None:
    async with run_server(tmp_path, registration="closed") as server:
        before = dump(server.path)
        with pytest.raises(RegistrationClosed) as caught:
            await server.services.login.register(
                email=EMAIL, username=None, name="", password=PASSWORD, caller=CALLER
            )
        assert 'registration = "open"' in caught.value.description
        assert dump(server.path) == before


async def test_registering_is_throttled_by_network(tmp_path: Path) -> None:
    async with run_server(tmp_path, register_burst=3) as server:
        for place in range(3):
            await server.services.login.register(
                email=f"a{place}@example.com", username=None, name="", password=PASSWORD, caller=CALLER
            )
        with pytest.raises(RateLimited):
            await server.services.login.register(
                email="a4@example.com", username=None, name="", password=PASSWORD, caller=CALLER
            )
        await server.services.login.register(
            email="a4@example.com", username=None, name="", password=PASSWORD, caller=STRANGER
        )


async def test_who_registers_is_the_actor_of_their_own_account(server: Server) -> None:
    account = await server.services.login.register(
        email=EMAIL, username="anna", name="Anna", password=PASSWORD, caller=CALLER
    )
    (row,) = await server.events("account.created")
    assert (row.actor, row.subject, row.request_id) == (account.sub, account.sub, "request-1")
    assert account.roles == ()
