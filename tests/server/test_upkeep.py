"""What the server does beside its requests: keys, sweeps, and an eye on the clock."""

import asyncio
import contextlib
from pathlib import Path

import pytest
from tests.server.building import EMAIL, MASTER_KEY, Server, dump, run_server, settings, until

from tokenward.clock import FakeClock
from tokenward.errors import StorageUnavailable
from tokenward.server import upkeep as upkeep_module
from tokenward.server.services import ClockSetBack
from tokenward.server.upkeep import Upkeep

DAY = 86_400


@pytest.fixture
def upkeep(server: Server) -> Upkeep:
    return Upkeep(server.services, server.log, server.metrics)


async def test_a_clock_that_was_set_back_is_told_once_and_loudly(server: Server, upkeep: Upkeep) -> None:
    await upkeep.watch_clock()
    server.clock.advance(1000)
    await upkeep.watch_clock()
    assert server.log_lines("clock.set_back") == []
    server.clock.time -= 100
    await upkeep.watch_clock()
    await upkeep.watch_clock()
    (line,) = server.log_lines("clock.set_back")
    assert (line["level"], line["seconds"]) == ("error", 100)
    assert server.metrics.counted("clock.set_back") == 1


async def test_a_clock_that_is_slowly_corrected_or_set_forward_is_not_told(
    server: Server, upkeep: Upkeep
) -> None:
    for change in (-3, -3, 3600):
        server.clock.time += change
        await upkeep.watch_clock()
    assert server.log_lines("clock.set_back") == []


async def test_everything_that_nobody_needs_is_swept(server: Server, upkeep: Upkeep) -> None:
    account = await server.account()
    started = await server.start(account)
    await server.client.log_in("wrong")
    await server.services.sessions.end(started.session.sid, actor="test", reason="logout")
    assert all(dump(server.path)[table] for table in ("sessions", "revocations", "buckets", "audit"))
    server.clock.advance(400 * DAY + 1)
    await upkeep.sweep()
    left = dump(server.path)
    assert [left[table] for table in ("sessions", "revocations", "buckets", "audit")] == [[], [], [], []]
    assert left["accounts"] != []


async def test_audit_rows_are_kept_as_long_as_the_setting_says(tmp_path: Path) -> None:
    async with run_server(tmp_path, audit_retention_days=10) as server:
        upkeep = Upkeep(server.services, server.log, server.metrics)
        await server.account()
        rows = len(await server.events())
        server.clock.advance(10 * DAY)
        await upkeep.sweep()
        assert len(await server.events()) == rows
        server.clock.advance(1)
        await upkeep.sweep()
        assert await server.events() == []


async def test_it_goes_round_by_itself_and_a_step_that_fails_is_logged_and_tried_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep_module, "_UPKEEP_EVERY_SECONDS", 0.01)
    run_due = server.services.rotation.run_due
    failures = [StorageUnavailable(reason="disk full"), StorageUnavailable(reason="disk full")]

    async def fails_twice() -> None:
        if failures:
            raise failures.pop()
        await run_due()

    monkeypatch.setattr(server.services.rotation, "run_due", fails_twice)
    account = await server.account()
    started = await server.start(account)
    await server.services.sessions.end(started.session.sid, actor="test", reason="logout")
    upkeep = Upkeep(server.services, server.log, server.metrics)
    task = asyncio.create_task(upkeep.run())
    server.clock.advance(30 * DAY)
    try:
        await until(lambda: ("ES256", "retiring") in server.states())
        await until(lambda: dump(server.path)["sessions"] == [])
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    lines = server.log_lines("upkeep_failed")
    assert [(line["step"], line["reason"]) for line in lines] == [("rotate_keys", "disk full")] * 2


async def test_a_clock_behind_what_the_database_has_seen_refuses_the_start(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        await server.account()
    for behind, starts in ((300, True), (301, False)):
        clock = FakeClock(server.clock.time - behind)
        if starts:
            async with run_server(tmp_path, clock=clock) as again:
                assert await again.services.accounts.find_by_login(EMAIL) is not None
            continue
        with pytest.raises(ClockSetBack) as caught:
            async with run_server(tmp_path, clock=clock):
                pass
        assert "301 seconds behind" in caught.value.description


def test_the_settings_of_these_tests_show_no_master_key(tmp_path: Path) -> None:
    assert MASTER_KEY not in repr(settings(tmp_path))


async def test_nothing_is_swept_while_a_clock_that_leapt_ahead_may_be_put_right(
    server: Server, upkeep: Upkeep
) -> None:
    started = await server.start(await server.account())
    await server.services.sessions.end(started.session.sid, actor="test", reason="logout")
    await upkeep.watch_clock()
    server.clock.time += 3 * 3600
    await upkeep.watch_clock()
    assert [line["seconds"] for line in server.log_lines("clock.set_forward")] == [3 * 3600]
    assert not upkeep.may_sweep()
    server.clock.advance(3600 + 600 + 29)
    assert not upkeep.may_sweep()
    server.clock.advance(2)
    assert upkeep.may_sweep()


async def test_a_table_with_more_than_one_sweep_takes_is_looked_at_again_at_once(
    server: Server, upkeep: Upkeep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep_module, "_SWEEP_ROWS", 3)
    account = await server.account()
    for _ in range(4):
        await server.start(account)
    server.clock.advance(100 * DAY)
    await upkeep.sweep()
    assert upkeep.may_sweep()
    await upkeep.sweep()
    await upkeep.sweep()
    assert not upkeep.may_sweep()
