"""I at the door of the server: races for a refresh token, its replay, stolen databases, and those who are out."""

import asyncio
import base64
import hashlib
import json
import re
import zlib
from pathlib import Path
from typing import Any

import pytest
from tests.server.building import (
    EMAIL,
    MASTER_KEY,
    OTHER_PASSWORD,
    PASSWORD,
    Answer,
    Server,
    dump,
    raw_bytes,
    run_server,
    sid_of,
    signed_in,
    tamper,
)

from tokenward.jose.jwt import unverified_claims
from tokenward.server.sessions.refresh_tokens import decode

RACERS = 64


async def signed_out(server: Server, tokens: dict[str, Any]) -> None:
    """Neither token opens anything."""
    assert (await server.client.me(tokens["access_token"])).code == "invalid_token"
    assert (await server.client.refresh(tokens["refresh_token"])).code == "invalid_grant"


async def test_i02_many_at_once_with_one_token_are_one_rotation(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        tokens = await signed_in(server)
        answers = await asyncio.gather(
            *(server.client.refresh(tokens["refresh_token"]) for _ in range(RACERS))
        )
        assert {answer.status for answer in answers} == {200}
        (successor,) = {answer.json["refresh_token"] for answer in answers}
        assert (await server.state(sid_of(tokens))).session.generation == 1
        assert len(server.log_lines("session.refreshed")) == 1
        assert len(server.log_lines("session.refresh_retried")) == RACERS - 1
        # Each access token is good, and none is a copy of another.
        jtis = {unverified_claims(answer.json["access_token"])["jti"] for answer in answers}
        assert len(jtis) == RACERS
        assert (await server.client.refresh(successor)).status == 200


@pytest.mark.parametrize("racers", [1, 32])
async def test_i03_a_replay_after_the_window_ends_the_family_and_is_told_once(
    tmp_path: Path, racers: int
) -> None:
    async with run_server(tmp_path) as server:
        stolen = await signed_in(server)
        owner = (await server.client.refresh(stolen["refresh_token"])).json
        server.clock.advance(61)
        thief = await asyncio.gather(*(server.client.refresh(stolen["refresh_token"]) for _ in range(racers)))
        assert {(answer.status, answer.code) for answer in thief} == {(400, "invalid_grant")}
        await signed_out(server, owner)
        await signed_out(server, stolen)
        assert len(await server.events("session.reuse_detected")) == 1
        assert [(record.scope, record.reason) for record in await server.records()] == [("session", "reuse")]
        assert server.log_lines("session.reuse_detected")


async def test_i03_a_replay_of_an_older_one_needs_no_window(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        stolen = await signed_in(server)
        second = (await server.client.refresh(stolen["refresh_token"])).json
        third = (await server.client.refresh(second["refresh_token"])).json
        assert (await server.client.refresh(stolen["refresh_token"])).code == "invalid_grant"
        await signed_out(server, third)


async def test_i03_who_only_knows_the_sid_cannot_end_the_session(tmp_path: Path) -> None:
    """`sid` stands in every access token, which every API sees."""
    async with run_server(tmp_path) as server:
        tokens = await signed_in(server)
        newest = (await server.client.refresh(tokens["refresh_token"])).json
        newest = (await server.client.refresh(newest["refresh_token"])).json
        raw = bytearray(base64.urlsafe_b64decode(tokens["refresh_token"][4:]))
        before = dump(server.path)
        for place in (27, 28, 59):
            forged = bytearray(raw)
            forged[place] ^= 1
            forged[60:] = (zlib.crc32(bytes(forged[:60])) & 0xFFFFFF).to_bytes(3)
            answer = await server.client.refresh("twr_" + base64.urlsafe_b64encode(bytes(forged)).decode())
            assert answer.code == "invalid_grant"
        assert dump(server.path) == before
        assert (await server.client.me(newest["access_token"])).status == 200


async def test_i18_a_disabled_account_refreshes_nothing_and_its_token_opens_nothing(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        tokens = await signed_in(server)
        await server.services.accounts.set_disabled(tokens["user"]["id"], disabled=True, actor="test")
        await signed_out(server, tokens)
        assert (await server.client.log_in()).code == "invalid_credentials"
        # Enabled again, the old session does not come back.
        await server.services.accounts.set_disabled(tokens["user"]["id"], disabled=False, actor="test")
        await signed_out(server, tokens)
        assert (await server.client.log_in()).status == 200


async def test_i18_the_row_of_the_account_is_asked_although_nothing_was_revoked(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        tokens = await signed_in(server)
        tamper(server.path, "UPDATE accounts SET disabled_at = 1")
        await signed_out(server, tokens)


async def test_i23_nothing_in_the_files_of_the_database_can_be_presented(tmp_path: Path) -> None:
    async with run_server(tmp_path, refresh_retry_seconds=60) as server:
        tokens = await signed_in(server)
        newest = (await server.client.refresh(tokens["refresh_token"])).json
        secrets: list[bytes] = []
        for answer in (tokens, newest):
            refresh = answer["refresh_token"]
            whole = base64.urlsafe_b64decode(refresh[4:])
            secrets += [answer["access_token"].encode(), answer["access_token"].rpartition(".")[2].encode()]
            secrets += [refresh.encode(), whole, decode(refresh).secret]
        secrets += [PASSWORD.encode(), MASTER_KEY.encode(), bytes(range(32))]
        hashes = [
            digest
            for secret in secrets
            for name in ("sha256", "sha1", "sha512", "md5", "blake2b")
            for digest in (hashlib.new(name, secret).digest(), hashlib.new(name, secret).hexdigest().encode())
        ]
        # What the server itself holds opened: the refresh key as bytes, the others as JWK.
        opened = list(server.services.ring._private.values())
        assert len(opened) == 3
        private = [key if len(key) == 32 else json.loads(key)["d"].encode() for key in opened]
        lying_about = raw_bytes(tmp_path)
        assert EMAIL.encode() in lying_about
        for secret in (*secrets, *hashes, *opened, *private):
            assert secret not in lying_about
            assert base64.b64encode(secret).rstrip(b"=") not in lying_about
        for text in [key for key in private if len(key) == 43]:
            assert base64.urlsafe_b64decode(text + b"=") not in lying_about
        # No private member of a key in clear, whatever it is called.
        for row in dump(server.path)["keys"]:
            assert not re.search(r'"(d|k|p|q|dp|dq|qi)"', str(row[5]))


async def test_i23_every_value_of_a_dump_is_refused_by_every_endpoint(tmp_path: Path) -> None:
    async with run_server(tmp_path, login_burst=100_000, login_network_burst=100_000) as server:
        tokens = await signed_in(server)
        await server.client.refresh(tokens["refresh_token"])
        texts = set()
        for rows in dump(server.path).values():
            for value in (value for row in rows for value in row if isinstance(value, str | bytes)):
                data = value.encode() if isinstance(value, str) else value
                texts |= {base64.urlsafe_b64encode(data).rstrip(b"=").decode(), data.hex()}
                texts |= (
                    {value} if isinstance(value, str) and value.isascii() and value.isprintable() else set()
                )
        assert len(texts) > 60
        for text in texts:
            assert (await server.client.me(text)).status == 401
            for presented in (text, "twr_" + text):
                assert (await server.client.refresh(presented)).status == 400
        (password_hash,) = [str(row[6]) for row in dump(server.path)["accounts"]]
        assert password_hash.startswith("$argon2id$")
        assert (await server.client.log_in(password_hash)).code == "invalid_credentials"


async def test_i25_the_token_of_who_logged_out_is_refused_before_it_expires(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        first = await signed_in(server)
        other = (await server.client.log_in()).json
        await server.client.post("/api/v1/auth/logout", token=first["access_token"])
        await signed_out(server, first)
        # Only that session.
        assert (await server.client.me(other["access_token"])).status == 200
        await server.client.post("/api/v1/auth/logout-everywhere", token=other["access_token"])
        await signed_out(server, other)


@pytest.mark.parametrize("change", ["password", "roles"])
async def test_i25_the_token_of_before_a_change_is_refused_and_the_one_after_is_good(
    tmp_path: Path, change: str
) -> None:
    async with run_server(tmp_path) as server:
        tokens = await signed_in(server)
        accounts, sub = server.services.accounts, tokens["user"]["id"]
        if change == "password":
            await accounts.set_password(sub, OTHER_PASSWORD, actor="test")
            await signed_out(server, tokens)
            fresh = (await server.client.log_in(OTHER_PASSWORD)).json
        else:
            await accounts.set_roles(sub, ["admin"], actor="test")
            assert (await server.client.me(tokens["access_token"])).code == "invalid_token"
            fresh = (await server.client.refresh(tokens["refresh_token"])).json
        assert (await server.client.me(fresh["access_token"])).status == 200


async def test_i25_who_signs_in_with_the_old_password_while_it_is_changed_gets_nothing(
    tmp_path: Path,
) -> None:
    async with run_server(tmp_path) as server:
        account = await server.account()
        outcomes = await asyncio.gather(
            *(server.client.log_in() for _ in range(5)),
            server.services.accounts.set_password(account.sub, OTHER_PASSWORD, actor="test"),
            *(server.client.log_in() for _ in range(4)),
        )
        for answer in outcomes:
            if isinstance(answer, Answer) and answer.status == 200:
                # It was in before; then the change put it out again.
                await signed_out(server, answer.json)
        assert (await server.client.log_in()).code == "invalid_credentials"
