"""`tokenward keys …` and `tokenward revoke …`, as processes beside a running server."""

from tests.cli.running import create, misused, printed_json, refused, serving
from tests.flows.servers import PASSWORD, Installation
from tests.server.building import tamper

from tokenward.jose.jwt import unverified_claims


async def test_keys_are_listed_with_their_states_and_nothing_private(made: Installation) -> None:
    assert made.command("keys", "list") == "(none)\n"
    async with serving(made) as server:
        table = made.command("keys", "list")
        listing = printed_json(made.command("keys", "list", "--json"))
        rows = [(item["use"], item["alg"], item["state"]) for item in listing["items"]]
        assert sorted(rows) == [
            ("access", "ES256", "active"), ("access", "ES256", "pending"), ("refresh", "HS256", "active"),
        ]  # fmt: skip
        for key in server.services.ring.records:
            assert key.kid in table
        assert "wrapped" not in table + str(listing)
        assert listing["next_cursor"] is None


async def test_rotating_is_refused_too_early_and_done_when_every_verifier_knows_the_key(
    place: Installation,
) -> None:
    async with serving(place) as server:
        assert "stand-by key may sign in" in refused(place.run("keys", "rotate"), after=1)
        standby = server.key("pending").kid
        past = int(server.clock.now()) - 10_000
        tamper(server.path, "UPDATE keys SET created_at = ? WHERE state = 'pending'", past)
        # What the server noted counts, although the command's own settings would allow it by now.
        assert "stand-by key may sign in" in refused(place.run("keys", "rotate"), after=1)
        tamper(server.path, "UPDATE keys SET signs_from = ? WHERE state = 'pending'", past)
        said = place.command("keys", "rotate").splitlines()
        assert said == [
            f"ES256: {standby} signs from now on",
            "refresh tokens are computed under a new key from now on",
        ]
        await server.services.guard.catch_up()
        assert server.key("active").kid == standby


async def test_a_key_a_session_a_token_and_a_subject_are_revoked_for_a_running_server(
    place: Installation,
) -> None:
    sub = create(place)
    async with serving(place) as server:

        async def tokens() -> dict[str, str]:
            answer = await server.client.log_in(PASSWORD, "anna@example.com")
            assert answer.status == 200
            return {str(name): str(value) for name, value in answer.json.items()}

        async def is_refused(access_token: str) -> bool:
            return (await server.client.me(access_token)).status == 401

        one = await tokens()
        claims = unverified_claims(one["access_token"])
        said = place.command("revoke", "--token", claims["jti"], "--reason", "found in a log")
        assert said == f"revoked token {claims['jti']}: refused from revocation record 1 on\n"
        assert await is_refused(one["access_token"])
        assert (await server.client.refresh(one["refresh_token"])).status == 200
        (row,) = await server.events("token.revoked")
        assert (row.actor, "found in a log" in row.detail) == ("command-line", True)

        said = place.command("revoke", "--session", claims["sid"], "--json")
        assert printed_json(said) == {"scope": "session", "value": claims["sid"], "revoked_from": 2}
        assert (await server.client.refresh(one["refresh_token"])).code == "invalid_grant"
        assert "ended already" in refused(place.run("revoke", "--session", claims["sid"]))

        two = await tokens()
        place.command("revoke", "--subject", sub)
        assert await is_refused(two["access_token"])
        assert (await server.client.refresh(two["refresh_token"])).code == "invalid_grant"

        three = await tokens()
        kid = server.key("active").kid
        done = place.run("revoke", "--key", kid)
        assert done.returncode == 0
        assert done.stdout == f"revoked key {kid}: refused from revocation record 4 on\n"
        # It says what happens to whom, and whom it cannot reach.
        assert "refused here at once" in done.stderr
        assert "An API that" in done.stderr
        assert await is_refused(three["access_token"])
        again = (await server.client.refresh(three["refresh_token"])).json
        assert not await is_refused(again["access_token"])


def test_what_cannot_be_revoked_is_told(made: Installation) -> None:
    for arguments, told in (
        (("--session", "AAAAAAAAAAAAAAAAAAAAAA"), "no session"),
        (("--session", "nonsense!"), "no session id"),
        (("--subject", "usr_nobody"), "no such account"),
        (("--key", "nobody"), "no key nobody"),
    ):
        assert told in refused(made.run("revoke", *arguments))


def test_exactly_one_thing_is_revoked_at_a_time(place: Installation) -> None:
    for arguments in ((), ("--token", "a", "--session", "b"), ("--key", "a", "--subject", "b")):
        assert "exactly one" in misused(place.run("revoke", *arguments))


async def test_revoking_a_key_says_first_whom_it_ends_and_what_signs_then(place: Installation) -> None:
    create(place)
    async with serving(place) as server:
        for _ in range(3):
            assert (await server.client.log_in(PASSWORD, "anna@example.com")).status == 200
        standby = server.key("pending").kid
        for command in (("keys", "revoke"), ("revoke", "--key")):
            active, refresh = server.key("active").kid, server.key("active", "refresh").kid
            # Without a terminal and a yes the first one only says it.
            if command == ("keys", "revoke"):
                assert f"The key that would sign from then on: {standby}." in misused(
                    place.run(*command, active)
                )
            done = place.run(*command, refresh, *(("--yes",) if command == ("keys", "revoke") else ()))
            assert done.returncode == 0, done
            ended = 3 if command == ("keys", "revoke") else 0
            assert f"Sessions that live now and would end: {ended}." in done.stderr
            await server.services.guard.catch_up()
