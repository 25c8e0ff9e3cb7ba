import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.flows.client import Answer, Client, Tokens
from tests.flows.servers import PASSWORD, ROTATING, Installation, Server, installation

RACERS = 64
EMAIL = "ada@example.com"


@asynccontextmanager
async def signed_in(server: Server) -> AsyncIterator[tuple[Client, Tokens]]:
    async with await Client.connect(server.port) as client:
        assert (await client.register(EMAIL, PASSWORD)).status == 201
        yield client, Tokens.of(await client.log_in(EMAIL, PASSWORD))


async def race(server: Server, token: str, racers: int = RACERS) -> list[Answer]:
    """Refresh one token on many connections at the same moment."""
    async with contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(await Client.connect(server.port)) for _ in range(racers)]
        return await asyncio.gather(*(client.refresh(token) for client in clients))


def find_session(here: Installation) -> tuple[int, bool]:
    """Generation of the only session, and whether it has ended."""
    ((generation, ended_at),) = here.rows("SELECT generation, ended_at FROM sessions")
    return generation, ended_at is not None


async def count_events(client: Client) -> dict[str, int]:
    text = (await client.request("GET", "/metrics")).body.decode()
    found = re.findall(r'^tokenward_events_total\{event="([^"]+)"\} (\d+)', text, re.MULTILINE)
    return {event: int(count) for event, count in found}


async def test_64_refreshes_at_once_are_one_rotation_with_64_same_successors(tmp_path: Path) -> None:
    with installation(tmp_path) as here:
        server = here.start()
        async with signed_in(server) as (client, tokens):
            before = here.rows("SELECT count(*) FROM audit")
            answers = await race(server, tokens.refresh)
            successors = {Tokens.of(answer).refresh for answer in answers}
            assert len(successors) == 1
            assert find_session(here) == (1, False)
            assert len({Tokens.of(answer).access for answer in answers}) == RACERS

            events = await count_events(client)
            assert events["session.refreshed"] == 1
            assert events["session.refresh_retried"] == RACERS - 1
            assert here.rows("SELECT count(*) FROM audit") == before
            assert (await client.me(Tokens.of(answers[-1]).access)).status == 200
            Tokens.of(await client.refresh(successors.pop()))
            assert find_session(here) == (2, False)


async def test_racers_over_rotations_of_the_refresh_key_still_get_one_successor(tmp_path: Path) -> None:
    with installation(tmp_path, ROTATING) as here:
        server = here.start()
        async with signed_in(server) as (_, tokens):
            token, generation = tokens.refresh, 0
            async with asyncio.timeout(20):
                while count_refresh_keys(here) < 4:
                    successors = {Tokens.of(answer).refresh for answer in await race(server, token, 16)}
                    assert len(successors) == 1
                    token = successors.pop()
                    generation += 1
            assert find_session(here) == (generation, False)


def count_refresh_keys(here: Installation) -> int:
    ((count,),) = here.rows("SELECT count(*) FROM keys WHERE use = 'refresh'")
    return int(count)


async def test_a_copied_token_used_after_its_owner_went_on_ends_the_session(tmp_path: Path) -> None:
    with installation(tmp_path) as here:
        server = here.start()
        async with signed_in(server) as (client, stolen):
            second = Tokens.of(await client.refresh(stolen.refresh))
            owner = Tokens.of(await client.refresh(second.refresh))
            answers = await race(server, stolen.refresh, 32)
            assert {(answer.status, answer.code) for answer in answers} == {(400, "invalid_grant")}
            await check_both_are_out(here, client, [stolen, second, owner])


async def test_reuse_after_the_retry_window_ends_the_session(tmp_path: Path) -> None:
    with installation(tmp_path, {"REFRESH_RETRY_SECONDS": "1"}) as here:
        async with signed_in(here.start()) as (client, stolen):
            owner = Tokens.of(await client.refresh(stolen.refresh))
            retried = Tokens.of(await client.refresh(stolen.refresh))
            assert retried.refresh == owner.refresh
            await asyncio.sleep(1.1)
            assert (await client.refresh(stolen.refresh)).code == "invalid_grant"
            await check_both_are_out(here, client, [stolen, owner, retried])


async def check_both_are_out(here: Installation, client: Client, tokens: list[Tokens]) -> None:
    for one in tokens:
        assert (await client.refresh(one.refresh)).code == "invalid_grant"
        assert (await client.me(one.access)).code == "invalid_token"
    assert find_session(here)[1]
    assert here.rows("SELECT scope, reason FROM revocations") == [("session", "reuse")]
    assert here.rows("SELECT count(*) FROM audit WHERE event = 'session.reuse_detected'") == [(1,)]


async def test_a_client_that_lost_the_answer_after_the_commit_gets_the_same_successor(tmp_path: Path) -> None:
    with installation(tmp_path) as here:
        server = here.start()
        async with signed_in(server) as (client, tokens):
            async with await Client.connect(server.port) as losing:
                losing.send("POST", "/api/v1/auth/refresh", body={"refresh_token": tokens.refresh})
                await wait_for_commit(here)
                losing.cut()
            first, second = [Tokens.of(await client.refresh(tokens.refresh)).refresh for _ in range(2)]
            assert first == second
            assert find_session(here) == (1, False)
            third = Tokens.of(await client.refresh(first))
            assert find_session(here) == (2, False)

            assert (await client.log_out(third.access)).status == 200
            for token in (tokens.refresh, first, third.refresh):
                assert (await client.refresh(token)).code == "invalid_grant"
            assert find_session(here) == (2, True)


async def wait_for_commit(here: Installation) -> None:
    for _ in range(5000):
        if find_session(here) == (1, False):
            return
        await asyncio.sleep(0.001)
    pytest.fail("the refresh was never committed")


async def test_connections_that_are_cut_at_once_lose_no_session(tmp_path: Path) -> None:
    with installation(tmp_path) as here:
        server = here.start()
        async with signed_in(server) as (client, tokens):
            token = tokens.refresh
            for generation in range(1, 51):
                async with await Client.connect(server.port) as losing:
                    losing.send("POST", "/api/v1/auth/refresh", body={"refresh_token": token})
                    # From before the request is read to after its answer is written.
                    await asyncio.sleep(generation / 20_000)
                    losing.cut()
                token = Tokens.of(await client.refresh(token)).refresh
                assert find_session(here) == (generation, False)
            assert server.faults() == []


async def test_refreshes_that_race_with_the_logout_give_no_token_that_outlives_it(tmp_path: Path) -> None:
    with installation(tmp_path) as here:
        server = here.start()
        async with signed_in(server) as (client, _):
            for _ in range(10):
                tokens = Tokens.of(await client.log_in(EMAIL, PASSWORD))
                racing = asyncio.create_task(race(server, tokens.refresh, 16))
                await asyncio.sleep(0.004)
                assert (await client.log_out(tokens.access)).status == 200
                for answer in await racing:
                    if answer.status != 200:
                        assert answer.code == "invalid_grant"
                        continue
                    given = Tokens.of(answer)
                    assert (await client.me(given.access)).code == "invalid_token"
                    assert (await client.refresh(given.refresh)).code == "invalid_grant"
