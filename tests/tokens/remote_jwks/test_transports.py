"""Four ways to fetch, against real servers on this machine: the same answers, and the same limits."""

import asyncio
import gzip
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.tokens.remote_jwks.published import LONG_SECONDS, published
from tests.tokens.remote_jwks.servers import (
    Answer,
    Authority,
    KeyServer,
    Say,
    Seen,
    dripping,
    flooding,
    head,
    key_server,
    saying,
    silent,
)

from tokenward.errors import ConfigurationError
from tokenward.tokens.remote_jwks import (
    AsyncHTTPXTransport,
    AsyncRemoteJWKSet,
    AsyncStandardTransport,
    FetchFailed,
    HTTPXTransport,
    RemoteJWKSet,
    Request,
    Response,
    StandardTransport,
)
from tokenward.tokens.remote_jwks.addresses import check_address

BODY = published("a", "b")
HEADERS = {"accept": "application/json", "accept-encoding": "identity", "if-none-match": '"7"'}

Fetch = Callable[[Request], Awaitable[Response]]


def requested(url: str, *, seconds: float = LONG_SECONDS, max_bytes: int = 4096) -> Request:
    return Request(check_address(url, insecure_loopback_http=True), HEADERS, max_bytes, seconds)


@pytest.fixture(params=["standard", "standard async", "httpx", "httpx async"])
async def fetch(request: pytest.FixtureRequest) -> AsyncIterator[Fetch]:
    """Each of the four transports, as something to await."""
    async with httpx.AsyncClient() as async_client:
        with httpx.Client(follow_redirects=True, auth=("user", "password")) as client:
            if request.param == "standard async":
                yield AsyncStandardTransport().fetch
            elif request.param == "httpx async":
                yield AsyncHTTPXTransport(async_client).fetch
            else:
                blocking: Any = StandardTransport() if request.param == "standard" else HTTPXTransport(client)

                async def fetch(what: Request) -> Response:
                    answer: Response = await asyncio.to_thread(blocking.fetch, what)
                    return answer

                yield fetch


async def refused(fetch: Fetch, answer: Answer, *, seconds: float = LONG_SECONDS) -> str:
    """Return the reason why the answer of this server is not taken."""
    with key_server(answer) as server, pytest.raises(FetchFailed) as caught:
        await fetch(requested(server.url(), seconds=seconds))
    return caught.value.reason


async def test_an_answer_comes_with_status_headers_and_body(fetch: Fetch) -> None:
    with key_server(saying(BODY, ETag='"8"', X_Two="1", Cache_Control="max-age=7")) as server:
        response = await fetch(requested(server.url("/keys?tenant=1")))
    assert (response.status, response.body) == (200, BODY)
    assert response.headers["etag"] == '"8"'
    assert response.headers["cache-control"] == "max-age=7"
    (seen,) = server.seen
    assert seen.target == "/keys?tenant=1"
    assert seen.headers["host"] == f"127.0.0.1:{server.port}"
    assert {name: seen.headers[name] for name in HEADERS} == HEADERS
    assert not {"authorization", "cookie"} & set(seen.headers)


@pytest.mark.parametrize("size", [4096, 4097])
async def test_a_body_is_taken_up_to_the_limit(fetch: Fetch, size: int) -> None:
    with key_server(saying(b" " * size)) as server:
        if size == 4096:
            assert len((await fetch(requested(server.url()))).body) == size
        else:
            with pytest.raises(FetchFailed) as caught:
                await fetch(requested(server.url()))
            assert caught.value.reason == "too_large"


async def test_chunks_make_one_body(fetch: Fetch) -> None:
    def chunked(server: KeyServer, seen: Seen, say: Say) -> None:
        say(head(transfer_encoding="chunked") + b"3\r\nabc\r\n")
        say(b"2;x=y\r\nde\r\n0\r\n\r\n")

    with key_server(chunked) as server:
        assert (await fetch(requested(server.url()))).body == b"abcde"


