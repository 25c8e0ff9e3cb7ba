"""`tokenward sessions …` and `tokenward accounts delete`, beside a running server."""

import os
import pty
import subprocess
from pathlib import Path

from tests.cli.running import create, misused, printed_json, refused, serving
from tests.flows.servers import PASSWORD, TOKENWARD, Installation

from tokenward.jose.jwt import unverified_claims


async def test_sessions_are_listed_in_pages_and_ended(place: Installation) -> None:
    anna = create(place)
    create(place, "bert@example.com")
    async with serving(place) as server:
        tokens = (await server.client.log_in(PASSWORD, "anna@example.com")).json
        await server.client.log_in(PASSWORD, "bert@example.com")
        listed = printed_json(place.command("sessions", "list", "--json", "--limit", "1"))
        assert len(listed["items"]) == 1
        rest = printed_json(place.command("sessions", "list", "--json", "--cursor", listed["next_cursor"]))
        assert len({item["sid"] for item in listed["items"] + rest["items"]}) == 2

        (one,) = printed_json(place.command("sessions", "list", "--json", "--account", "anna@example.com"))[
            "items"
        ]
        sid = unverified_claims(tokens["access_token"])["sid"]
        assert (one["sid"], one["sub"]) == (sid, anna)
        assert place.command("sessions", "end", sid) == (
            f"ended session {sid}: refused from revocation record 1 on\n"
        )
        assert (await server.client.me(tokens["access_token"])).code == "invalid_token"
        assert (await server.client.refresh(tokens["refresh_token"])).code == "invalid_grant"
        assert "no such session" in refused(place.run("sessions", "end", sid))
        assert place.command("sessions", "list", "--account", anna) == "(none)\n"
    assert "no such session" in refused(place.run("sessions", "end", "nonsense!"))
    assert "no such account" in refused(place.run("sessions", "list", "--account", "nobody"))


async def test_what_a_client_calls_itself_cannot_command_the_terminal(place: Installation) -> None:
    create(place)
    async with serving(place) as server:
        server.client.agent = "curl\x9b2J\x9b31m"
        answer = await server.client.log_in(PASSWORD, "anna@example.com")
        assert answer.status == 200
        listed = place.command("sessions", "list")
        create(place, "\u202emoc.elpmaxe@anna.example.com")
        accounts = place.command("accounts", "list")
    assert r"\x9b2J" in listed
    assert r"\u202emoc.elpmaxe@anna" in accounts
    assert (listed + accounts).replace("\n", "").isprintable()


async def test_an_account_is_deleted_for_good(place: Installation) -> None:
    sub = create(place)
    async with serving(place) as server:
        tokens = (await server.client.log_in(PASSWORD, "anna@example.com")).json
        assert "Give --yes" in misused(place.run("accounts", "delete", sub))
        assert (await server.client.me(tokens["access_token"])).status == 200
        assert "1 sessions with it" in place.command("accounts", "delete", "anna@example.com", "--yes")
        assert (await server.client.me(tokens["access_token"])).code == "invalid_token"
        assert (await server.client.log_in(PASSWORD, "anna@example.com")).code == "invalid_credentials"
    assert "no such account" in refused(place.run("accounts", "delete", sub, "--yes"))


async def test_revoking_a_key_says_what_it_does_to_whom_and_asks(place: Installation) -> None:
    create(place)
    async with serving(place) as server:
        tokens = (await server.client.log_in(PASSWORD, "anna@example.com")).json
        kid = server.key("active").kid
        assert "Give --yes" in (said := misused(place.run("keys", "revoke", kid)))
        assert "clients get new ones by refreshing" in said
        assert (await server.client.me(tokens["access_token"])).status == 200
        done = place.run("keys", "revoke", kid, "--yes", "--json", "--reason", "laptop stolen")
        assert printed_json(done.stdout) == {"scope": "key", "value": kid, "revoked_from": 1}
        assert "An API that" in done.stderr
        assert (await server.client.me(tokens["access_token"])).code == "invalid_token"
        (row,) = await server.events("key.revoked")
        assert (row.actor, "laptop stolen" in row.detail) == ("command-line", True)
    assert "no key nobody" in refused(place.run("keys", "revoke", "nobody", "--yes"))


def answering(place: Installation, answer: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command at a terminal at which somebody writes `answer`."""
    ours, theirs = pty.openpty()
    os.write(ours, answer.encode())
    done = subprocess.run(
        [str(TOKENWARD), *arguments],
        env=place.environment(),
        stdin=theirs,
        capture_output=True,
        text=True,
        check=False,
    )
    os.close(ours)
    os.close(theirs)
    return done


async def test_at_a_terminal_it_asks_and_a_no_changes_nothing(place: Installation) -> None:
    create(place)
    async with serving(place) as server:
        kid = server.key("active").kid
        for answer, status in (("n\n", 1), ("y\n", 0)):
            done = answering(place, answer, "keys", "revoke", kid)
            assert done.returncode == status, done
            assert "Revoke it? [y/N]" in done.stderr
            assert len(await server.events("key.revoked")) == (1 if status == 0 else 0)


def test_what_takes_long_shows_how_far_it_is_at_a_terminal(made: Installation, tmp_path: Path) -> None:
    create(made)
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [str(TOKENWARD), "backup", str(tmp_path / "copy.db")],
        env=made.environment() | {"TERM": "dumb"},
        stdout=subprocess.PIPE,
        stderr=theirs,
        check=True,
    )
    os.close(theirs)
    assert b"Copying" in os.read(ours, 10_000)
    os.close(ours)
    assert b"backed up to" in done.stdout
