"""`tokenward doctor`: what it finds, what it says to do, and that it changes nothing."""

import json
import time
from pathlib import Path
from typing import Any

from tests.cli.running import create, serving
from tests.flows.servers import Installation
from tests.server.building import OTHER_MASTER_KEY, tamper


def findings(place: Installation, *, wrong: bool) -> dict[str, dict[str, Any]]:
    """The findings by what they are about: the worst of each."""
    done = place.run("doctor", "--json")
    said = json.loads(done.stdout)
    assert (done.returncode, said["ok"]) == ((1, False) if wrong else (0, True)), done
    order = ["ok", "warning", "wrong"]
    worst: dict[str, dict[str, Any]] = {}
    for finding in said["findings"]:
        known = worst.setdefault(finding["what"], finding)
        if order.index(finding["level"]) > order.index(known["level"]):
            worst[finding["what"]] = finding
    for finding in worst.values():
        assert (finding["level"] == "ok") == (finding["do"] == ""), finding
    return worst


async def test_all_is_well_beside_a_running_server(place: Installation) -> None:
    create(place)
    async with serving(place):
        found = findings(place, wrong=False)
        assert {finding["level"] for finding in found.values()} <= {"ok", "warning"}
        assert found["server"]["says"] == "running"
        assert found["master key"]["level"] == "ok"
        assert found["revocation log"]["says"] == "epoch 0, record 0"
    done = place.run("doctor")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith("0 wrong")
    assert "not running" in done.stdout
    assert place.master_key not in done.stdout


def test_no_database_and_wrong_settings_are_findings(place: Installation) -> None:
    assert "--data" in findings(place, wrong=True)["database"]["do"]
    assert not place.data.exists()
    place.settings["ACCESS_TOKEN_SECONDS"] = "7200"
    assert "access_token_seconds" in findings(place, wrong=True)["settings"]["do"]


def test_permissions_that_are_too_open(made: Installation, tmp_path: Path) -> None:
    made.database.chmod(0o644)
    made.data.chmod(0o777)
    key = tmp_path / "master.key"
    key.write_text(made.settings.pop("MASTER_KEY"))
    key.chmod(0o640)
    made.settings["MASTER_KEY_FILE"] = str(key)
    found = findings(made, wrong=True)
    assert f"chmod 600 {made.database}" in found["database file"]["do"]
    assert f"chmod 700 {made.data}" in found["data folder"]["do"]
    assert f"chmod 600 {key}" in found["master key"]["do"]


async def test_the_master_key_the_clock_and_the_keys(place: Installation) -> None:
    create(place)
    async with serving(place) as server:
        path = server.path
    tamper(path, "UPDATE keys SET activated_at = 1000 WHERE use = 'access' AND state = 'active'")
    tamper(path, "DELETE FROM keys WHERE state = 'pending'")
    found = findings(place, wrong=False)
    assert found["keys"]["level"] == "warning"
    tamper(path, "DELETE FROM keys WHERE use = 'refresh'")
    assert "no active refresh key" in findings(place, wrong=True)["keys"]["says"]
    tamper(path, "UPDATE audit SET at = ?", int(time.time()) + 4000)
    assert "time synchronisation" in findings(place, wrong=True)["clock"]["do"]
    place.settings["MASTER_KEY"] = OTHER_MASTER_KEY
    assert "does not open" in findings(place, wrong=True)["master key"]["says"]
    tamper(path, "UPDATE head SET epoch = 0, n = 7")
    tamper(path, "INSERT INTO revocations VALUES (9, 'all', '', 0, '', 0)")
    tamper(path, "UPDATE head SET n = 7")
    assert "by hand" in findings(place, wrong=True)["revocation log"]["do"]


def test_migrations_that_are_pending_and_a_newer_program(made: Installation) -> None:
    tamper(made.database, "DELETE FROM schema_migrations WHERE number > 1")
    found = findings(made, wrong=True)
    assert "tokenward migrate" in found["schema"]["do"]
    tamper(made.database, "INSERT INTO schema_migrations VALUES (9999, 'from_the_future', 0, '')")
    assert "newer Tokenward" in findings(made, wrong=True)["schema"]["do"]