async def test_a_body_without_a_length_ends_with_the_connection(fetch: Fetch) -> None:
    with key_server(lambda server, seen, say: say(head() + BODY)) as server:
        assert (await fetch(requested(server.url()))).body == BODY


async def test_another_status_is_an_answer_too(fetch: Fetch) -> None:
    for status in (304, 404, 500):
        with key_server(saying(b"", status)) as server:
            assert (await fetch(requested(server.url()))).status == status


async def test_a_redirect_is_not_followed(fetch: Fetch) -> None:
    with key_server(saying(BODY)) as other, key_server(saying(b"", 302, location=other.url())) as server:
        response = await fetch(requested(server.url()))
    assert (response.status, response.headers["location"]) == (302, other.url())
    assert other.seen == []


async def test_a_packed_body_is_not_unpacked(fetch: Fetch) -> None:
    packed = gzip.compress(b" " * 1_000_000)
    with key_server(saying(packed, content_encoding="gzip")) as server:
        response = await fetch(requested(server.url()))
    assert response.body == packed
    assert response.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize(
    "start",
    [
        head(content_length="100000000"),
        head(),
        head(transfer_encoding="chunked") + b"5f5e100\r\n",
    ],
    ids=["with a length", "without a length", "one chunk"],
)
async def test_a_flood_is_cut_off_at_the_limit(fetch: Fetch, start: bytes) -> None:
    assert await refused(fetch, flooding(start, b" " * 65536)) == "too_large"


async def test_a_flood_of_small_chunks_is_cut_off_at_the_limit(fetch: Fetch) -> None:
    small = flooding(head(transfer_encoding="chunked"), b"1\r\n \r\n" * 10_000)
    assert await refused(fetch, small) == "too_large"


async def test_a_flood_of_headers_is_cut_off(fetch: Fetch) -> None:
    reason = await refused(fetch, flooding(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n" * 10_000))
    assert reason.startswith(("too_large", "connection_failed"))


async def test_a_silent_server_is_left_at_the_end_of_the_time(fetch: Fetch) -> None:
    assert await refused(fetch, silent, seconds=0.2) == "timeout"


async def test_a_body_that_drips_is_left_at_the_end_of_the_time(fetch: Fetch) -> None:
    assert await refused(fetch, dripping(head(content_length="4000"), b" "), seconds=0.3) == "timeout"


# Not with httpx in threads, which limits each read; its class says so, and nobody waits for such an attempt.
@pytest.mark.parametrize("fetch", ["standard", "standard async", "httpx async"], indirect=True)
async def test_headers_that_drip_are_left_at_the_end_of_the_time(fetch: Fetch) -> None:
    assert await refused(fetch, dripping(b"HTTP/1.1 200 OK\r\nx: ", b"y"), seconds=0.3) == "timeout"


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\x16\x03\x01 this is not HTTP\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        head(content_length="100") + b"short",
        head(transfer_encoding="chunked") + b"zz\r\nabc",
        head(transfer_encoding="chunked") + b"5\r\nab",
    ],
    ids=["nothing", "not HTTP", "no status", "broken off", "no size", "a broken chunk"],
)
async def test_what_is_no_whole_answer_is_refused(fetch: Fetch, said: bytes) -> None:
    assert (await refused(fetch, lambda server, seen, say: say(said))).startswith("connection_failed: ")


