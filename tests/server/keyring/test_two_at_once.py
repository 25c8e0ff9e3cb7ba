"""Two processes with a ring each on one database: one of them moves a key, the other sees that it is done."""

import asyncio

from tests.server.building import Server, beside

ROTATION = 30 * 86_400


async def test_of_two_rotations_at_once_one_hands_over(server: Server) -> None:
    async with beside(server) as other:
        server.clock.advance(ROTATION)
        await asyncio.gather(*(one.rotation.run_due() for one in (server.services, other) * 4))
        for services in (server.services, other):
            await services.guard.catch_up()
        assert other.ring.records == server.services.ring.records
        assert other.ring.jwk_set == server.services.ring.jwk_set
    assert server.states() == [("ES256", "retiring"), ("ES256", "active"), ("ES256", "pending")]
    assert server.states("refresh") == [("HS256", "verify-only"), ("HS256", "active")]
    assert len(await server.events("key.rotated")) == 2


async def test_two_revocations_of_one_key_at_once_leave_one_active_key_and_one_standby(
    server: Server,
) -> None:
    kid = server.key("active").kid
    async with beside(server) as other:
        outcomes = await asyncio.gather(
            *(one.rotation.revoke(kid, reason="test", actor="system") for one in (server.services, other)),
            return_exceptions=True,
        )
    assert sum(isinstance(outcome, int) for outcome in outcomes) == 1
    await server.services.guard.catch_up()
    assert sorted(state for _, state in server.states()) == ["active", "pending", "revoked"]
    assert [record.scope for record in await server.records()] == ["key"]
    assert len(await server.events("key.revoked")) == 1


async def test_a_revocation_in_the_middle_of_a_rotation_loses_neither(server: Server) -> None:
    first, standby = server.key("active").kid, server.key("pending").kid
    async with beside(server) as other:
        server.clock.advance(ROTATION)
        await asyncio.gather(
            server.services.rotation.run_due(), other.rotation.revoke(standby, reason="test", actor="system")
        )
    await server.services.rotation.run_due()
    states = {key.kid: key.state for key in server.ring_keys()}
    assert states[standby] == "revoked"
    # The revoked key signs nothing, whoever came first.
    assert server.services.ring.signing_key("ES256").kid != standby
    assert states[first] in ("active", "retiring")
    assert list(states.values()).count("active") == 1
    assert list(states.values()).count("pending") == 1
