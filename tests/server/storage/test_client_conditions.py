"""No store changes a client yet, so the table is changed here as a later one will."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.conformance.samples import account, applied, apply, rotation, session

from tokenward.server.storage.sqlite import SQLiteStorage

DISABLE = "UPDATE clients SET disabled_at = 1"
RAISE_CUTOFF = "UPDATE clients SET cutoff = cutoff + 1"


def execute(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(sql)


@pytest.mark.parametrize("change", [DISABLE, RAISE_CUTOFF])
async def test_a_session_is_refused_after_its_client_was_disabled_or_cut_off(
    storage: SQLiteStorage, path: Path, change: str
) -> None:
    owner = account()
    await applied(storage, storage.accounts.insert(owner))
    execute(path, change)
    assert not (await apply(storage, storage.sessions.insert(session(owner.sub)))).applied


@pytest.mark.parametrize(("change", "cutoff"), [(DISABLE, 0), (RAISE_CUTOFF, 0), (RAISE_CUTOFF, 1)])
async def test_a_rotation_is_refused_after_the_client_was_disabled_or_cut_off(
    storage: SQLiteStorage, path: Path, change: str, cutoff: int
) -> None:
    owner = account()
    record = session(owner.sub)
    await applied(storage, storage.accounts.insert(owner), storage.sessions.insert(record))
    execute(path, change)
    assert not (await apply(storage, rotation(storage, record, client_cutoff=cutoff))).applied
    state = await storage.sessions.find(record.sid)
    assert state is not None
    assert (state.client_cutoff, state.client_disabled_at) in {(0, 1), (1, None)}
