"""Ending sessions: what is recorded, for whom, and what lives on."""

from pathlib import Path

import pytest
from tests.server.building import Server, dump, run_server

from tokenward.server.sessions.refresh_tokens import InvalidGrant
from tokenward.server.sessions.session_id import sid_bytes, sid_text
from tokenward.server.sessions.sessions import Refreshed

DAY = 86_400


async def end(server: Server, started: Refreshed) -> int | None:
    ended = await server.services.sessions.end(started.session.sid, actor="test", reason="logout")
    return None if ended is None else ended.n


async def test_a_logout_ends_the_row_and_writes_one_record_and_one_audit_row(
    server: Server, started: Refreshed
) -> None:
    n = await end(server, started)
    sid = sid_text(started.session.sid)
    assert [(one.n, one.scope, one.value) for one in await server.records()] == [(n, "session", sid)]
    (row,) = await server.events("session.ended")
    assert (row.sid, row.subject, row.detail) == (sid, started.session.sub, '{"reason":"logout"}')
    with pytest.raises(InvalidGrant):
        await server.refresh(started.refresh_token)


async def test_a_second_logout_does_nothing_and_says_so(server: Server, started: Refreshed) -> None:
    await end(server, started)
    before = dump(server.path)
    assert await end(server, started) is None
    assert dump(server.path) == before


async def test_ending_a_session_that_never_was_does_nothing(server: Server) -> None:
    before = dump(server.path)
    assert await server.services.sessions.end(bytes(16), actor="test", reason="logout") is None
    assert await server.services.sessions.end(b"short", actor="test", reason="logout") is None
    assert dump(server.path) == before


# The longest life of a token, from the last moment at which a retry could have got one under any setting.
LAST_TOKEN = 3600 + 300


@pytest.mark.parametrize(("wait", "records"), [(0, 1), (LAST_TOKEN, 1), (LAST_TOKEN + 1, 0)])
async def test_a_logout_without_living_tokens_writes_no_record(
    server: Server, started: Refreshed, wait: int, records: int
) -> None:
    server.clock.advance(10)
    await server.refresh(started.refresh_token)
    head = (await server.state(started.session.sid)).n
    server.clock.advance(wait)
    assert await end(server, started) == head + records
    assert len(await server.records()) == records
    assert len(await server.events("session.ended")) == 1


async def test_a_record_outlives_every_token_it_could_match(server: Server, started: Refreshed) -> None:
    await end(server, started)
    (record,) = await server.records()
    # The longest life, 300 s of leeway at a verifier, and 300 s of clock error.
    assert record.drop_after == server.clock.now() + 3600 + 600


async def test_logging_out_everywhere_ends_all_of_one_account_in_one_unit(server: Server) -> None:
    anna, berta = await server.account(), await server.account("berta@example.com")
    of_anna = [await server.start(anna) for _ in range(3)]
    of_berta = await server.start(berta)
    await end(server, of_anna[0])
    ended = await server.services.sessions.end_all(anna, actor=anna.sub, reason="test")
    assert ended.ended == 2
    for started in of_anna:
        with pytest.raises(InvalidGrant):
            await server.refresh(started.refresh_token)
    assert (await server.refresh(of_berta.refresh_token)).session.sub == berta.sub
    record = (await server.records())[-1]
    assert (record.n, record.scope, record.value) == (ended.n, "subject", anna.sub)
    assert len(await server.events("account.logged_out_everywhere")) == 1


async def test_a_sign_in_that_follows_logging_out_everywhere_has_a_token_that_survives(
    server: Server,
) -> None:
    account = await server.account()
    ended = await server.services.sessions.end_all(account, actor=account.sub, reason="test")
    started = await server.start(await server.services.accounts.get(account.sub))
    assert started.rsq >= ended.n


async def test_the_sweep_takes_what_ended_or_expired_a_day_ago_and_nothing_that_lives(tmp_path: Path) -> None:
    async with run_server(
        tmp_path, refresh_idle_seconds=30 * DAY, refresh_absolute_seconds=90 * DAY
    ) as server:
        account = await server.account()
        ended, idle = await server.start(account), await server.start(account)
        await end(server, ended)
        server.clock.advance(DAY + 1)
        await server.services.sessions.sweep(100)
        assert await server.services.storage.sessions.find(ended.session.sid) is None
        living = await server.start(account)
        server.clock.advance(30 * DAY - 1)
        await server.refresh(living.refresh_token)
        server.clock.advance(1)
        await server.services.sessions.sweep(100)
        assert await server.services.storage.sessions.find(idle.session.sid) is None
        assert (await server.state(living.session.sid)).session.ended_at is None


async def test_a_refresh_token_finds_its_session_without_changing_it(
    server: Server, started: Refreshed
) -> None:
    before = dump(server.path)
    sessions = server.services.sessions
    found = await sessions.find_by_refresh_token(started.refresh_token, client_id="first-party")
    assert found == started.session
    with pytest.raises(InvalidGrant):
        await sessions.find_by_refresh_token(started.refresh_token, client_id="cli_other")
    assert dump(server.path) == before


@pytest.mark.parametrize("text", ["", "ä", "a b", "A" * 21 + "B", "=", "\ud800"])
def test_what_is_no_session_id_is_refused(text: str) -> None:
    if text == "":
        assert sid_bytes(text) == b""
        return
    with pytest.raises(InvalidGrant):
        sid_bytes(text)
