"""What every answer has in common, and what the door does with what is no ordinary request."""

import json
import logging
import os
import re
from pathlib import Path
from typing import Any

import pytest
from tests.server.building import (
    ADDRESS,
    PASSWORD,
    Client,
    Server,
    raw_bytes,
    run_server,
    signed_in,
)

from tokenward.errors import StorageUnavailable
from tokenward.server.endpoints.messages import Message
from tokenward.server.endpoints.telemetry import LibraryHandler, Log
from tokenward.server.settings.loading import load_settings

PATHS = ["/healthz", "/nowhere", "/.well-known/jwks.json", "/api/v1/users/me", "/metrics"]


async def test_every_answer_carries_the_security_headers_and_a_request_id_of_its_own(client: Client) -> None:
    answers = [await client.get(path, address="127.0.0.1") for path in PATHS]
    for answer in answers:
        assert answer.header("x-content-type-options") == "nosniff"
        assert answer.header("content-security-policy") == "default-src 'none'; frame-ancestors 'none'"
        assert answer.header("strict-transport-security") == "max-age=63072000; includeSubDomains"
        assert answer.header("content-length") == str(len(answer.body))
        assert answer.header("content-type")
        assert answer.header("cache-control")
        assert answer.header("server") is None
    ids = {answer.header("x-request-id") for answer in answers}
    assert len(ids) == len(PATHS)


async def test_a_request_id_that_a_client_sends_is_not_taken(client: Client) -> None:
    answer = await client.get("/healthz", headers=[(b"x-request-id", b"mine\r\nset-cookie: a=b")])
    assert re.fullmatch(r"[0-9a-f]{12}-[0-9a-f]+", answer.header("x-request-id") or "")


async def test_hsts_is_said_only_where_the_issuer_is_https(tmp_path: Path) -> None:
    async with run_server(tmp_path, issuer="http://127.0.0.1:8080", audience="x", dev=True) as server:
        answer = await server.client.get("/healthz")
        assert answer.header("strict-transport-security") is None
        assert answer.header("x-content-type-options") == "nosniff"


async def test_no_answer_ever_opens_itself_to_pages_of_other_origins(server: Server) -> None:
    tokens = await signed_in(server)
    answer = await server.client.me(tokens["access_token"], headers=[(b"origin", b"https://other.example")])
    assert not [name for name, _ in answer.headers if name.startswith(b"access-control")]


async def test_head_is_answered_like_get(client: Client) -> None:
    for path in PATHS:
        get, head = await client.get(path), await client.request("HEAD", path)
        assert head.status == get.status
        assert head.header("content-type") == get.header("content-type")
    assert (await client.request("HEAD", "/api/v1/auth/login")).code == "method_not_allowed"


async def test_a_websocket_is_closed_and_a_lifespan_left_to_others(server: Server) -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await server.door({"type": "websocket", "path": "/api/v1/users/me"}, receive, send)
    assert sent == [{"type": "websocket.close"}]
    sent.clear()
    await server.door({"type": "lifespan"}, receive, send)
    assert sent == []


