"""Many at once with one refresh token: one rotation, one successor, whatever else happens meanwhile."""

import asyncio

from tests.server.building import Server
from tests.server.sessions.refusals import refused, refused_and_nothing_written

from tokenward.server.sessions import refresh_tokens
from tokenward.server.sessions.sessions import Refreshed

DAY = 86_400
RACERS = 64


async def test_sixty_four_at_once_rotate_once_and_get_the_same_successor(
    server: Server, started: Refreshed
) -> None:
    outcomes = await asyncio.gather(*(server.refresh(started.refresh_token) for _ in range(RACERS)))
    assert len({outcome.refresh_token for outcome in outcomes}) == 1
    assert [outcome.retried for outcome in outcomes].count(False) == 1
    state = await server.state(started.session.sid)
    assert (state.session.generation, state.session.ended_at) == (1, None)
    assert await server.records() == []
    assert (await server.refresh(outcomes[0].refresh_token)).session.generation == 1


async def test_a_new_refresh_key_in_the_middle_of_a_race_still_gives_one_successor(
    server: Server, started: Refreshed
) -> None:
    server.clock.advance(2 * DAY)
    half = RACERS // 2
    outcomes = await asyncio.gather(
        *(server.refresh(started.refresh_token) for _ in range(half)),
        server.services.rotation.rotate_now("test"),
        *(server.refresh(started.refresh_token) for _ in range(half)),
    )
    refreshed = [outcome for outcome in outcomes if isinstance(outcome, Refreshed)]
    assert len(refreshed) == RACERS
    # A retry later on, when the new key is long in use, is no different.
    refreshed.append(await server.refresh(started.refresh_token))
    assert len({outcome.refresh_token for outcome in refreshed}) == 1
    assert (await server.state(started.session.sid)).session.generation == 1
    next_one = await server.refresh(refreshed[0].refresh_token)
    assert (await server.state(started.session.sid)).session.generation == 2
    active = server.services.ring.active_refresh_key().number
    assert refresh_tokens.decode(next_one.refresh_token).key_number == active


async def test_a_retry_across_a_change_of_key_gets_the_successor_of_the_row(
    server: Server, started: Refreshed
) -> None:
    server.clock.advance(2 * DAY)
    first = await server.refresh(started.refresh_token)
    await server.services.rotation.rotate_now("test")
    again = await server.refresh(started.refresh_token)
    assert again.retried
    assert again.refresh_token == first.refresh_token


async def test_a_retry_whose_successor_was_made_under_a_revoked_key_is_refused(
    server: Server, started: Refreshed
) -> None:
    server.clock.advance(2 * DAY)
    await server.services.rotation.rotate_now("test")
    await server.refresh(started.refresh_token)
    new = server.key("active", "refresh")
    await server.services.rotation.revoke(new.kid, reason="test", actor="test")
    assert (
        await refused_and_nothing_written(server, started.refresh_token) == "refresh key retired or revoked"
    )


async def test_a_logout_in_the_middle_of_a_race_leaves_nobody_signed_in(
    server: Server, started: Refreshed
) -> None:
    outcomes = await asyncio.gather(
        *(server.refresh(started.refresh_token) for _ in range(8)),
        server.services.sessions.end(started.session.sid, actor="test", reason="logout"),
        *(server.refresh(started.refresh_token) for _ in range(8)),
        return_exceptions=True,
    )
    (record,) = await server.records()
    for outcome in outcomes:
        if isinstance(outcome, Refreshed):
            # What was issued before the logout is refused by its record; and nothing was issued after it.
            assert outcome.rsq < record.n
            assert await refused(server, outcome.refresh_token) == "session ended"
