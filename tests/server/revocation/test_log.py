"""The revocation log as the server holds it: never behind the table, and kept as long as a token could live."""

from pathlib import Path

import pytest
from tests.server.building import Server, beside, run_server, signed_in, tamper

from tokenward.errors import InvalidToken
from tokenward.jose.jwt import unverified_claims
from tokenward.server.revocation.log import (
    DROP_MARGIN_SECONDS,
    LONGEST_TOKEN_SECONDS,
    SET_BACK_MARGIN_SECONDS,
)


async def test_nothing_is_read_while_nothing_moved(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    log = server.services.revocations
    position = await log.catch_up()

    async def read(*_: object) -> list[object]:
        raise AssertionError("the table was read")

    monkeypatch.setattr(server.services.storage.revocations, "after", read)
    assert await log.catch_up() is position
    await server.apply(server.services.storage.accounts.raise_cutoff("nobody")._replace(expects=None))
    assert (await log.catch_up()).n == position.n


async def test_what_another_process_revoked_is_refused_by_the_next_request(server: Server) -> None:
    tokens = await signed_in(server)
    claims = unverified_claims(tokens["access_token"])
    assert (await server.client.me(tokens["access_token"])).status == 200
    async with beside(server) as command:
        n = await command.revocations.revoke_token(
            claims["jti"], reason="found", actor="command-line", audit=command.audit
        )
        answer = await server.client.me(tokens["access_token"])
        assert (answer.status, answer.code) == (401, "invalid_token")
    assert server.services.revocations.revoked.applied == n
    (row,) = await server.events("token.revoked")
    assert claims["jti"] in row.detail
    # Only that token: its session is told apart from it.
    again = (await server.client.refresh(tokens["refresh_token"])).json
    assert (await server.client.me(again["access_token"])).status == 200


async def test_more_records_than_one_reading_takes_are_all_applied(server: Server) -> None:
    log = server.services.revocations
    count = 4321
    with_n = [log.record("token", f"jti-{place}", "test") for place in range(count)]
    for start in range(0, count, 500):
        await server.apply(*with_n[start : start + 500])
    assert (await log.catch_up()).n == count
    assert len(log.revoked) == count
    assert log.revoked.applied == count


async def test_records_that_were_swept_from_the_table_leave_the_head_where_it_is(server: Server) -> None:
    await server.apply(server.services.revocations.record("token", "jti", "test"))
    tamper(server.path, "DELETE FROM revocations")
    position = await server.services.revocations.catch_up()
    assert position.n == 1
    assert server.services.revocations.revoked.applied == 1
    assert len(server.services.revocations.revoked) == 0


async def test_a_restart_forgets_no_revocation(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        clock, tokens = server.clock, await signed_in(server)
        assert (await server.client.post("/api/v1/auth/logout", token=tokens["access_token"])).status == 200
    async with run_server(tmp_path, clock=clock) as server:
        assert (await server.client.me(tokens["access_token"])).code == "invalid_token"


async def test_a_record_is_dropped_only_when_every_token_it_matches_has_expired(server: Server) -> None:
    log = server.services.revocations
    await server.apply(log.record("session", "sid", "test"))
    await log.catch_up()
    server.clock.advance(LONGEST_TOKEN_SECONDS + DROP_MARGIN_SECONDS + SET_BACK_MARGIN_SECONDS)
    await log.sweep(100)
    assert (len(log.revoked), len(await server.records())) == (1, 1)
    server.clock.advance(1)
    await log.sweep(100)
    assert (len(log.revoked), len(await server.records())) == (0, 0)


async def test_a_sweep_takes_no_more_than_it_is_told(server: Server) -> None:
    log = server.services.revocations
    await server.apply(*(log.record("token", f"jti-{place}", "test") for place in range(10)))
    server.clock.advance(LONGEST_TOKEN_SECONDS + DROP_MARGIN_SECONDS + SET_BACK_MARGIN_SECONDS + 1)
    await log.sweep(4)
    assert len(await server.records()) == 6


async def test_every_scope_refuses_what_it_names(server: Server) -> None:
    tokens = await signed_in(server)
    claims = unverified_claims(tokens["access_token"])
    kid = server.key("active").kid
    values = {
        "token": claims["jti"],
        "session": claims["sid"],
        "key": kid,
        "subject": claims["sub"],
        "client": claims["client_id"],
        "grant": f"{claims['sub']} {claims['client_id']}",
        "audience": claims["aud"],
        "all": "",
    }
    for scope, value in values.items():
        server.services.revocations.revoked.__init__()  # type: ignore[misc]
        assert server.services.verifier.verify(tokens["access_token"]).sub == claims["sub"]
        await server.apply(server.services.revocations.record(scope, value, "test"))
        records = await server.records()
        server.services.revocations.revoked.apply(records[-1:])
        with pytest.raises(InvalidToken) as caught:
            server.services.verifier.verify(tokens["access_token"])
        assert caught.value.reason == f"revoked: {scope}"
