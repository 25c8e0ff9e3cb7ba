"""`tokenward accounts import`, as processes: what it prints, its status, beside a server, killed in the middle."""

import contextlib
import json
import os
import pty
import signal
import subprocess
import time
from pathlib import Path

import pytest
from tests.cli.running import create, misused, printed_json, refused, serving
from tests.flows.servers import TOKENWARD, Installation
from tests.server.accounts.foreign_vectors import PASSWORD
from tests.server.maintenance.import_files import HASH, HEADER, csv_line, keycloak_user, realm

from tokenward.server.maintenance.import_formats import FORMATS

GOOD = csv_line(email="anna@example.com", username="anna", name="Anna", password_hash=HASH)
BAD = csv_line(email="berta@example.com", password_hash="0" * 32)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """One good row and one bad one."""
    path = tmp_path / "accounts.csv"
    path.write_text(f"{HEADER}\n{GOOD}\n{BAD}\n")
    return path


def many(path: Path, rows: int) -> Path:
    lines = [
        csv_line(email=f"u{n}@example.com", username=f"user{n}", password_hash=HASH) for n in range(rows)
    ]
    path.write_text("\n".join((HEADER, *lines)))
    return path


async def test_an_imported_account_signs_in_at_the_server_beside_which_it_was_imported(
    place: Installation, file: Path
) -> None:
    async with serving(place) as server:
        done = place.run("accounts", "import", str(file))
        assert done.returncode == 3
        assert "created 1 accounts; 0 were imported before; refused 1 of 2 rows" in done.stdout
        assert done.stderr.startswith("line 3: weak_hash: ")
        assert (await server.client.log_in(PASSWORD, "anna")).status == 200
        again = place.run("accounts", "import", str(file))
        assert "created 0 accounts; 1 were imported before; refused 1 of 2 rows" in again.stdout


def test_a_summary_as_json_and_the_report_name_no_secret(
    made: Installation, file: Path, tmp_path: Path
) -> None:
    report = tmp_path / "refused.jsonl"
    done = made.run("accounts", "import", str(file), "--json", "--report", str(report))
    assert printed_json(done.stdout) == {
        "dry_run": False,
        "rows": 2,
        "created": 1,
        "already_there": 0,
        "refused": 1,
        "without_password": 0,
        "refused_by_code": {"weak_hash": 1},
        "dropped": {},
        "ended_early": None,
    }
    assert (done.returncode, done.stderr) == (3, "")
    (line,) = report.read_text().splitlines()
    assert json.loads(line).items() >= {"line": 3, "row": 2, "code": "weak_hash"}.items()
    assert report.stat().st_mode & 0o777 == 0o600
    for secret in (HASH, "0" * 32, "berta"):
        assert secret not in done.stdout + line
    assert "not overwritten" in refused(made.run("accounts", "import", str(file), "--report", str(report)))


def test_a_dry_run_says_the_same_and_changes_nothing(made: Installation, file: Path) -> None:
    done = made.run("accounts", "import", str(file), "--dry-run")
    assert done.returncode == 3
    assert "would create 1 accounts" in done.stdout
    assert made.rows("SELECT COUNT(*) FROM accounts") == [(0,)]
    assert made.rows("SELECT COUNT(*) FROM audit") == [(0,)]


def test_a_dry_run_makes_no_database(place: Installation, file: Path) -> None:
    assert "no database" in refused(place.run("accounts", "import", str(file), "--dry-run"))
    assert not place.database.exists()
    assert place.run("accounts", "import", str(file)).returncode == 3
    assert place.rows("SELECT COUNT(*) FROM accounts") == [(1,)]


def test_all_rows_good_is_status_0(made: Installation, file: Path) -> None:
    file.write_text(f"{HEADER}\n{GOOD}\n")
    assert "created 1" in made.command("accounts", "import", str(file))


def test_what_ends_it_early_is_told_after_what_was_done(made: Installation, file: Path) -> None:
    file.write_text(f'{HEADER}\n{GOOD}\n"not closed\n')
    done = made.run("accounts", "import", str(file))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("Error: line 3: ")
    assert "created 1 accounts" in done.stdout
    as_json = made.run("accounts", "import", str(file), "--json")
    assert as_json.returncode == 1
    assert "line 3" in printed_json(as_json.stdout)["ended_early"]
    assert printed_json(as_json.stdout)["already_there"] == 1


