"""The table of `sessions.md`: what a presented refresh token gets, by what the session's row says."""

import asyncio
from pathlib import Path

import pytest
from tests.server.building import ADDRESS, AGENT, ELSEWHERE, HOME, Server, dump, run_server, tamper
from tests.server.sessions.refusals import refused, refused_and_nothing_written

from tokenward.server.keyring.ring import RefreshKey
from tokenward.server.sessions import refresh_tokens
from tokenward.server.sessions.refresh_tokens import InvalidGrant
from tokenward.server.sessions.session_id import sid_text
from tokenward.server.sessions.sessions import Origin, Refreshed

DAY = 86_400
RETRY = 60
RACERS = 64


# The current token.


async def test_the_current_token_rotates_and_one_row_stays_one_row(
    server: Server, started: Refreshed
) -> None:
    token = started.refresh_token
    before = dump(server.path)
    for generation in range(1, 6):
        server.clock.advance(10)
        refreshed = await server.refresh(token)
        assert refreshed.refresh_token != token
        assert not refreshed.retried
        state = await server.state(started.session.sid)
        assert state.session.generation == generation
        assert state.session.rotated_at_ms == int(server.clock.now() * 1000)
        assert state.session.last_seen_at == int(server.clock.now())
        token = refreshed.refresh_token
    after = dump(server.path)
    # Nothing is inserted for a refresh, into no table: no audit row, no record, no token.
    assert {table: len(rows) for table, rows in after.items()} == {
        table: len(rows) for table, rows in before.items()
    }
    assert {table for table in after if after[table] != before[table]} == {"sessions"}


async def test_a_refresh_puts_off_the_idle_end_and_never_the_absolute_one(tmp_path: Path) -> None:
    async with run_server(tmp_path, refresh_idle_seconds=100, refresh_absolute_seconds=250) as server:
        started = await server.start(await server.account())
        token = started.refresh_token
        for _ in range(2):
            server.clock.advance(99)
            token = (await server.refresh(token)).refresh_token
        session = (await server.state(started.session.sid)).session
        assert session.idle_expires_at == server.clock.now() + 100
        assert session.absolute_expires_at == started.session.absolute_expires_at
        server.clock.advance(51)
        token = (await server.refresh(token)).refresh_token
        server.clock.advance(1)
        assert await refused_and_nothing_written(server, token) == "session expired"


async def test_an_idle_session_ends_at_its_second(tmp_path: Path) -> None:
    async with run_server(tmp_path, refresh_idle_seconds=100) as server:
        account = await server.account()
        for wait, good in ((99, True), (100, False)):
            started = await server.start(account)
            server.clock.advance(wait)
            if good:
                await server.refresh(started.refresh_token)
            else:
                reason = await refused_and_nothing_written(server, started.refresh_token)
                assert reason == "session expired"


# The token before it.


@pytest.mark.parametrize("wait", [0, 30, RETRY])
async def test_a_retry_within_the_window_gets_the_same_successor(
    server: Server, started: Refreshed, wait: int
) -> None:
    first = await server.refresh(started.refresh_token)
    server.clock.advance(wait)
    before = dump(server.path)
    for _ in range(3):
        again = await server.refresh(started.refresh_token)
        assert again.refresh_token == first.refresh_token
        assert again.retried
        # A fresh access token is issued from the time of this request, not of the first one.
        assert again.at == int(server.clock.now())
    assert dump(server.path) == before
    assert (await server.refresh(first.refresh_token)).session.sid == started.session.sid


async def test_a_retry_after_the_window_is_theft_and_ends_the_session(
    server: Server, started: Refreshed
) -> None:
    first = await server.refresh(started.refresh_token)
    server.clock.advance(RETRY + 0.001)
    assert await refused(server, started.refresh_token) == "session.reuse_detected"
    sid = sid_text(started.session.sid)
    assert (await server.state(started.session.sid)).session.ended_at == int(server.clock.now())
    assert [(one.scope, one.value, one.reason) for one in await server.records()] == [
        ("session", sid, "reuse")
    ]
    events = await server.events("session.reuse_detected")
    assert [(row.actor, row.subject, row.sid) for row in events] == [("system", started.session.sub, sid)]
    # The owner is out as well: nobody can tell which of the two it is.
    assert await refused_and_nothing_written(server, first.refresh_token) == "session ended"


async def test_without_a_window_every_reuse_is_theft(tmp_path: Path) -> None:
    async with run_server(tmp_path, refresh_retry_seconds=0) as server:
        started = await server.start(await server.account())
        await server.refresh(started.refresh_token)
        server.clock.advance(0.5)
        assert await refused(server, started.refresh_token) == "session.reuse_detected"


@pytest.mark.parametrize("racers", [1, 32])
async def test_an_older_generation_is_theft_also_at_once_and_is_told_once(
    server: Server, started: Refreshed, racers: int
) -> None:
    second = await server.refresh(started.refresh_token)
    await server.refresh(second.refresh_token)
    outcomes = await asyncio.gather(
        *(server.refresh(started.refresh_token) for _ in range(racers)), return_exceptions=True
    )
    assert all(isinstance(outcome, InvalidGrant) for outcome in outcomes)
    assert (await server.state(started.session.sid)).session.ended_at is not None
    assert len(await server.records()) == 1
    assert len(await server.events("session.reuse_detected")) == 1


