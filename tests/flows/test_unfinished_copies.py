"""A backup and a restore that are killed in the middle: what they leave is named, and the next one removes it."""

import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.cli.running import create
from tests.flows.servers import TOKENWARD, Installation, installation

_SECONDS = 60


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Installation]:
    with installation(tmp_path, measured=False) as it:
        create(it)
        # Enough to copy that there is a middle.
        with closing(sqlite3.connect(it.database)) as connection, connection:
            connection.execute("CREATE TABLE ballast (a)")
            connection.execute("INSERT INTO ballast VALUES (zeroblob(100000000))")
        yield it


def stop_in_the_middle(place: Installation, pattern: str, *command: str) -> subprocess.Popen[bytes]:
    """The command, standing still at a moment at which its copy is there under a name like `pattern`."""
    process = subprocess.Popen([str(TOKENWARD), *command], env=place.environment(), stdout=subprocess.DEVNULL)
    give_up = time.monotonic() + _SECONDS
    while not list(place.data.glob(pattern)):
        assert process.poll() is None
        assert time.monotonic() < give_up
        time.sleep(0.001)
    process.send_signal(signal.SIGSTOP)
    return process


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait(_SECONDS)


def test_what_a_killed_backup_leaves_is_named_and_removed_by_the_next_one(place: Installation) -> None:
    target, pattern = place.data / "tonight.db", ".tonight.db.*[0-9]"
    process = stop_in_the_middle(place, pattern, "backup", str(target))
    try:
        (left,) = place.data.glob(pattern)
        # Somebody works on it, so it is no finding, and another backup to the same place leaves it alone.
        assert "unfinished copy" not in place.run("doctor").stdout
        place.command("backup", str(target))
        assert left.exists()
        target.unlink()
    finally:
        kill(process)
    said = place.run("doctor")
    assert said.returncode == 0
    assert f"a backup was stopped in the middle and left {left}" in said.stdout
    assert "let the next backup to the same place do that" in said.stdout
    # One to another place does not touch it.
    place.command("backup", str(place.data / "other.db"))
    assert left.exists()
    place.command("backup", str(target))
    assert not list(place.data.glob(".tonight.db.*"))
    assert "unfinished copy" not in place.run("doctor").stdout


def test_what_a_killed_restore_leaves_is_named_and_removed_by_the_next_one(
    place: Installation, tmp_path: Path
) -> None:
    backup, pattern = str(tmp_path / "good.db"), "tokenward.db.restored-*[0-9]"
    place.command("backup", backup)
    before = place.command("accounts", "list")
    process = stop_in_the_middle(place, pattern, "restore", backup, "--force")
    try:
        (left,) = place.data.glob(pattern)
        assert "unfinished copy" not in place.run("doctor").stdout
        # Two restores at once would be two databases; the second one is refused and harms nothing.
        assert "another process" in place.run("restore", backup, "--force").stderr
        assert left.exists()
    finally:
        kill(process)
    assert f"a restore was stopped in the middle and left {left}" in place.run("doctor").stdout
    # It took nothing away.
    assert place.command("accounts", "list") == before
    place.command("restore", backup, "--force")
    assert not list(place.data.glob("tokenward.db.restored-*"))
    assert "anna@example.com" in place.command("accounts", "list")


def test_files_that_only_look_so_are_left_alone(place: Installation) -> None:
    (place.data / ".notes.2024").write_text("not a database")
    (place.data / "tokenward.db.restored-by-hand").write_text("mine")
    said = place.run("doctor").stdout
    assert "unfinished copy" not in said
    place.command("backup", str(place.data / "notes"))
    assert (place.data / "tokenward.db.restored-by-hand").read_text() == "mine"
