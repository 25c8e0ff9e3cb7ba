"""`tokenward keys rewrap` and `keys reset`: a master key that is changed, and one that is lost."""

import base64
import os
from pathlib import Path

import pytest
from tests.cli.running import create, misused, printed_json, refused, serving
from tests.flows.client import Client, Tokens
from tests.flows.servers import PASSWORD, Installation

EMAIL = "anna@example.com"


def new_key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


def write_key(path: Path, key: str) -> None:
    """Put a key into a file in one step, as an operator does under a running server."""
    fresh = path.with_suffix(".new")
    fresh.touch(0o600)
    fresh.write_text(key + "\n")
    fresh.replace(path)


@pytest.fixture
def keyed(place: Installation, tmp_path: Path) -> Installation:
    """An installation whose master key lies in the file `master.key`."""
    write_key(tmp_path / "master.key", place.settings.pop("MASTER_KEY"))
    place.settings["MASTER_KEY_FILE"] = str(tmp_path / "master.key")
    return place


def change_key(place: Installation, tmp_path: Path) -> None:
    """The new key takes the place of the old one, which is kept beside."""
    write_key(tmp_path / "old.key", (tmp_path / "master.key").read_text().strip())
    write_key(tmp_path / "master.key", new_key())
    place.settings["MASTER_KEY_PREVIOUS_FILE"] = str(tmp_path / "old.key")


async def test_a_running_server_goes_over_to_a_new_master_key(keyed: Installation, tmp_path: Path) -> None:
    server = keyed.start()
    async with await Client.connect(server.port) as client:
        await client.register(EMAIL, PASSWORD)
        tokens = Tokens.of(await client.log_in(EMAIL, PASSWORD))
        change_key(keyed, tmp_path)
        # The server still seals with the old one; that is found too.
        await client.register("later@example.com", PASSWORD)
        assert "master key of before" in keyed.command("doctor")
        assert printed_json(keyed.command("keys", "rewrap", "--json")) == {"keys": 3, "accounts": 2}
        assert "destroy that key" in keyed.command("doctor")
        tokens = Tokens.of(await client.refresh(tokens.refresh))
        assert (await client.me(tokens.access)).status == 200
        assert (await client.log_in(EMAIL, PASSWORD)).status == 200
        assert (await client.register("last@example.com", PASSWORD)).status == 201
        assert (await client.log_in("last@example.com", PASSWORD)).status == 200
    assert server.faults() == []
    server.stop()

    (tmp_path / "old.key").unlink()
    del keyed.settings["MASTER_KEY_PREVIOUS_FILE"]
    server = keyed.start()
    async with await Client.connect(server.port) as client:
        assert (await client.refresh(tokens.refresh)).status == 200
        assert (await client.log_in("later@example.com", PASSWORD)).status == 200
    server.stop()
    assert keyed.command("audit", "--event", "master_key.rewrapped").count("command-line") == 2


async def test_until_it_is_changed_the_server_works_with_both_keys(
    keyed: Installation, tmp_path: Path
) -> None:
    create(keyed)
    change_key(keyed, tmp_path)
    server = keyed.start()
    async with await Client.connect(server.port) as client:
        assert (await client.log_in(EMAIL, PASSWORD)).status == 200
    server.stop()
    del keyed.settings["MASTER_KEY_PREVIOUS_FILE"]
    assert "give the master key that the database was made with" in refused(keyed.run("keys", "rewrap"))
    change_key(keyed, tmp_path)
    assert "master key" in refused(keyed.run("keys", "rewrap"))


async def test_a_server_that_cannot_read_the_new_key_is_not_broken_by_surprise(place: Installation) -> None:
    async with serving(place):
        place.settings["MASTER_KEY_PREVIOUS"] = place.settings["MASTER_KEY"]
        place.settings["MASTER_KEY"] = new_key()
        assert "not started with both keys" in misused(place.run("keys", "rewrap"))
    assert printed_json(place.command("keys", "rewrap", "--json"))["keys"] == 3


async def test_a_lost_master_key_is_replaced_and_everybody_signs_in_again(place: Installation) -> None:
    server = place.start()
    async with await Client.connect(server.port) as client:
        await client.register(EMAIL, PASSWORD)
        tokens = Tokens.of(await client.log_in(EMAIL, PASSWORD))
    server.stop()
    place.settings["MASTER_KEY"] = new_key()
    assert "keys reset --lost-master-key" in refused(place.run("serve"))
    assert "keys reset --lost-master-key" in place.run("doctor").stdout

    assert "--lost-master-key" in misused(place.run("keys", "reset", "--yes"))
    assert "Give --yes" in misused(place.run("keys", "reset", "--lost-master-key"))
    said = printed_json(place.command("keys", "reset", "--lost-master-key", "--yes", "--json"))
    assert (said["keys"], said["accounts"]) == (3, 1)
    scope = "SELECT scope FROM revocations WHERE n = ?"
    assert place.rows(scope, (said["revoked_from"],)) == [("all",)]

    server = place.start()
    async with await Client.connect(server.port) as client:
        assert (await client.me(tokens.access)).code == "invalid_token"
        assert (await client.refresh(tokens.refresh)).code == "invalid_grant"
        again = Tokens.of(await client.log_in(EMAIL, PASSWORD))
        assert (await client.me(again.access)).status == 200
        assert (await client.refresh(again.refresh)).status == 200
    assert "is served by another process" in refused(
        place.run("keys", "reset", "--lost-master-key", "--yes"), after=1
    )
    server.stop()
    assert "nothing is lost" in refused(place.run("keys", "reset", "--lost-master-key", "--yes"), after=1)
    events = place.command("audit", "--event", "master_key.reset")
    assert events.count("actor=command-line") == 2


def test_two_places_for_the_previous_key_are_refused(place: Installation, tmp_path: Path) -> None:
    place.settings |= {"MASTER_KEY_PREVIOUS": new_key(), "MASTER_KEY_PREVIOUS_FILE": str(tmp_path / "a")}
    assert "must not be given together" in refused(place.run("keys", "rewrap"))


def test_rewrapping_and_resetting_need_a_database(place: Installation) -> None:
    assert "There is no database" in refused(place.run("keys", "rewrap"))
    assert "There is no database" in refused(place.run("keys", "reset", "--lost-master-key", "--yes"))
    assert not place.data.exists()