async def test_thirty_two_thieves_after_the_window_end_the_session_once(
    server: Server, started: Refreshed
) -> None:
    await server.refresh(started.refresh_token)
    server.clock.advance(RETRY + 1)
    await asyncio.gather(*(server.refresh(started.refresh_token) for _ in range(32)), return_exceptions=True)
    assert len(await server.records()) == 1
    assert len(await server.events("session.reuse_detected")) == 1


async def test_a_theft_in_one_session_leaves_the_others_of_the_account_alone(server: Server) -> None:
    account = await server.account()
    stolen, other = await server.start(account), await server.start(account)
    await server.refresh(stolen.refresh_token)
    server.clock.advance(RETRY + 1)
    await refused(server, stolen.refresh_token)
    assert (await server.refresh(other.refresh_token)).session.sid == other.session.sid


# A token of the future, and tokens of nobody.


async def test_a_token_ahead_of_its_row_tells_of_a_database_that_was_rolled_back(
    server: Server, started: Refreshed
) -> None:
    refreshed = await server.refresh(started.refresh_token)
    tamper(server.path, "UPDATE sessions SET generation = 0")
    # The user did no wrong: the session lives on with the token that the row knows.
    assert await refused_and_nothing_written(server, refreshed.refresh_token) == "storage.rolled_back"
    assert (await server.refresh(started.refresh_token)).session.sid == started.session.sid


def forged(server: Server, session: Refreshed, generation: int, salt: bytes | None = None) -> str:
    """A token for a known `sid` by somebody who lacks the secret; its checksum is right."""
    key: RefreshKey = server.services.ring.active_refresh_key()
    return refresh_tokens.encode(key, session.session.sid, salt or bytes(16), generation)


@pytest.mark.parametrize("generation", [0, 1, 2, 2**40])
async def test_a_forged_token_with_a_known_sid_changes_nothing(
    server: Server, started: Refreshed, generation: int
) -> None:
    await server.refresh((await server.refresh(started.refresh_token)).refresh_token)
    reason = await refused_and_nothing_written(server, forged(server, started, generation))
    assert reason == "refresh token: forged"


async def test_a_token_of_a_session_that_never_was_changes_nothing(server: Server) -> None:
    token = refresh_tokens.encode(server.services.ring.active_refresh_key(), bytes(16), bytes(16), 0)
    assert await refused_and_nothing_written(server, token) == "no such session"


async def test_a_token_of_another_client_changes_nothing(server: Server, started: Refreshed) -> None:
    reason = await refused_and_nothing_written(server, started.refresh_token, client_id="cli_other")
    assert reason == "refresh token of another client"
    # Nor does an old one count as theft when another client presents it: it may have been found, not copied.
    await server.refresh((await server.refresh(started.refresh_token)).refresh_token)
    reason = await refused_and_nothing_written(server, started.refresh_token, client_id="cli_other")
    assert reason == "refresh token of another client"


async def test_a_token_under_an_unknown_key_number_changes_nothing(
    server: Server, started: Refreshed
) -> None:
    key = server.services.ring.active_refresh_key()
    token = refresh_tokens.encode(key._replace(number=999), started.session.sid, started.session.salt, 0)
    assert await refused_and_nothing_written(server, token) == "refresh key retired or revoked"


# Where it comes from.


async def test_a_retry_from_elsewhere_is_told_when_network_and_agent_both_differ(
    server: Server, started: Refreshed
) -> None:
    await server.refresh(started.refresh_token)
    for origin in (HOME, Origin(ELSEWHERE.network, AGENT), Origin(HOME.network, ELSEWHERE.agent)):
        assert (await server.refresh(started.refresh_token, origin)).retried
    assert await server.events("session.refresh_retried_elsewhere") == []
    assert (await server.refresh(started.refresh_token, ELSEWHERE)).retried
    # Once for each token, however often somebody asks.
    assert (await server.refresh(started.refresh_token, ELSEWHERE)).retried
    (row,) = await server.events("session.refresh_retried_elsewhere")
    account = await server.services.accounts.get(started.session.sub)
    assert server.services.audit.personal(row, account.personal_key_wrapped) == {
        "network": ELSEWHERE.network,
        "agent": ELSEWHERE.agent,
    }
    assert ADDRESS not in row.detail


async def test_a_long_user_agent_is_compared_as_it_is_kept(server: Server) -> None:
    origin = Origin("192.0.2.0/24", "x" * 500)
    started = await server.start(await server.account(), origin)
    assert started.session.agent == "x" * 200
    await server.refresh(started.refresh_token, origin)
    await server.refresh(started.refresh_token, Origin("203.0.113.0/24", "x" * 500))
    assert await server.events("session.refresh_retried_elsewhere") == []


# The clock.


async def test_a_clock_set_back_makes_no_copied_token_a_retry(server: Server, started: Refreshed) -> None:
    server.clock.advance(7200)
    await server.refresh(started.refresh_token)
    server.clock.time -= 3600
    assert await refused(server, started.refresh_token) == "session.reuse_detected"


async def test_a_clock_set_back_a_little_still_allows_a_retry(server: Server, started: Refreshed) -> None:
    first = await server.refresh(started.refresh_token)
    server.clock.time -= 30
    assert (await server.refresh(started.refresh_token)).refresh_token == first.refresh_token
