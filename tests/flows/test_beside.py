"""Commands beside a server that is under load, a second server, and the end of one."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.flows.client import LOST, Client, Tokens
from tests.flows.servers import PASSWORD, Installation, Server, installation

from tokenward.jose import unverified_claims, unverified_header

EMAIL = "ada@example.com"
OTHERS = 12


def read_claims(tokens: Tokens) -> dict[str, Any]:
    return unverified_claims(tokens.access)


async def sign_up_and_in(client: Client, email: str) -> Tokens:
    assert (await client.register(email, PASSWORD)).status == 201
    return Tokens.of(await client.log_in(email, PASSWORD))


@dataclass
class Load:
    """Others, who refresh and read all the time and must not notice anything."""

    answers: int = 0
    over: bool = False

    async def run(self, port: int, number: int) -> None:
        async with await Client.connect(port) as client:
            tokens = await sign_up_and_in(client, f"other-{number}@example.com")
            while not self.over:
                tokens = Tokens.of(await client.refresh(tokens.refresh))
                assert (await client.me(tokens.access)).status == 200
                self.answers += 2


@asynccontextmanager
async def under_load(server: Server) -> AsyncIterator[Load]:
    load = Load()
    async with asyncio.TaskGroup() as group:
        for number in range(OTHERS):
            group.create_task(load.run(server.port, number))
        await asyncio.sleep(0.2)
        try:
            yield load
        finally:
            load.over = True


@dataclass
class Watch:
    """One user who asks all the time, and notes which answers belong to requests begun after a moment."""

    refused_at_once: bool = True
    asked_after: int = 0
    ended: bool = False

    async def run(self, port: int, access: str) -> None:
        async with await Client.connect(port) as client:
            while self.asked_after < 20:
                begun_after = self.ended
                answer = await client.me(access)
                if begun_after:
                    self.asked_after += 1
                    self.refused_at_once &= answer.status == 401


async def run_under_load(here: Installation, server: Server, access: str, command: list[str]) -> None:
    """Run a command while others load the server; the user of `access` must be refused from its end on."""
    watch = Watch()
    async with under_load(server) as load:
        watching = asyncio.create_task(watch.run(server.port, access))
        before = load.answers
        await asyncio.to_thread(here.command, *command, stdin="another quiet lighthouse keeper\n")
        watch.ended = True
        await watching
        assert watch.refused_at_once
        assert load.answers > before + OTHERS


COMMANDS: dict[str, Callable[[Tokens], list[str]]] = {
    "disable": lambda _: ["accounts", "disable", EMAIL],
    "set-password": lambda _: ["accounts", "set-password", EMAIL, "--password-stdin"],
    "revoke-session": lambda tokens: ["revoke", "--session", read_claims(tokens)["sid"]],
    "revoke-subject": lambda tokens: ["revoke", "--subject", read_claims(tokens)["sub"]],
}


@pytest.mark.parametrize("name", COMMANDS)
async def test_what_a_command_ends_during_load_is_refused_on_the_next_request(
    tmp_path: Path, name: str
) -> None:
    with installation(tmp_path) as here:
        server = here.start()
        async with await Client.connect(server.port) as client:
            tokens = await sign_up_and_in(client, EMAIL)
            await run_under_load(here, server, tokens.access, COMMANDS[name](tokens))
            assert (await client.me(tokens.access)).code == "invalid_token"
            assert (await client.refresh(tokens.refresh)).code == "invalid_grant"
            again = await client.log_in(EMAIL, PASSWORD)
            assert again.status == (200 if name.startswith("revoke") else 401)


@pytest.mark.parametrize("name", COMMANDS)
async def test_the_first_request_after_a_command_may_be_the_refresh_and_is_refused(
    tmp_path: Path, name: str
) -> None:
    with installation(tmp_path) as here:
        async with await Client.connect(here.start().port) as client:
            tokens = await sign_up_and_in(client, EMAIL)
            command = COMMANDS[name](tokens)
            await asyncio.to_thread(here.command, *command, stdin="another quiet lighthouse keeper\n")
            assert (await client.refresh(tokens.refresh)).code == "invalid_grant"
            assert (await client.me(tokens.access)).code == "invalid_token"


async def test_revoke_token_refuses_one_access_token_and_leaves_its_session_alone(tmp_path: Path) -> None:
    with installation(tmp_path) as here:
        server = here.start()
        async with await Client.connect(server.port) as client:
            tokens = await sign_up_and_in(client, EMAIL)
            command = ["revoke", "--token", read_claims(tokens)["jti"]]
            await run_under_load(here, server, tokens.access, command)
            successor = Tokens.of(await client.refresh(tokens.refresh))
            assert (await client.me(successor.access)).status == 200
            assert (await client.me(tokens.access)).code == "invalid_token"


@pytest.mark.parametrize("algorithm", ["ES256", "HS256"])
async def test_revoke_key_refuses_every_token_it_signed_and_the_next_one_is_signed_by_another(
    tmp_path: Path, algorithm: str
) -> None:
    with installation(tmp_path, {"ACCESS_TOKEN_ALGORITHM": algorithm}) as here:
        async with await Client.connect(here.start().port) as client:
            tokens = await sign_up_and_in(client, EMAIL)
            kid = unverified_header(tokens.access)["kid"]
            await asyncio.to_thread(here.command, "revoke", "--key", kid)
            # The refresh comes first: its access token must not be signed by the key that was just revoked.
            successor = Tokens.of(await client.refresh(tokens.refresh))
            assert unverified_header(successor.access)["kid"] != kid
            assert (await client.me(successor.access)).status == 200
            assert (await client.me(tokens.access)).code == "invalid_token"
            served = (await client.request("GET", "/.well-known/jwks.json")).json()["keys"]
            assert kid not in {key["kid"] for key in served}


async def test_revoking_the_key_of_refresh_tokens_ends_every_session_at_once(tmp_path: Path) -> None:
    with installation(tmp_path) as here:
        async with await Client.connect(here.start().port) as client:
            tokens = await sign_up_and_in(client, EMAIL)
            ((kid,),) = here.rows("SELECT kid FROM keys WHERE use = 'refresh'")
            await asyncio.to_thread(here.command, "revoke", "--key", kid)
            # Whoever stole it can compute the token of every session whose salt they know.
            assert (await client.refresh(tokens.refresh)).code == "invalid_grant"
            assert (await client.me(tokens.access)).code == "invalid_token"
            again = Tokens.of(await client.log_in(EMAIL, PASSWORD))
            Tokens.of(await client.refresh(again.refresh))
            assert (await client.me(again.access)).status == 200


async def test_a_login_right_after_the_keys_were_revoked_works(tmp_path: Path) -> None:
    with installation(tmp_path) as here:
        async with await Client.connect(here.start().port) as client:
            await sign_up_and_in(client, EMAIL)
            for (kid,) in here.rows("SELECT kid FROM keys WHERE state = 'active'"):
                await asyncio.to_thread(here.command, "revoke", "--key", kid)
            tokens = Tokens.of(await client.log_in(EMAIL, PASSWORD))
            assert (await client.me(tokens.access)).status == 200
            Tokens.of(await client.refresh(tokens.refresh))


async def test_a_role_given_by_a_command_refuses_tokens_that_lack_it_and_stands_in_the_next(
    tmp_path: Path,
) -> None:
    with installation(tmp_path) as here:
        async with await Client.connect(here.start().port) as client:
            tokens = await sign_up_and_in(client, EMAIL)
            await asyncio.to_thread(here.command, "accounts", "set-role", EMAIL, "--role", "admin")
            assert (await client.me(tokens.access)).code == "invalid_token"
            successor = Tokens.of(await client.refresh(tokens.refresh))
            assert read_claims(successor)["roles"] == ["admin"]
            assert (await client.me(successor.access)).json()["roles"] == ["admin"]


async def keep_refreshing(port: int, tokens: Tokens, given: list[Tokens], done: asyncio.Event) -> None:
    async with await Client.connect(port) as client:
        while not done.is_set():
            tokens = Tokens.of(await client.refresh(tokens.refresh))
            given.append(tokens)


async def test_no_token_that_was_refreshed_during_a_change_of_roles_keeps_the_old_ones(
    tmp_path: Path,
) -> None:
    with installation(tmp_path) as here:
        server = here.start()
        given: list[Tokens] = []
        done = asyncio.Event()
        async with await Client.connect(server.port) as client, asyncio.TaskGroup() as group:
            await sign_up_and_in(client, EMAIL)
            for _ in range(8):
                tokens = Tokens.of(await client.log_in(EMAIL, PASSWORD))
                group.create_task(keep_refreshing(server.port, tokens, given, done))
            for roles in (["admin"], [], ["admin", "auditor"], ["auditor"]):
                options = [option for role in roles for option in ("--role", role)]
                await asyncio.to_thread(here.command, "accounts", "set-role", EMAIL, *options)
                # The newest are those that were under way when the roles changed.
                for tokens in given[-100:]:
                    if read_claims(tokens)["roles"] != roles:
                        assert (await client.me(tokens.access)).code == "invalid_token"
            done.set()


async def test_a_second_server_on_the_same_folder_is_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    with installation(tmp_path) as here:
        server = here.start()
        second = await asyncio.to_thread(here.run, "serve")
        assert second.returncode == 1
        assert second.stdout == ""
        assert re.fullmatch(
            rf"Error: \S+tokenward\.db is served by another process \(process {server.process.pid}\)\. .+\n",
            second.stderr,
        )
        async with await Client.connect(server.port) as client:
            assert (await client.request("GET", "/readyz")).status == 200


def check_closed(here: Installation) -> None:
    """The last one to close a database copies its log into it. To be asked before anything else opens it."""
    assert not here.database.with_name("tokenward.db-wal").exists()


@dataclass
class Leaving:
    """One who refreshes until the server is gone, and remembers what was answered."""

    tokens: Tokens
    generation: int = 0
    answered_after: int = 0

    async def run(self, port: int, stopping: asyncio.Event) -> None:
        try:
            async with await Client.connect(port) as client:
                while True:
                    after = stopping.is_set()
                    self.tokens = Tokens.of(await client.refresh(self.tokens.refresh))
                    self.generation += 1
                    self.answered_after += after
        except LOST:
            return


async def test_a_server_told_to_end_under_load_answers_what_it_accepted_and_closes_the_database(
    tmp_path: Path,
) -> None:
    with installation(tmp_path) as here:
        server = here.start()
        async with await Client.connect(server.port) as client:
            leaving = [Leaving(await sign_up_and_in(client, f"{number}@example.com")) for number in range(16)]
        stopping = asyncio.Event()
        load = [asyncio.create_task(one.run(server.port, stopping)) for one in leaving]
        await asyncio.sleep(0.3)
        stopping.set()
        assert await asyncio.to_thread(server.stop) == 0
        await asyncio.gather(*load)
        check_closed(here)

        for one in leaving:
            # A request without an answer was not accepted: nothing was done for it.
            ((generation,),) = here.rows(
                "SELECT generation FROM sessions WHERE sub = ?", [read_claims(one.tokens)["sub"]]
            )
            assert generation == one.generation > 0
        assert server.faults() == []

        async with await Client.connect(here.start().port) as client:
            for one in leaving:
                Tokens.of(await client.refresh(one.tokens.refresh))


async def test_a_slow_request_is_answered_although_the_server_was_told_to_end(tmp_path: Path) -> None:
    # One hash takes about half a second.
    with installation(tmp_path, {"ARGON2_MEMORY_KIB": "65536", "ARGON2_TIME_COST": "12"}) as here:
        server = here.start()
        async with await Client.connect(server.port) as client:
            registering = asyncio.create_task(client.register("slow@example.com", PASSWORD))
            await asyncio.sleep(0.2)
            stopping = asyncio.create_task(asyncio.to_thread(server.stop))
            assert (await registering).status == 201
            assert await stopping == 0
        check_closed(here)
        assert here.rows("SELECT count(*) FROM accounts") == [(1,)]


async def test_the_signal_of_a_keyboard_ends_a_server_as_well(tmp_path: Path) -> None:
    with installation(tmp_path) as here:
        server = here.start()
        server.process.send_signal(2)
        assert server.process.wait(10) == 0
        check_closed(here)
