"""Revoking a key at once: what it signed counts for nothing, and somebody else signs."""

from pathlib import Path

import pytest
from tests.server.building import Server, beside, run_server, signed_in

from tokenward.errors import InvalidToken
from tokenward.server.keyring.ring import NoSigningKey
from tokenward.server.keyring.rotation import UnknownKey
from tokenward.server.sessions.refresh_tokens import InvalidGrant

ROTATION = 30 * 86_400


async def revoke(server: Server, kid: str) -> int:
    """As a command does it, beside the running server; `server` itself looks only when a request makes it."""
    async with beside(server) as command:
        return await command.rotation.revoke(kid, reason="stolen", actor="command-line")


async def test_revoking_the_active_key_refuses_its_tokens_at_once_and_the_standby_signs(
    server: Server,
) -> None:
    tokens = await signed_in(server)
    active, standby = server.key("active"), server.key("pending")
    n = await revoke(server, active.kid)
    answer = await server.client.me(tokens["access_token"])
    assert (answer.status, answer.code) == (401, "invalid_token")
    assert server.services.ring.signing_key("ES256").kid == standby.kid
    assert active.kid not in {key["kid"] for key in server.published()}
    row = server.key("revoked")
    assert (row.kid, row.private_wrapped) == (active.kid, None)
    assert server.key("pending").kid not in (active.kid, standby.kid)
    assert [(record.n, record.scope, record.value) for record in await server.records()] == [
        (n, "key", active.kid)
    ]
    # The session itself lives, and gets a token of the new key.
    again = (await server.client.refresh(tokens["refresh_token"])).json
    assert (await server.client.me(again["access_token"])).status == 200
    assert [row.actor for row in await server.events("key.revoked")] == ["command-line"]


async def test_a_record_of_a_revoked_key_is_never_dropped(server: Server) -> None:
    await revoke(server, server.key("active").kid)
    server.clock.advance(400 * 86_400)
    await server.services.revocations.sweep(100)
    assert [record.scope for record in await server.records()] == ["key"]
    await server.services.revocations.catch_up()
    assert len(server.services.revocations.revoked) == 1


async def test_revoking_the_standby_puts_another_in_its_place(server: Server) -> None:
    tokens = await signed_in(server)
    active, standby = server.key("active"), server.key("pending")
    await revoke(server, standby.kid)
    assert (await server.client.me(tokens["access_token"])).status == 200
    assert server.key("active").kid == active.kid
    assert server.key("revoked").kid == standby.kid
    assert server.key("pending").kid != standby.kid


async def test_revoking_a_retiring_key_refuses_what_it_signed(tmp_path: Path) -> None:
    async with run_server(tmp_path, access_token_seconds=3600) as server:
        old = server.key("active")
        await server.pass_time(3590)
        tokens = await signed_in(server)
        await server.pass_time(400)
        await server.services.rotation.rotate_now("command-line")
        answer = await server.client.refresh(tokens["refresh_token"])
        new = answer.json["access_token"]
        await revoke(server, old.kid)
        assert (await server.client.me(new)).status == 200
        with pytest.raises(InvalidToken):
            server.services.verifier.verify(tokens["access_token"])
        assert server.key("revoked").kid == old.kid
        assert [state for _, state in server.states()].count("pending") == 1


async def test_revoking_the_refresh_key_ends_every_session_and_every_token(server: Server) -> None:
    tokens = await signed_in(server)
    kid = server.key("active", "refresh").kid
    n = await revoke(server, kid)
    answer = await server.client.refresh(tokens["refresh_token"])
    assert (answer.status, answer.code) == (400, "invalid_grant")
    assert (await server.client.me(tokens["access_token"])).code == "invalid_token"
    assert [(record.n, record.scope, record.value) for record in await server.records()] == [(n, "all", "")]
    fresh = (await server.client.log_in()).json
    assert (await server.client.me(fresh["access_token"])).status == 200
    assert (await server.client.refresh(fresh["refresh_token"])).status == 200


async def test_a_running_server_refuses_a_refresh_key_that_a_command_revoked_on_the_very_next_request(
    server: Server,
) -> None:
    """Nothing in between makes the server look: no guarded request, no upkeep."""
    tokens = await signed_in(server)
    await revoke(server, server.key("active", "refresh").kid)
    assert (await server.client.refresh(tokens["refresh_token"])).status == 400


