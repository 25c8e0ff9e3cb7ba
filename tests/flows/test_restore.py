"""A backup of a running server, what happens after it, and the restore: nothing that was revoked comes back."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.cli.running import printed_json, refused
from tests.flows.client import Client, Tokens
from tests.flows.servers import PASSWORD, Installation, installation

from tokenward.jose import unverified_claims, unverified_header

EMAIL = "ada@example.com"
OTHER_PASSWORD = "nine loud harbour pilots"
EPOCH = 1 << 40


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Installation]:
    with installation(tmp_path) as it:
        yield it


async def signed_up(client: Client) -> Tokens:
    assert (await client.register(EMAIL, PASSWORD)).status == 201
    return Tokens.of(await client.log_in(EMAIL, PASSWORD))


async def is_out(client: Client, tokens: Tokens) -> bool:
    """Neither token opens anything."""
    me, refreshed = await client.me(tokens.access), await client.refresh(tokens.refresh)
    return (me.code, refreshed.code) == ("invalid_token", "invalid_grant")


async def test_nothing_that_was_revoked_after_the_backup_comes_back(
    place: Installation, tmp_path: Path
) -> None:
    file = tmp_path / "backup.db"
    server = place.start()
    async with await Client.connect(server.port) as client:
        revoked = await signed_up(client)
        before_change = Tokens.of(await client.log_in(EMAIL, PASSWORD))
        place.command("backup", str(file))
        place.command("revoke", "--session", unverified_claims(revoked.access)["sid"])
        stolen = str(unverified_header(before_change.access)["kid"])
        place.command("keys", "revoke", stolen, "--yes")
        place.command("accounts", "set-password", EMAIL, "--password-stdin", stdin=OTHER_PASSWORD)
        after_change = Tokens.of(await client.log_in(EMAIL, OTHER_PASSWORD))
        for tokens in (revoked, before_change):
            assert await is_out(client, tokens)
        assert (await client.me(after_change.access)).status == 200
    (newest,) = place.rows("SELECT n FROM head")
    assert server.stop() == 0

    said = printed_json(place.command("restore", str(file), "--force", "--json"))
    assert (said["epoch"], said["revoked_from"]) == (1, EPOCH + 1)
    scope = "SELECT scope FROM revocations WHERE n = ?"
    assert place.rows(scope, (said["revoked_from"],)) == [("all",)]
    # Every number of the new epoch is above every one of the old, so that cut-offs compare right.
    assert said["revoked_from"] > newest[0] >= unverified_claims(after_change.access)["rsq"]

    server = place.start()
    async with await Client.connect(server.port) as client:
        for tokens in (revoked, before_change, after_change):
            assert await is_out(client, tokens)
        assert (await client.log_in(EMAIL, OTHER_PASSWORD)).code == "invalid_credentials"
        tokens = Tokens.of(await client.log_in(EMAIL, PASSWORD))
        assert unverified_claims(tokens.access)["rsq"] >= said["revoked_from"]
        assert unverified_header(tokens.access)["kid"] != stolen
        again = Tokens.of(await client.refresh(tokens.refresh))
        assert (await client.me(again.access)).status == 200
        assert (await client.log_out(again.access)).json()["revoked_from"] > said["revoked_from"]
        assert (await client.me(again.access)).code == "invalid_token"
    assert place.rows("SELECT state FROM keys WHERE kid = ?", (stolen,)) == [("revoked",)]
    assert [event["event"] for event in server.faults()] == []
    server.stop()


async def test_who_was_erased_or_disabled_after_the_backup_stays_so(
    place: Installation, tmp_path: Path
) -> None:
    file, erased, disabled, stays = tmp_path / "backup.db", "erased@example.com", "out@example.com", EMAIL
    for email in (erased, disabled, stays):
        place.command("accounts", "create", "--email", email, "--password-stdin", stdin=PASSWORD)
    place.command("backup", str(file))
    place.command("accounts", "delete", erased, "--yes")
    place.command("accounts", "disable", disabled)
    assert erased.encode() in file.read_bytes()

    said = printed_json(place.command("restore", str(file), "--force", "--json"))
    assert said["carried_over"] == {"erased": 1, "disabled": 1}
    # Nothing of the person is in the file, not in the unused part of a page either.
    assert erased.encode() not in place.database.read_bytes()
    server = place.start()
    async with await Client.connect(server.port) as client:
        for email, status in ((erased, 401), (disabled, 401), (stays, 200)):
            assert (await client.log_in(email, PASSWORD)).status == status
    assert server.stop() == 0

    # To undo a mistake, somebody has to say so.
    said = printed_json(place.command("restore", str(file), "--force", "--as-it-was", "--json"))
    assert said["carried_over"] is None
    assert place.rows("SELECT count(*) FROM accounts WHERE disabled_at IS NULL") == [(3,)]


def test_what_is_erased_again_leaves_no_page_behind(place: Installation, tmp_path: Path) -> None:
    # SQLite can leave a copy of a row in the unused part of a page; only a file that is written anew has none.
    file = tmp_path / "backup.db"
    place.command("accounts", "create", "--email", EMAIL, "--password-stdin", stdin=PASSWORD)
    with closing(sqlite3.connect(place.database, isolation_level=None)) as database:
        (sub,) = database.execute("SELECT sub FROM accounts").fetchone()
        database.executemany(
            """
            INSERT INTO sessions
            VALUES (?, ?, 'first-party', 'account', 'api', zeroblob(16), 1, 0, 0, 0, 0, 4000000000, 4000000000, NULL,
                    '["pwd"]', 0, 0, 0, '192.0.2.0/24', 'a device', NULL)
            """,
            [(number.to_bytes(16), sub) for number in range(2_000)],
        )
    place.command("backup", str(file))
    place.command("accounts", "delete", EMAIL, "--yes")
    place.command("restore", str(file), "--force")
    assert place.rows("PRAGMA freelist_count") == [(0,)]
    assert place.rows("SELECT count(*) FROM sessions") == [(0,)]


async def test_where_the_database_of_before_cannot_be_read_that_is_told(
    place: Installation, tmp_path: Path
) -> None:
    file = tmp_path / "backup.db"
    place.command("accounts", "create", "--email", EMAIL, "--password-stdin", stdin=PASSWORD)
    place.command("backup", str(file))
    place.database.write_bytes(b"no database at all" * 400)
    assert "no database of before was asked" in place.command("restore", str(file), "--force")


async def test_each_restore_of_one_backup_is_an_epoch_of_its_own(place: Installation, tmp_path: Path) -> None:
    file = tmp_path / "backup.db"
    server = place.start()
    async with await Client.connect(server.port) as client:
        await signed_up(client)
    server.stop()
    place.command("backup", str(file))
    place.command("restore", str(file), "--force")

    server = place.start()
    async with await Client.connect(server.port) as client:
        between = Tokens.of(await client.log_in(EMAIL, PASSWORD))
        assert "is served by another process" in refused(place.run("restore", str(file), "--force"))
        assert (await client.me(between.access)).status == 200
    server.stop()

    assert printed_json(place.command("restore", str(file), "--force", "--json"))["epoch"] == 2
    server = place.start()
    async with await Client.connect(server.port) as client:
        assert await is_out(client, between)
    server.stop()


async def test_a_backup_of_a_server_under_load_is_whole(place: Installation, tmp_path: Path) -> None:
    server = place.start()
    async with await Client.connect(server.port) as client:
        tokens = await signed_up(client)
        for number in range(5):
            client.send("POST", "/api/v1/auth/refresh", body={"refresh_token": tokens.refresh})
            place.command("backup", str(tmp_path / f"{number}.db"))
            tokens = Tokens.of(await client.read_answer())
    server.stop()
    for number in range(5):
        place.settings["DATA"] = str(tmp_path / f"restored-{number}")
        place.command("restore", str(tmp_path / f"{number}.db"))
        listed = printed_json(place.command("accounts", "list", "--json"))["items"]
        assert [account["email"] for account in listed] == [EMAIL]
