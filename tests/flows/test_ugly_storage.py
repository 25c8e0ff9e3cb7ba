"""The ugly days of a database: full, read-only, damaged. A clear line, nothing half done, and on again afterwards."""

import asyncio
import os
import resource
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.cli.running import create, refused
from tests.flows.client import Answer, Client, Tokens
from tests.flows.mounts import CAN_MOUNT, fill, read_only, seen_by, small_disk
from tests.flows.servers import PASSWORD, TOKENWARD, Installation, Server, installation

SESSIONS = 24
_PATIENCE_SECONDS = 60


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Installation]:
    with installation(tmp_path, {"LOGIN_BURST": "1000", "LOGIN_NETWORK_BURST": "1000"}) as it:
        yield it


def on_a_small_disk(place: Installation) -> tuple[Server, Callable[[], None], Callable[[], None]]:
    """A server, how its disk gets full, and how there is space again."""
    place.data.mkdir()
    server = place.start(*small_disk(place.data, 8))
    folder = seen_by(server.process.pid, place.data)
    return server, lambda: fill(folder), lambda: (folder / "filler").unlink()


def with_a_limit_of_files(place: Installation) -> tuple[Server, Callable[[], None], Callable[[], None]]:
    """The same by the limit of a process on the size of its files, which every system has."""
    server = place.start()
    pid = server.process.pid
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)

    def limit() -> None:
        log = place.database.with_name(place.database.name + "-wal")
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (log.stat().st_size, hard))

    def lift() -> None:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))

    return server, limit, lift


async def copied(folder: Path, to: Path) -> Path:
    """A copy of the database of a server that has nothing to do; it lies where only that server can open it."""
    await asyncio.sleep(3)
    for name in ("tokenward.db", "tokenward.db-wal"):
        shutil.copyfile(folder / name, to / name)
    return to / "tokenward.db"


async def refresh_until_refused(port: int, tokens: list[Tokens]) -> list[Answer]:
    """All sessions refresh at once, again and again, until the disk is full; the answers that were refusals."""
    connections = [await Client.connect(port) for _ in tokens]
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while True:
                for client, held in zip(connections, tokens, strict=True):
                    client.send("POST", "/api/v1/auth/refresh", body={"refresh_token": held.refresh})
                answers = [await client.read_answer() for client in connections]
                for number, answer in enumerate(answers):
                    if answer.status == 200:
                        tokens[number] = Tokens.of(answer)
                refusals = [answer for answer in answers if answer.status != 200]
                if refusals:
                    return refusals
    finally:
        for client in connections:
            client.cut()


@pytest.mark.parametrize("begin", [with_a_limit_of_files, *([on_a_small_disk] if CAN_MOUNT else [])])
async def test_a_full_disk_loses_nothing_and_the_server_goes_on_when_there_is_space(
    place: Installation,
    tmp_path: Path,
    begin: Callable[[Installation], tuple[Server, Callable[[], None], Callable[[], None]]],
) -> None:
    server, fill_up, make_room = begin(place)
    async with await Client.connect(server.port) as client:
        assert (await client.register("ada@example.com", PASSWORD)).status == 201
        tokens = [Tokens.of(await client.log_in("ada@example.com", PASSWORD)) for _ in range(SESSIONS)]

        fill_up()
        refusals = await refresh_until_refused(server.port, tokens)
        assert {(answer.status, answer.code) for answer in refusals} == {(503, "storage_unavailable")}
        assert all("retry-after" in answer.headers for answer in refusals)
        # What needs no space is still done.
        assert (await client.me(tokens[0].access)).status == 200
        assert (await client.request("GET", "/healthz")).status == 200

        make_room()
        for number, held in enumerate(tokens):
            # The last token that was answered counts; a refused rotation left nothing behind.
            tokens[number] = Tokens.of(await client.refresh(held.refresh))
            assert (await client.me(tokens[number].access)).status == 200
        assert (await client.register("bert@example.com", PASSWORD)).status == 201
        assert (await client.log_in("bert@example.com", PASSWORD)).status == 200
        assert (await client.log_out(tokens[0].access)).status == 200
    reasons = {line.get("reason", "") for line in server.log() if line["event"] == "refused"}
    assert any("SQLITE_FULL" in reason or "SQLITE_IOERR" in reason for reason in reasons), reasons
    with closing(
        sqlite3.connect(await copied(seen_by(server.process.pid, place.data), tmp_path))
    ) as connection:
        started = "SELECT count(*) FROM audit WHERE event = 'session.started'"
        assert connection.execute(started).fetchone() == (SESSIONS + 1,)
        assert connection.execute("SELECT count(*) FROM sessions").fetchone() == (SESSIONS + 1,)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert server.stop() == 0