async def test_a_running_server_signs_nothing_more_with_a_key_that_a_command_revoked(server: Server) -> None:
    tokens = await signed_in(server)
    kid = server.key("active").kid
    await revoke(server, kid)
    for answer in (await server.client.refresh(tokens["refresh_token"]), await server.client.log_in()):
        assert (await server.client.me(answer.json["access_token"])).status == 200


async def test_a_session_of_another_refresh_key_survives(server: Server) -> None:
    account = await server.account()
    old = await server.start(account)
    await server.pass_time(ROTATION - 1)
    # Within its idle time, and renewed under the key that follows.
    first = server.key("active", "refresh")
    young = await server.start(account)
    await server.pass_time(1)
    moved = await server.refresh(young.refresh_token)
    await revoke(server, first.kid)
    await server.services.guard.catch_up()
    assert (await server.refresh(moved.refresh_token)).session.sid == young.session.sid
    with pytest.raises(InvalidGrant):
        await server.refresh(old.refresh_token)


@pytest.mark.parametrize("kid", ["key_nobody", "", "'; DROP TABLE keys; --"])
async def test_a_key_that_does_not_exist_cannot_be_revoked(server: Server, kid: str) -> None:
    with pytest.raises(UnknownKey) as caught:
        await server.services.rotation.revoke(kid, reason="test", actor="system")
    assert "tokenward keys list" in caught.value.description
    assert await server.records() == []


async def test_a_key_that_was_revoked_or_retired_cannot_be_revoked_again(server: Server) -> None:
    kid = server.key("active").kid
    await server.services.rotation.revoke(kid, reason="test", actor="system")
    with pytest.raises(UnknownKey):
        await server.services.rotation.revoke(kid, reason="test", actor="system")
    assert len(await server.records()) == 1


async def test_without_a_standby_a_fresh_key_signs(server: Server) -> None:
    standby, active = server.key("pending"), server.key("active")
    keys = server.services.storage.keys
    await server.apply(
        keys.move(kid=standby.kid, from_state="pending", to_state="retired", at=0, erase_private=True)
    )
    await server.services.rotation.revoke(active.kid, reason="test", actor="system")
    assert server.services.ring.signing_key("ES256").kid not in (standby.kid, active.kid)
    assert server.states() == [
        ("ES256", "revoked"), ("ES256", "retired"), ("ES256", "active"), ("ES256", "pending"),
    ]  # fmt: skip


async def test_a_ring_without_an_active_key_says_where_to_look(server: Server) -> None:
    keys = server.services.storage.keys
    for use in ("access", "refresh"):
        record = server.key("active", use)
        await server.apply(
            keys.move(kid=record.kid, from_state="active", to_state="retired", at=0, erase_private=True)
        )
    await server.services.guard.catch_up()
    with pytest.raises(NoSigningKey, match="tokenward keys list"):
        server.services.ring.signing_key("ES256")
    with pytest.raises(NoSigningKey, match="tokenward keys list"):
        server.services.ring.active_refresh_key()
    assert (await server.client.get("/readyz")).code == "server_error"
    # Upkeep heals the ring: a stand-by that was published long enough takes over.
    await server.pass_time(4000)
    assert (await server.client.get("/readyz")).status == 200


async def test_what_revoking_a_key_would_do_is_said_before_it_is_done(server: Server) -> None:
    await server.pass_time(ROTATION)
    rotation = server.services.rotation
    told = {
        "retiring": rotation.consequences(server.key("retiring").kid),
        "active": rotation.consequences(server.key("active").kid),
        "pending": rotation.consequences(server.key("pending").kid),
        "refresh": rotation.consequences(server.key("active", "refresh").kid),
    }
    assert "refused here at once" in told["retiring"]
    assert "stand-by" not in told["retiring"]
    assert "The stand-by key signs from now on" in told["active"]
    assert "nobody notices" in told["pending"]
    assert "sign in again" in told["refresh"]
    with pytest.raises(UnknownKey):
        rotation.consequences("key_nobody")
    assert await server.records() == []
