"""In cookie delivery a current token that is less than ten seconds old stays the current one."""

import asyncio

import pytest
from tests.server.building import HOME, Server, dump, tamper

from tokenward.server.login import FIRST_PARTY
from tokenward.server.sessions.refresh_tokens import InvalidGrant
from tokenward.server.sessions.sessions import Refreshed

RACERS = 64


async def coalesce(server: Server, token: str) -> Refreshed:
    return await server.services.sessions.refresh(
        token, client_id=FIRST_PARTY, origin=HOME, request_id="test", coalesce=True
    )


@pytest.mark.parametrize("seconds", [0, 9.999])
async def test_a_fresh_current_token_stays_the_current_one_and_nothing_is_written(
    server: Server, started: Refreshed, seconds: float
) -> None:
    server.clock.advance(seconds)
    before = dump(server.path)
    again = await coalesce(server, started.refresh_token)
    assert (again.refresh_token, again.coalesced, again.retried) == (started.refresh_token, True, False)
    assert again.event == "session.refresh_coalesced"
    assert dump(server.path) == before


async def test_one_that_is_ten_seconds_old_rotates(server: Server, started: Refreshed) -> None:
    server.clock.advance(10)
    rotated = await coalesce(server, started.refresh_token)
    assert (rotated.coalesced, rotated.event) == (False, "session.refreshed")
    assert rotated.refresh_token != started.refresh_token
    assert (await server.state(started.session.sid)).session.generation == 1


async def test_one_that_was_made_by_a_clock_ahead_rotates(server: Server, started: Refreshed) -> None:
    server.clock.advance(-11)
    assert not (await coalesce(server, started.refresh_token)).coalesced


async def test_a_token_in_a_body_rotates_at_once(server: Server, started: Refreshed) -> None:
    assert (await server.refresh(started.refresh_token)).event == "session.refreshed"


async def test_a_retry_is_a_retry_and_a_copy_a_copy(server: Server, started: Refreshed) -> None:
    server.clock.advance(10)
    rotated = await coalesce(server, started.refresh_token)
    again = await coalesce(server, started.refresh_token)
    assert (again.retried, again.refresh_token) == (True, rotated.refresh_token)
    server.clock.advance(61)
    with pytest.raises(InvalidGrant) as caught:
        await coalesce(server, started.refresh_token)
    assert caught.value.reason == "session.reuse_detected"


async def test_many_at_once_with_an_old_cookie_rotate_it_once(server: Server, started: Refreshed) -> None:
    server.clock.advance(10)
    outcomes = await asyncio.gather(*(coalesce(server, started.refresh_token) for _ in range(RACERS)))
    assert len({outcome.refresh_token for outcome in outcomes}) == 1
    assert [outcome.event for outcome in outcomes].count("session.refreshed") == 1
    assert (await server.state(started.session.sid)).session.generation == 1


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE accounts SET disabled_at = 1", "account or client disabled"),
        ("UPDATE clients SET disabled_at = 1", "account or client disabled"),
        ("UPDATE accounts SET cutoff = cutoff + 1", "logged out everywhere"),
        ("UPDATE clients SET cutoff = cutoff + 1", "logged out everywhere"),
        ("UPDATE sessions SET ended_at = 1", "session ended"),
        ("UPDATE sessions SET idle_expires_at = 1", "session expired"),
        ("UPDATE sessions SET absolute_expires_at = 1", "session expired"),
        ("UPDATE sessions SET salt = zeroblob(16)", "refresh token: forged"),
    ],
)
async def test_every_condition_of_a_rotation_is_one_of_this_too(
    server: Server, started: Refreshed, statement: str, reason: str
) -> None:
    tamper(server.path, statement)
    with pytest.raises(InvalidGrant) as caught:
        await coalesce(server, started.refresh_token)
    assert caught.value.reason == reason


async def test_it_is_for_no_other_client(server: Server, started: Refreshed) -> None:
    with pytest.raises(InvalidGrant):
        await server.services.sessions.refresh(
            started.refresh_token, client_id="other", origin=HOME, request_id="test", coalesce=True
        )


async def test_what_it_is_issued_with_are_the_roles_and_the_head_of_now(server: Server) -> None:
    account = await server.account()
    started = await server.start(account)
    await server.services.accounts.set_roles(account.sub, ("reader",), actor="test")
    again = await coalesce(server, started.refresh_token)
    assert again.coalesced
    assert (again.roles, again.rsq) == (("reader",), (await server.services.storage.position()).n)