# Rights do not bind root, so that without mounts there is no way to such a file system.
if CAN_MOUNT:

    def test_a_file_system_that_cannot_be_written(place: Installation, tmp_path: Path) -> None:
        create(place)
        before = place.database.read_bytes()

        def run(*arguments: str) -> subprocess.CompletedProcess[str]:
            command = [*read_only(place.data), str(TOKENWARD), *arguments]
            return subprocess.run(
                command, env=place.environment(), capture_output=True, text=True, check=False, timeout=60
            )

        for command in (("serve",), ("accounts", "list"), ("keys", "rewrap")):
            line = refused(run(*command))
            assert "Read-only file system" in line or "cannot be" in line, line
        # There is nothing to migrate, and that can be told without writing.
        assert run("migrate").returncode == 0
        said = run("doctor")
        assert said.returncode == 1
        assert "cannot be written" in said.stdout
        # What was stored can be saved from it.
        assert run("backup", str(tmp_path / "saved.db")).returncode == 0
        assert place.database.read_bytes() == before
        place.settings["DATA"] = str(tmp_path / "elsewhere")
        place.command("restore", str(tmp_path / "saved.db"))


def damage(database: Path, table: str) -> None:
    """Overwrite the page on which a table begins, as a failing disk does."""
    with closing(sqlite3.connect(database)) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with database.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(os.urandom(size))


def test_a_damaged_database_is_told_and_not_written(place: Installation, tmp_path: Path) -> None:
    place.start().stop()
    damage(place.database, "keys")
    before = place.database.read_bytes()
    for command in (("serve",), ("keys", "list"), ("keys", "rewrap"), ("backup", str(tmp_path / "copy.db"))):
        line = refused(place.run(*command))
        assert line.startswith("The database is damaged"), line
        assert "tokenward restore" in line
    done = place.run("doctor")
    assert done.returncode == 1
    assert "is damaged" in done.stdout
    assert "keep the data folder as it is" in done.stdout
    assert place.database.read_bytes() == before
    assert not (tmp_path / "copy.db").exists()


async def test_damage_that_is_met_while_serving_is_a_503_and_the_rest_works(
    place: Installation, tmp_path: Path
) -> None:
    create(place, "ada@example.com")
    place.command("backup", str(tmp_path / "good.db"))
    damage(place.database, "accounts")
    server = place.start()
    async with await Client.connect(server.port) as client:
        answer = await client.log_in("ada@example.com", PASSWORD)
        assert (answer.status, answer.code) == (503, "storage_unavailable")
        assert "SQLITE_CORRUPT" not in answer.body.decode()
        assert (await client.request("GET", "/.well-known/jwks.json")).status == 200
    assert any("SQLITE_CORRUPT" in line.get("reason", "") for line in server.log())
    server.stop()
    # The way back that the line names.
    place.command("restore", str(tmp_path / "good.db"), "--force")
    server = place.start()
    async with await Client.connect(server.port) as client:
        assert (await client.log_in("ada@example.com", PASSWORD)).status == 200
    server.stop()
    assert len(list(place.data.glob("tokenward.db.before-*"))) == 1


def test_a_database_whose_first_page_is_gone(place: Installation, tmp_path: Path) -> None:
    create(place)
    place.command("backup", str(tmp_path / "good.db"))
    with place.database.open("r+b") as file:
        file.write(os.urandom(4096))
    for command in (("serve",), ("accounts", "list"), ("migrate",)):
        assert "tokenward restore FILE --force" in refused(place.run(*command))
    assert place.run("doctor").returncode == 1
    place.command("restore", str(tmp_path / "good.db"), "--force")
    assert "anna@example.com" in place.command("accounts", "list")


def test_the_log_of_the_old_database_is_not_read_into_the_restored_one(
    place: Installation, tmp_path: Path
) -> None:
    create(place)
    place.command("backup", str(tmp_path / "good.db"))
    with closing(sqlite3.connect(place.database, isolation_level=None)) as forgotten:
        # Somebody's shell that reads keeps the log from being taken into the file.
        forgotten.execute("BEGIN")
        forgotten.execute("SELECT count(*) FROM accounts").fetchall()
        create(place, "bert@example.com")
        place.command("restore", str(tmp_path / "good.db"), "--force")
        assert "bert" not in place.command("accounts", "list")
    (kept,) = place.data.glob("tokenward.db.before-*[0-9]")
    with closing(sqlite3.connect(kept)) as connection:
        assert connection.execute("SELECT count(*) FROM accounts").fetchone() == (2,)
    assert place.rows("PRAGMA integrity_check") == [("ok",)]
