"""The states of `keys.md` and their times, on a clock that is moved by hand."""

from pathlib import Path
from typing import Any

import pytest
from tests.server.building import Server, run_server, signed_in

from tokenward.errors import InvalidToken
from tokenward.jose.jws import unverified_header
from tokenward.server.keyring.rotation import NotYet
from tokenward.server.services import RING_READ_SECONDS

DAY = 86_400
ROTATION = 30 * DAY
# max-age + stale-while-revalidate + skew of the default settings, and how long ago the ring may have been read.
PUBLISH = 300 + 3600 + 60 + RING_READ_SECONDS
# The longest life that a token may ever have had, + skew.
LAST_TOKEN = 3600 + 60


def signs(server: Server) -> str:
    """The kid under which a token is signed now."""
    algorithm = server.services.settings.access_token_algorithm
    return server.services.ring.signing_key(algorithm).kid


async def token(server: Server) -> str:
    """An access token of a new session."""
    found = await server.services.accounts.find_by_login("kim@example.com")
    account = found or await server.account("kim@example.com")
    refreshed = await server.start(account)
    answer = await server.client.refresh(refreshed.refresh_token)
    return str(answer.json["access_token"])


async def test_the_first_key_of_an_empty_ring_signs_at_once_and_a_standby_stands_beside_it(
    server: Server,
) -> None:
    assert server.states() == [("ES256", "active"), ("ES256", "pending")]
    assert server.states("refresh") == [("HS256", "active")]
    assert signs(server) == server.key("active").kid
    assert {key["kid"] for key in server.published()} == {key.kid for key in server.ring_keys()}


async def test_starting_again_makes_no_further_keys(tmp_path: Path) -> None:
    async with run_server(tmp_path) as first:
        keys = first.services.ring.records
    async with run_server(tmp_path) as second:
        assert second.services.ring.records == keys
        await second.services.rotation.run_due()
        assert second.services.ring.records == keys


async def test_a_key_hands_over_when_its_time_has_come_and_not_a_second_before(server: Server) -> None:
    first, standby = server.key("active"), server.key("pending")
    await server.pass_time(ROTATION - 1)
    assert signs(server) == first.kid
    await server.pass_time(1)
    assert signs(server) == standby.kid
    assert server.states() == [("ES256", "retiring"), ("ES256", "active"), ("ES256", "pending")]
    assert [row.detail for row in await server.events("key.rotated")] != []


async def test_a_pending_key_never_signs_before_every_verifier_must_have_seen_it(tmp_path: Path) -> None:
    async with run_server(tmp_path, key_rotation_seconds=1) as server:
        standby = server.key("pending")
        await server.pass_time(PUBLISH - 1)
        assert server.key("pending") == standby
        assert signs(server) != standby.kid
        await server.pass_time(1)
        assert signs(server) == standby.kid
        # The new stand-by was published only now, and waits as long again.
        successor = server.key("pending")
        await server.pass_time(PUBLISH - 1)
        assert signs(server) == standby.kid
        await server.pass_time(1)
        assert signs(server) == successor.kid


async def test_a_standby_stands_in_the_jwk_set_through_every_rotation(tmp_path: Path) -> None:
    async with run_server(tmp_path, key_rotation_seconds=DAY) as server:
        for _ in range(6):
            published = {key["kid"] for key in server.published()}
            assert server.key("pending").kid in published
            assert signs(server) in published
            before = signs(server)
            await server.pass_time(DAY)
            # What signs now could be seen by everybody for a whole day.
            assert signs(server) != before
            assert signs(server) in published


async def test_a_retiring_key_verifies_until_its_last_token_has_expired_and_cannot_sign(
    tmp_path: Path,
) -> None:
    async with run_server(tmp_path, access_token_seconds=3600) as server:
        await server.pass_time(ROTATION - 1)
        old = await token(server)
        kid = server.key("active").kid
        assert unverified_header(old)["kid"] == kid
        await server.pass_time(1)
        retiring = server.key("retiring")
        assert retiring.kid == kid
        # Its private part is gone from the row, not just unused.
        assert retiring.private_wrapped is None
        assert kid in {key["kid"] for key in server.published()}
        await server.pass_time(3598)
        assert server.services.verifier.verify(old).kid == kid
        await server.pass_time(LAST_TOKEN - 3598 - 1)
        assert kid in {key["kid"] for key in server.published()}
        await server.pass_time(1)
        assert ("ES256", "retired") in server.states()
        assert kid not in {key["kid"] for key in server.published()}
        # The row stays for the audit.
        assert server.key("retired").kid == kid
        with pytest.raises(InvalidToken):
            server.services.verifier.verify(old)


