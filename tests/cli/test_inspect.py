"""`tokenward tokens inspect`: what a token says, whether it counts here, and why not."""

import base64
import json

from tests.cli.running import create, printed_json, serving
from tests.flows.servers import ISSUER, PASSWORD, Installation
from tests.server.building import Server

from tokenward.jose.jwk import generate
from tokenward.tokens.access_token import encode_access_token


async def sign_in(server: Server) -> dict[str, str]:
    answer = await server.client.log_in(PASSWORD, "anna@example.com")
    assert answer.status == 200
    return {str(name): str(value) for name, value in answer.json.items()}


def forged(claims: dict[str, object]) -> str:
    """A token in form, signed by nobody."""
    parts = ({"alg": "ES256", "typ": "at+jwt"}, claims)
    return ".".join(
        [
            *(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts),
            "AAAA",
        ]
    )


async def test_a_valid_token_and_a_revoked_one(place: Installation) -> None:
    create(place)
    async with serving(place) as server:
        tokens = await sign_in(server)
        done = place.run("tokens", "inspect", stdin=tokens["access_token"] + "\n")
        assert done.returncode == 0
        assert done.stdout.startswith("access token: valid\n")
        for said in ("header alg: ES256", "header typ: at+jwt", f"claim iss: {ISSUER}", "claim rsq: 0", "Z)"):
            assert said in done.stdout, said
        found = printed_json(place.command("tokens", "inspect", "--json", stdin=tokens["access_token"]))
        assert (found["valid"], found["reason"], found["claims"]["client_id"]) == (True, "", "first-party")
        assert tokens["access_token"] not in done.stdout

        await server.client.post("/api/v1/auth/logout", token=tokens["access_token"])
        done = place.run("tokens", "inspect", stdin=tokens["access_token"])
        assert done.returncode == 1
        assert done.stdout.startswith("access token: NOT valid: revoked: session\n")
        done = place.run("tokens", "inspect", "--json", stdin=tokens["access_token"])
        assert (done.returncode, printed_json(done.stdout)["valid"]) == (1, False)


async def test_an_expired_token_and_one_for_others(place: Installation) -> None:
    create(place)
    async with serving(place) as server:
        server.clock.time -= 5000
        tokens = await sign_in(server)
    done = place.run("tokens", "inspect", stdin=tokens["access_token"])
    assert (done.returncode, done.stdout.splitlines()[0]) == (1, "access token: NOT valid: expired")
    place.settings["ISSUER"] = "https://other.test"
    done = place.run("tokens", "inspect", tokens["access_token"])
    assert done.returncode == 1
    assert "NOT valid" in done.stdout


async def test_without_an_issuer_the_one_of_the_token_is_taken_and_said(place: Installation) -> None:
    create(place)
    async with serving(place) as server:
        tokens = await sign_in(server)
    del place.settings["ISSUER"]
    done = place.run("tokens", "inspect", stdin=tokens["access_token"])
    assert done.returncode == 0
    assert "note: no issuer is set" in done.stdout


async def test_refresh_tokens(place: Installation) -> None:
    create(place)
    async with serving(place) as server:
        tokens = await sign_in(server)
        old = tokens["refresh_token"]
        done = place.run("tokens", "inspect", stdin=old)
        assert done.returncode == 0
        assert done.stdout.startswith("refresh token: valid\n")
        assert "generation: 0" in done.stdout
        new = (await server.client.refresh(old)).json["refresh_token"]
        # Looking at a used one does nothing to its session.
        done = place.run("tokens", "inspect", stdin=old)
        assert (done.returncode, "at generation 1" in done.stdout) == (1, True)
        assert printed_json(place.command("tokens", "inspect", "--json", stdin=new))["generation"] == 1
        done = place.run("tokens", "inspect", stdin=new[:-1] + ("A" if new[-1] != "A" else "B"))
        assert (done.returncode, "checksum" in done.stdout) == (1, True)
        assert (await server.client.refresh(new)).status == 200


def test_what_is_no_token_is_told_without_a_traceback(made: Installation) -> None:
    key = generate("ES256")
    claims = {
        "iss": ISSUER,
        "aud": ISSUER,
        "sub": "usr_x",
        "client_id": "c",
        "jti": "j",
        "iat": 1,
        "exp": 2**31,
    }
    foreign = encode_access_token(claims, key)
    for text, kind in (
        ("", "unreadable"),
        ("garbage", "unreadable"),
        ("a.b.c", "unreadable"),
        ("ä.ö.ü", "unreadable"),
        ("x" * 20_000, "unreadable"),
        ("twr_nonsense", "refresh token"),
        (forged({}), "access token"),
        (forged({"exp": 10**17, "iat": -1, "nbf": True}), "access token"),
        (foreign, "access token"),
    ):
        done = made.run("tokens", "inspect", stdin=text + "\n")
        assert done.returncode == 1, done
        assert done.stdout.startswith(f"{kind}: NOT valid: "), done.stdout
        assert not done.stdout.startswith(f"{kind}: NOT valid: \n")
        assert done.stderr == ""


def test_a_token_without_an_issuer_has_a_reason_too(made: Installation) -> None:
    del made.settings["ISSUER"]
    done = made.run("tokens", "inspect", "--json", stdin=forged({"sub": "x"}))
    assert (done.returncode, bool(printed_json(done.stdout)["reason"])) == (1, True)


def test_a_hostile_token_cannot_speak_to_the_terminal(made: Installation) -> None:
    hostile = "\x1b]0;owned\x07 \x9b31m \u202e"
    done = made.run("tokens", "inspect", stdin=forged({"sub": hostile, hostile: [hostile], "exp": hostile}))
    assert done.returncode == 1
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(done.stdout)
    assert "\\u001b" in done.stdout