async def test_what_nobody_foresaw_is_an_answer_without_a_secret_and_a_line_with_its_place(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = await signed_in(server)

    async def broken(*_: object) -> None:
        raise ValueError(f"the value was {PASSWORD}")

    monkeypatch.setattr(server.services.guard, "check", broken)
    answer = await server.client.me(tokens["access_token"])
    assert (answer.status, answer.code) == (500, "server_error")
    (line,) = server.log_lines("error")
    assert (line["error"], line["path"]) == ("ValueError", "/api/v1/users/me")
    assert line["place"].startswith("broken:")
    assert line["request_id"] == answer.header("x-request-id")
    for text in (answer.body.decode(), server.log_text):
        assert PASSWORD not in text
        assert "ValueError" not in answer.body.decode()
    assert tokens["access_token"] not in server.log_text


async def test_a_database_that_does_not_answer_is_503_and_never_401(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A good token must not be thrown away because of it."""
    tokens = await signed_in(server)

    async def down() -> None:
        raise StorageUnavailable(reason="disk I/O error")

    monkeypatch.setattr(server.services.storage, "position", down)
    for path in ("/api/v1/users/me", "/readyz"):
        answer = await server.client.get(path, token=tokens["access_token"])
        assert (answer.status, answer.code) == (503, "storage_unavailable")
        assert answer.header("retry-after") == "1"
    assert (await server.client.get("/healthz")).status == 200
    assert {line["reason"] for line in server.log_lines("refused")} == {"disk I/O error"}


async def test_what_a_refusal_was_about_is_in_the_log_under_the_request_id(server: Server) -> None:
    answer = await server.client.me("a.b.c")
    (line,) = server.log_lines("refused")
    assert line["request_id"] == answer.header("x-request-id")
    assert (line["code"], line["path"], line["address"]) == ("invalid_token", "/api/v1/users/me", ADDRESS)
    assert line["reason"]
    assert line["reason"] not in answer.body.decode()


async def test_ordinary_answers_are_not_logged_unless_asked_for(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        await server.client.get("/healthz")
        await server.client.get("/nowhere")
        assert server.log_text == ""
        clock = server.clock
    async with run_server(tmp_path, clock=clock, access_log=True) as server:
        await server.client.get("/api/v1/users/me", query=b"x=1", token="a.b.c")
        await server.client.get("/some/path/of/theirs")
        first, second = server.log_lines("access")
        assert (first["method"], first["path"], first["status"]) == ("GET", "/api/v1/users/me", 401)
        # A path that a client made up is nothing for a log or a metric.
        assert second["path"] == "(unknown)"
        assert "theirs" not in server.log_text
        assert "theirs" not in server.metrics.exposition()[1].decode()


async def test_a_slow_request_is_logged(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    catch_up = server.services.guard.catch_up

    async def slow() -> None:
        server.clock.advance(0.6)
        await catch_up()

    monkeypatch.setattr(server.services.guard, "catch_up", slow)
    await server.client.get("/readyz")
    (line,) = server.log_lines("slow_request")
    assert (line["path"], line["ms"]) == ("/readyz", 600)


async def test_log_lines_are_json_objects_with_the_time_of_the_clock(server: Server) -> None:
    server.log.event("test", level="warning", text='quote " and\nline break')
    (line,) = server.log_text.splitlines()
    assert json.loads(line) == {
        "at": "2027-01-15T08:00:00.000+00:00",
        "level": "warning",
        "event": "test",
        "text": 'quote " and\nline break',
    }


def test_what_libraries_say_is_in_the_same_log_without_the_text_of_an_exception(server: Server) -> None:
    logger = logging.getLogger("a.library")
    handler = LibraryHandler(server.log, server.clock)
    logger.addHandler(handler)
    try:
        logger.info("not worth a line")
        logger.warning("something %s", "odd")
        try:
            raise ValueError(f"the value was {PASSWORD}")
        except ValueError:
            logger.exception("failed")
    finally:
        logger.removeHandler(handler)
    odd, failed = server.log_lines("library")
    assert (odd["level"], odd["logger"], odd["message"]) == ("warning", "a.library", "something odd")
    assert (failed["level"], failed["error"]) == ("error", "ValueError")
    assert PASSWORD not in server.log_text


def test_libraries_cannot_be_made_to_fill_the_log(server: Server) -> None:
    handler, logger = LibraryHandler(server.log, server.clock), logging.getLogger("a.library")
    logger.addHandler(handler)
    try:
        for _ in range(1000):
            logger.warning("malformed")
        # What else there is to say does not drown in it.
        logger.error("failed")
        logging.getLogger("a.library.too").warning("odd")
        server.clock.advance(60)
        for _ in range(5):
            logger.warning("malformed")
    finally:
        logger.removeHandler(handler)
    lines = server.log_lines("library")
    said = [line["message"] for line in lines]
    assert said == ["malformed"] * 10 + ["failed", "odd"] + ["malformed"] * 5
    assert [line.get("left_out") for line in lines] == [None] * 12 + [990] + [None] * 4


def test_a_log_that_cannot_be_written_takes_nothing_down(server: Server) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        Log(server.clock, writing).event("test")
    finally:
        os.close(writing)


def test_a_log_whose_reader_has_stopped_holds_nothing_up(server: Server) -> None:
    reading, writing = os.pipe()
    try:
        log = Log(server.clock, writing)
        for _ in range(5000):
            log.event("test", text="x" * 50)
        assert os.read(reading, 10).startswith(b"{")
    finally:
        os.close(writing)
        os.close(reading)


# Behind a proxy.


@pytest.mark.parametrize(
    ("peer", "forwarded", "seen"),
    [
        ("192.0.2.7", [b"203.0.113.9"], "192.0.2.7"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [b"203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", [b"198.51.100.1, 203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", [b"198.51.100.1", b"203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", [b"203.0.113.9, 10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", [b"10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", [b" , ,"], "10.0.0.1"),
        ("10.0.0.1", [b"2001:db8::1"], "2001:db8::1"),
        ("", [b"203.0.113.9"], ""),
    ],
)
async def test_an_address_is_believed_only_from_a_trusted_proxy_and_from_the_end(
    tmp_path: Path, peer: str, forwarded: list[bytes], seen: str
) -> None:
    trusted = load_settings(
        environment={"TOKENWARD_ISSUER": "https://a.example", "TOKENWARD_TRUSTED_PROXIES": "10.0.0.0/8"}
    ).trusted_proxies
    async with run_server(tmp_path, trusted_proxies=trusted) as server:
        await server.client.me(
            "a.b.c", address=peer, headers=[(b"x-forwarded-for", value) for value in forwarded]
        )
        (line,) = server.log_lines("refused")
        assert line["address"] == seen


async def test_without_trusted_proxies_nobody_writes_their_own_address(server: Server) -> None:
    await server.account()
    answers = [
        await server.client.log_in(
            "wrong", headers=[(b"x-forwarded-for", b"198.51.100.%d" % place), (b"forwarded", b"for=1.2.3.4")]
        )
        for place in range(11)
    ]
    assert answers[-1].code == "rate_limited"


async def test_a_connection_without_an_address_is_answered(server: Server) -> None:
    answers: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        answers.append(message)

    scope: dict[str, Any] = {
        "type": "http", "method": "GET", "path": "/metrics", "query_string": b"", "headers": [], "client": None,
    }  # fmt: skip
    await server.door(scope, receive, send)
    assert answers[0]["status"] == 404


# Pages of other origins.


@pytest.mark.parametrize("path", ["register", "login", "refresh", "logout", "logout-everywhere"])
async def test_a_page_of_another_origin_may_not_call(server: Server, path: str) -> None:
    tokens = await signed_in(server)
    for origins in (
        [b"https://evil.example"],
        [b"null"],
        [b""],
        [b"http://auth.example.com"],
        [b"https://auth.example.com:444"],
        [b"https://auth.example.com.evil.example"],
        [b"https://auth.example.com", b"https://evil.example"],
        [b"\xff"],
    ):
        answer = await server.client.post(
            f"/api/v1/auth/{path}",
            headers=[(b"origin", origin) for origin in origins],
            token=tokens["access_token"],
            json={"refresh_token": tokens["refresh_token"]},
        )
        assert (answer.status, answer.code) == (403, "origin_refused"), origins
    assert (await server.client.me(tokens["access_token"])).status == 200


async def test_a_page_of_our_own_origin_may(tmp_path: Path) -> None:
    async with run_server(tmp_path, issuer="https://example.com/auth") as server:
        await server.account()
        answer = await server.client.log_in(headers=[(b"origin", b"https://example.com")])
        assert answer.status == 200


async def test_no_secret_of_a_whole_life_is_in_the_log(server: Server, tmp_path: Path) -> None:
    tokens = await signed_in(server)
    await server.client.refresh(tokens["refresh_token"])
    await server.client.refresh(tokens["refresh_token"] + "x")
    await server.client.log_in("another secret of Anna")
    await server.client.me(tokens["access_token"][:-2] + "xx")
    await server.client.post("/api/v1/auth/logout", token=tokens["access_token"])
    text = server.log_text
    assert text
    for secret in (
        tokens["access_token"],
        tokens["access_token"].rpartition(".")[2],
        tokens["refresh_token"][4:40],
        PASSWORD,
        "another secret",
    ):
        assert secret not in text
    assert raw_bytes(tmp_path)