async def test_a_refresh_key_is_replaced_and_serves_its_sessions_to_their_end(tmp_path: Path) -> None:
    async with run_server(
        tmp_path, refresh_idle_seconds=90 * DAY, refresh_absolute_seconds=90 * DAY
    ) as server:
        account = await server.account()
        old = await server.start(account)
        await server.pass_time(ROTATION)
        first, second = server.ring_keys("refresh")
        assert (first.state, second.state) == ("verify-only", "active")
        assert first.private_wrapped is not None
        await server.pass_time(90 * DAY - ROTATION - 1)
        refreshed = await server.refresh(old.refresh_token)
        assert (await server.state(old.session.sid)).session.key_number > first.number
        assert refreshed.session.absolute_expires_at == server.clock.now() + 1
        await server.pass_time(ROTATION + 1)
        gone = server.services.ring.find(first.kid)
        assert gone is not None
        assert (gone.state, gone.private_wrapped) == ("retired", None)
        assert server.services.ring.refresh_key(first.number) is None


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "HS256", "Ed25519"])
async def test_every_algorithm_signs_from_the_start_of_an_empty_ring(tmp_path: Path, algorithm: str) -> None:
    async with run_server(tmp_path, access_token_algorithm=algorithm) as server:
        tokens = await signed_in(server)
        assert unverified_header(tokens["access_token"])["alg"] in (algorithm, "EdDSA")
        assert (await server.client.me(tokens["access_token"])).status == 200
        assert server.published() != []
        assert all(key["kty"] != "oct" for key in server.published())
        assert all("d" not in key and "k" not in key for key in server.published())


async def test_a_new_algorithm_waits_out_its_pending_time_while_the_old_one_signs(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        clock, tokens = server.clock, await signed_in(server)
    async with run_server(tmp_path, clock=clock, access_token_algorithm="RS256") as server:
        assert server.states() == [("ES256", "active"), ("ES256", "pending"), ("RS256", "pending")]
        assert server.services.ring.signing_key("RS256").alg == "ES256"
        assert "RSA" in {key["kty"] for key in server.published()}
        await server.pass_time(PUBLISH - 1)
        assert server.services.ring.signing_key("RS256").alg == "ES256"
        # A session goes on across the change.
        tokens = (await server.client.refresh(tokens["refresh_token"])).json
        await server.pass_time(1)
        assert server.services.ring.signing_key("RS256").alg == "RS256"
        assert (await server.client.me(tokens["access_token"])).status == 200
        assert server.states() == [
            ("ES256", "retiring"), ("ES256", "retired"), ("RS256", "active"), ("RS256", "pending"),
        ]  # fmt: skip
        tokens = (await server.client.refresh(tokens["refresh_token"])).json
        assert unverified_header(tokens["access_token"])["alg"] == "RS256"
        await server.pass_time(LAST_TOKEN)
        assert {key["kty"] for key in server.published()} == {"RSA"}


async def test_the_algorithm_can_be_changed_through_all_kinds_and_back(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        clock, tokens = server.clock, await signed_in(server)
    for algorithm in ("RS256", "HS256", "ES256"):
        async with run_server(tmp_path, clock=clock, access_token_algorithm=algorithm) as server:
            for _ in range(4):
                # A token of before the change is good, and so is one of during it.
                assert (await server.client.me(tokens["access_token"])).status == 200
                tokens = (await server.client.refresh(tokens["refresh_token"])).json
                assert server.published() != []
                await server.pass_time(600)
            await server.pass_time(PUBLISH)
            tokens = (await server.client.refresh(tokens["refresh_token"])).json
            assert unverified_header(tokens["access_token"])["alg"] == algorithm
            assert server.published() != []
            assert {key["kty"] for key in server.published()} <= {"EC", "RSA"}


async def test_an_hmac_key_signs_at_once_since_this_server_is_its_only_verifier(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        clock = server.clock
    async with run_server(tmp_path, clock=clock, access_token_algorithm="HS256") as server:
        assert server.services.ring.signing_key("HS256").alg == "HS256"
        hmac = server.key("active", alg="HS256")
        assert hmac.public_jwk is None
        assert hmac.kid.startswith("key_")
        # The set stays full all the same: other programs that read it must not take it for broken.
        assert {key["kty"] for key in server.published()} == {"EC"}
        await server.pass_time(ROTATION)
        retiring = server.key("retiring", alg="HS256")
        # It still has to verify, and for that an HMAC key is needed whole.
        assert retiring.private_wrapped is not None
        await server.pass_time(LAST_TOKEN)
        gone = server.services.ring.find(retiring.kid)
        assert gone is not None
        assert (gone.state, gone.private_wrapped) == ("retired", None)


async def test_rotating_by_hand_is_refused_before_the_standby_may_sign(server: Server) -> None:
    keys = server.services.ring.records
    server.clock.advance(PUBLISH - 1)
    with pytest.raises(NotYet) as caught:
        await server.services.rotation.rotate_now("command-line")
    assert "in 1 seconds" in caught.value.description
    assert "tokenward revoke --key" in caught.value.description
    await server.services.ring.catch_up(await server.services.storage.position())
    assert server.services.ring.records == keys


async def test_rotating_by_hand_hands_over_and_says_what_it_did(server: Server) -> None:
    standby = server.key("pending")
    server.clock.advance(PUBLISH)
    done = await server.services.rotation.rotate_now("command-line")
    assert done == [
        f"ES256: {standby.kid} signs from now on",
        "refresh tokens are computed under a new key from now on",
    ]
    assert server.states("refresh") == [("HS256", "verify-only"), ("HS256", "active")]
    actors = [(row.event, row.actor) for row in await server.events("key.rotated")]
    assert actors == [("key.rotated", "command-line")] * 2


async def test_every_move_of_a_key_has_its_audit_row(server: Server) -> None:
    await server.pass_time(ROTATION)
    await server.pass_time(LAST_TOKEN)
    events = [row.event for row in await server.events()]
    assert events == [
        "key.created", "key.created", "key.created", "key.rotated", "key.rotated", "key.retired",
    ]  # fmt: skip
    details: list[Any] = [row.detail for row in await server.events("key.rotated")]
    assert all("wrapped" not in detail for detail in details)
