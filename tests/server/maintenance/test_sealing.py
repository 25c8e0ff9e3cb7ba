"""Sealing anew beside a server that goes on with the old key, and a reset that was stopped half-way."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from tests.server.building import (
    EMAIL,
    MASTER_KEY,
    OTHER_MASTER_KEY,
    PASSWORD,
    Server,
    run_server,
    settings,
)

from tokenward.clock import FakeClock
from tokenward.errors import ConfigurationError
from tokenward.server.audit import PERSONAL_KEY_PURPOSE
from tokenward.server.keyring.wrapping import WrongMasterKey
from tokenward.server.maintenance.sealing import Sealed, check_opens_accounts, reset_after_loss, rewrap
from tokenward.server.services import load_master_key
from tokenward.server.storage.units import Unit


def nothing(count: int) -> None:
    """No progress is shown."""


class Stopped(Exception):
    """Somebody pressed Ctrl-C."""


def stop(count: int) -> None:
    raise Stopped


async def test_what_a_server_seals_by_the_old_key_meanwhile_is_found_too(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        await server.account()
        late: list[asyncio.Task[object]] = []

        def register_meanwhile(count: int) -> None:
            if not late:
                late.append(asyncio.create_task(server.account("late@example.com")))

        both = msgspec.structs.replace(
            server.services.settings, master_key=OTHER_MASTER_KEY, master_key_previous=MASTER_KEY
        )
        done = await rewrap(both, progress=register_meanwhile, clock=server.clock, pause_seconds=2)
        assert late[0].done()
        assert done == Sealed(3, 2)
    async with run_server(tmp_path, clock=server.clock, master_key=OTHER_MASTER_KEY) as server:
        for email in (EMAIL, "late@example.com"):
            assert (await server.client.log_in(PASSWORD, email)).status == 200
        assert len(await server.events("master_key.rewrapped")) == 3


async def test_sealing_anew_twice_does_nothing_the_second_time(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        await server.account()
        both = msgspec.structs.replace(
            server.services.settings, master_key=OTHER_MASTER_KEY, master_key_previous=MASTER_KEY
        )
        assert await rewrap(both, progress=nothing, pause_seconds=0) == Sealed(3, 1)
        assert await rewrap(both, progress=nothing, pause_seconds=0) == Sealed(0, 0)
        neither = msgspec.structs.replace(both, master_key=MASTER_KEY, master_key_previous="")
        with pytest.raises(WrongMasterKey):
            await rewrap(neither, progress=nothing, pause_seconds=0)


async def test_a_rewrap_that_was_stopped_is_noticed_without_the_key_of_before(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        accounts = [await server.account(f"person{number}@example.com") for number in range(3)]
        storage = server.services.storage
        old = load_master_key(server.services.settings)
        new = load_master_key(msgspec.structs.replace(server.services.settings, master_key=OTHER_MASTER_KEY))
        await check_opens_accounts(storage, old)
        # A rewrap goes through them by their `sub`, so the last one is what it has not come to.
        *done, _ = sorted(accounts, key=lambda account: account.sub)
        for account in done:
            fresh = new.wrap(bytes(32), purpose=PERSONAL_KEY_PURPOSE, key_id=account.sub)
            change = storage.accounts.reseal(account.sub, account.personal_key_wrapped, fresh)
            assert (await storage.apply(Unit("reseal", (change,)))).applied
        with pytest.raises(WrongMasterKey):
            await check_opens_accounts(storage, new)


async def test_a_reset_that_was_stopped_is_begun_again_and_no_server_starts_before(tmp_path: Path) -> None:
    clock = FakeClock()
    async with run_server(tmp_path, clock=clock) as server:
        await server.account()
    lost = settings(tmp_path, master_key=OTHER_MASTER_KEY)
    with pytest.raises(Stopped):
        await reset_after_loss(lost, progress=stop, clock=clock)
    with pytest.raises(ConfigurationError, match="reset --lost-master-key"):
        await _started(tmp_path, clock)
    assert (await reset_after_loss(lost, progress=nothing, clock=clock)).keys == 3
    server = await _started(tmp_path, clock)
    assert [state for _, state in server.states()] == ["revoked", "revoked", "active", "pending"]


async def _started(folder: Path, clock: FakeClock) -> Server:
    async with run_server(folder, clock=clock, master_key=OTHER_MASTER_KEY) as server:
        assert (await server.client.log_in()).status == 200
        return server