async def test_a_server_that_is_not_there_is_the_reason(fetch: Fetch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    with pytest.raises(FetchFailed) as caught:
        await fetch(requested(url))
    assert caught.value.reason.startswith("connection_failed: ")


async def test_the_loop_goes_on_while_an_answer_is_waited_for(fetch: Fetch) -> None:
    """The server answers after the loop has turned some times; a loop that stands gets no answer."""
    ticked = threading.Event()

    def late(server: KeyServer, seen: Seen, say: Say) -> None:
        if ticked.wait(10):
            say(head() + BODY)

    with key_server(late) as server:
        waiter = asyncio.ensure_future(fetch(requested(server.url())))
        for _ in range(20):
            await asyncio.sleep(0.001)
        ticked.set()
        assert (await waiter).body == BODY


async def test_a_caller_who_is_cancelled_is_let_go_at_once(fetch: Fetch) -> None:
    with key_server(silent) as server:
        waiter = asyncio.ensure_future(fetch(requested(server.url(), seconds=0.5)))
        await asyncio.to_thread(server.arrived.acquire, timeout=LONG_SECONDS)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter


def test_from_the_address_to_the_keys_in_threads() -> None:
    with key_server(saying(BODY, ETag='"8"')) as server:
        with httpx.Client() as client:
            for transport in (None, HTTPXTransport(client)):
                source = RemoteJWKSet(
                    server.url(),
                    transport=transport,
                    insecure_loopback_http=True,
                    timeout_seconds=LONG_SECONDS,
                )
                assert len(source.refresh()) == 2
        assert [seen.headers["accept-encoding"] for seen in server.seen] == ["identity", "identity"]


async def test_from_the_address_to_the_keys_in_coroutines() -> None:
    with key_server(saying(BODY)) as server:
        async with httpx.AsyncClient() as client:
            for transport in (None, AsyncHTTPXTransport(client)):
                source = AsyncRemoteJWKSet(
                    server.url(),
                    transport=transport,
                    insecure_loopback_http=True,
                    timeout_seconds=LONG_SECONDS,
                )
                assert len(await source.refresh()) == 2


def test_unencrypted_goes_to_this_machine_only_whatever_localhost_means(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with key_server(saying(BODY)) as server:
        assert StandardTransport().fetch(requested(server.url(host="localhost"))).status == 200
        _leads_to(monkeypatch, "192.0.2.1")
        with pytest.raises(FetchFailed) as caught:
            StandardTransport().fetch(requested(server.url(host="localhost")))
    assert caught.value.reason == "address_refused: localhost is 192.0.2.1, and not this machine"


def _leads_to(monkeypatch: pytest.MonkeyPatch, *ips: str) -> list[str]:
    """Let every name lead to these addresses; return the list of names that are looked up."""
    names: list[str] = []

    def getaddrinfo(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        names.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in ips]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return names


@pytest.mark.parametrize("ips", [("127.0.0.1",), ("169.254.169.254",), ("8.8.8.8", "10.0.0.1")])
def test_a_name_that_leads_behind_the_firewall_is_refused_where_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, ips: tuple[str, ...]
) -> None:
    _leads_to(monkeypatch, *ips)
    with pytest.raises(FetchFailed) as caught:
        StandardTransport(refuse_private_addresses=True).fetch(requested("https://idp.example/keys"))
    assert caught.value.reason.startswith(f"address_refused: idp.example is {ips[-1]}")


def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    names = _leads_to(monkeypatch, "8.8.8.8")
    connected: list[Any] = []

    def connect(_: socket.socket, place: Any) -> None:
        connected.append(place)
        raise OSError("not in a test")

    monkeypatch.setattr(socket.socket, "connect", connect)
    with pytest.raises(FetchFailed, match="could not be fetched"):
        StandardTransport(refuse_private_addresses=True).fetch(requested("https://idp.example/keys"))
    assert names == ["idp.example"]
    assert connected == [("8.8.8.8", 443)]


def test_the_second_address_of_a_name_is_tried_when_the_first_leads_nowhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with key_server(saying(BODY)) as server:
        _leads_to(monkeypatch, "127.0.0.2", "127.0.0.1")
        assert StandardTransport().fetch(requested(server.url(host="localhost"))).body == BODY


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(params=["standard", "httpx"])
def secure_fetch(
    request: pytest.FixtureRequest, authority: Authority
) -> Iterator[Callable[[Request], Response]]:
    context = authority.client_context()
    if request.param == "standard":
        yield StandardTransport(ssl_context=context).fetch
    else:
        with httpx.Client(verify=context) as client:
            yield HTTPXTransport(client).fetch


SecureFetch = Callable[[Request], Response]


def test_keys_come_over_tls_from_who_has_a_good_certificate(
    secure_fetch: SecureFetch, authority: Authority
) -> None:
    tls = authority.server_context("127.0.0.1", "localhost")
    with key_server(saying(BODY), tls) as server:
        for host in ("127.0.0.1", "localhost"):
            assert secure_fetch(requested(server.url(host=host))).body == BODY


def test_a_certificate_for_another_name_is_refused(secure_fetch: SecureFetch, authority: Authority) -> None:
    tls = authority.server_context("idp.example", "127.0.0.2")
    with key_server(saying(BODY), tls) as server:
        for host in ("127.0.0.1", "localhost"):
            with pytest.raises(FetchFailed) as caught:
                secure_fetch(requested(server.url(host=host)))
            assert "mismatch" in caught.value.reason
    assert server.seen == []


def test_an_expired_certificate_is_refused(secure_fetch: SecureFetch, authority: Authority) -> None:
    tls = authority.server_context("127.0.0.1", days=-1)
    with key_server(saying(BODY), tls) as server, pytest.raises(FetchFailed) as caught:
        secure_fetch(requested(server.url()))
    assert "expired" in caught.value.reason
    assert server.seen == []


def test_a_certificate_of_an_unknown_authority_is_refused(authority: Authority) -> None:
    tls = authority.server_context("127.0.0.1")
    with key_server(saying(BODY), tls) as server, pytest.raises(FetchFailed) as caught:
        StandardTransport().fetch(requested(server.url()))
    assert caught.value.reason.startswith("certificate_refused: ")
    assert server.seen == []


def test_a_server_without_tls_at_an_https_address_is_refused() -> None:
    with key_server(saying(BODY)) as server, pytest.raises(FetchFailed) as caught:
        StandardTransport().fetch(requested(server.url().replace("http:", "https:"), seconds=0.5))
    assert caught.value.reason.startswith(("connection_failed: ", "timeout"))


def test_a_server_that_begins_tls_and_is_silent_is_left_at_the_end_of_the_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
        with pytest.raises(FetchFailed) as caught:
            StandardTransport().fetch(requested(url, seconds=0.2))
    assert caught.value.reason == "timeout"


def test_a_body_that_drips_over_tls_is_left_at_the_end_of_the_time(authority: Authority) -> None:
    tls = authority.server_context("127.0.0.1")
    transport = StandardTransport(ssl_context=authority.client_context())
    drip = dripping(head(content_length="4000"), b" ")
    with key_server(drip, tls) as server, pytest.raises(FetchFailed) as caught:
        transport.fetch(requested(server.url(), seconds=0.5))
    assert caught.value.reason == "timeout"


def test_a_context_that_checks_less_is_refused(authority: Authority) -> None:
    without_names = ssl.create_default_context()
    without_names.check_hostname = False
    without_certificates = ssl.create_default_context()
    without_certificates.check_hostname = False
    without_certificates.verify_mode = ssl.CERT_NONE
    for context in (without_names, without_certificates):
        for transport in (StandardTransport, AsyncStandardTransport):
            with pytest.raises(ConfigurationError):
                transport(ssl_context=context)


def test_a_context_that_was_weakened_later_is_refused(authority: Authority) -> None:
    context = authority.client_context()
    transport = StandardTransport(ssl_context=context)
    context.check_hostname = False
    tls = authority.server_context("idp.example")
    with key_server(saying(BODY), tls) as server, pytest.raises(FetchFailed) as caught:
        transport.fetch(requested(server.url()))
    assert caught.value.reason == "certificates_not_checked"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