def test_a_wrong_call_says_what_is_right(made: Installation, file: Path, tmp_path: Path) -> None:
    assert "does not exist" in misused(made.run("accounts", "import", str(tmp_path / "none.csv")))
    assert "keycloak" in misused(made.run("accounts", "import", str(file), "--format", "ldap"))
    nameless = tmp_path / "export"
    nameless.write_text("")
    assert "--format" in refused(made.run("accounts", "import", str(nameless)))
    file.write_text(f"email,{'x' * 100}\n")
    assert "line 1" in refused(made.run("accounts", "import", str(file)))


def test_every_format_can_be_named() -> None:
    from tokenward.cli.account_import import _FORMATS

    assert sorted(_FORMATS) == sorted(FORMATS)


def test_what_is_refused_by_default_is_allowed_by_name(made: Installation, file: Path) -> None:
    rows = (csv_line(username="root", roles="admin", password_hash=HASH), csv_line(username="later"))
    file.write_text("\n".join((HEADER, *rows)))
    assert made.run("accounts", "import", str(file)).returncode == 3
    said = made.command("accounts", "import", str(file), "--allow-admin", "--allow-no-password")
    assert "created 2 accounts" in said
    assert "without a password: 1" in said


def test_an_account_that_was_there_is_told_and_left_alone(made: Installation, file: Path) -> None:
    sub = create(made)
    before = made.rows("SELECT * FROM accounts")
    done = made.run("accounts", "import", str(file))
    assert "login_taken 1" in done.stdout
    assert made.rows("SELECT * FROM accounts") == before
    assert sub not in done.stdout + done.stderr


def test_many_refusals_are_cut_short_on_the_terminal(made: Installation, file: Path) -> None:
    file.write_text("\n".join((HEADER, *[BAD] * 50)))
    done = made.run("accounts", "import", str(file))
    assert len(done.stderr.splitlines()) == 21
    assert "and 30 more" in done.stderr


def test_what_a_hostile_file_names_cannot_write_to_the_terminal(made: Installation, tmp_path: Path) -> None:
    file = tmp_path / "realm.json"
    file.write_text(realm([{**keycloak_user(), "x\x1b[2J": 1}]))
    done = made.run("accounts", "import", str(file), "--format", "keycloak")
    assert "created 1 accounts" in done.stdout
    assert "\x1b" not in done.stdout
    assert "x\\x1b[2J 1" in done.stdout


def test_a_full_disk_says_what_is_done_and_to_run_it_again(made: Installation, tmp_path: Path) -> None:
    file = many(tmp_path / "many.csv", 3000)
    done = subprocess.run(
        ["bash", "-c", 'ulimit -f 1500; trap "" XFSZ; exec "$@"', "-", TOKENWARD, "accounts", "import", file],
        env=made.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "What is counted is done" in done.stderr
    counted = int(done.stdout.split()[1])
    assert made.rows("SELECT COUNT(*) FROM accounts") == [(counted,)]
    said = made.command("accounts", "import", str(file))
    assert f"created {3000 - counted} accounts; {counted} were imported before" in said


def test_killed_at_any_moment_and_run_again_every_account_is_there_once(
    made: Installation, tmp_path: Path
) -> None:
    rows = 4000
    file = many(tmp_path / "many.csv", rows)
    for killed in range(4):
        process = subprocess.Popen(
            [TOKENWARD, "accounts", "import", file], env=made.environment(), stdout=subprocess.DEVNULL
        )
        before = made.rows("SELECT COUNT(*) FROM accounts")[0][0]
        deadline = time.monotonic() + 60
        while made.rows("SELECT COUNT(*) FROM accounts")[0][0] < before + 300 + 37 * killed:
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert made.rows("SELECT COUNT(*) FROM accounts") == made.rows(
            "SELECT COUNT(*) FROM audit WHERE event = 'account.imported'"
        )
    there = made.rows("SELECT COUNT(*) FROM accounts")[0][0]
    assert 1200 <= there < rows
    said = made.command("accounts", "import", str(file))
    assert f"created {rows - there} accounts; {there} were imported before; refused 0" in said
    (counts,) = made.rows("SELECT COUNT(*), COUNT(DISTINCT email_folded) FROM accounts")
    assert counts == (rows, rows)
    assert made.rows("SELECT COUNT(DISTINCT subject) FROM audit WHERE event = 'account.imported'") == [
        (rows,)
    ]


def test_a_terminal_sees_how_far_it_is_and_a_file_does_not(made: Installation, tmp_path: Path) -> None:
    file = many(tmp_path / "many.csv", 600)
    assert made.run("accounts", "import", str(file), "--dry-run").stderr == ""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [TOKENWARD, "accounts", "import", file],
        env=made.environment(),
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # The end of a terminal.
        while part := os.read(ours, 4096):
            shown += part
    os.close(ours)
    assert process.wait() == 0
    assert b"Importing" in shown
    assert b"100%" in shown
