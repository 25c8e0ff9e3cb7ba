"""A22, B04 to B21, H08: hostile, broken and absent issuers of keys, and callers who ask for keys that are not there."""

import asyncio
import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.tokens.remote_jwks.published import (
    ISSUER,
    LONG_SECONDS,
    OPENID_URL,
    SERVER_ERROR,
    URL,
    MemoryTransport,
    answer,
    jwk,
    metadata,
    published,
)
from tests.tokens.remote_jwks.servers import (
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

from tokenward.clock import FakeClock
from tokenward.errors import ConfigurationError, InvalidToken
from tokenward.jose import algorithms, base64url, jwt
from tokenward.jose.jwk import ECPrivateKey, generate
from tokenward.jose.jwks import JWKSet
from tokenward.jose.jws import unverified_header
from tokenward.jose.keys import VerificationKey
from tokenward.tokens.key_source import KeySource, KeysUnavailable
from tokenward.tokens.remote_jwks import (
    AsyncRemoteJWKSet,
    FetchFailed,
    RemoteJWKSet,
    Request,
    Response,
    StandardTransport,
)

LIFE, COOLDOWN, STALE = 300.0, 30.0, 86_400.0

# Strong enough to be taken as a key, if secrets were taken.
SECRET = base64url.encode(hashlib.sha256(b"published").digest()).decode()


class Example:
    """A remote set over answers in memory and a clock that stands; its keys were fetched a moment ago."""

    def __init__(self, body: Any = None, **options: Any) -> None:
        self.clock = FakeClock()
        self.transport = MemoryTransport(published("a") if body is None else body)
        defaults: dict[str, Any] = {
            "clock": self.clock,
            "transport": self.transport,
            "timeout_seconds": LONG_SECONDS,
        }
        self.source = RemoteJWKSet(URL, **(defaults | options))
        self.keys = self.source.refresh()

    @property
    def fetches(self) -> int:
        return len(self.transport.requests)

    def settle(self) -> None:
        ends_at = time.monotonic() + LONG_SECONDS
        while self.source.status().is_fetching:
            assert time.monotonic() < ends_at
            time.sleep(0.001)


def find(source: KeySource, kid: str) -> VerificationKey:
    """Find the key of a token as a verifier does: in what is there, and once more after asking for news."""
    keys = source.current() or source.refresh()
    try:
        return keys.find(kid, algorithms.ES256)
    except InvalidToken:
        return source.refresh(keys).find(kid, algorithms.ES256)


def unknown(source: KeySource, kid: str) -> None:
    with pytest.raises(InvalidToken) as caught:
        find(source, kid)
    assert caught.value.reason == "kid_unknown"


def in_threads(count: int, function: Callable[[], object]) -> list[threading.Thread]:
    threads = [threading.Thread(target=function, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


def all_end(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join(LONG_SECONDS)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    "secret",
    [
        {"kty": "oct", "k": SECRET, "kid": "s", "alg": "HS256"},
        {"kty": "oct", "k": SECRET, "kid": "s"},
        jwk("s") | {"d": SECRET},
    ],
)
def test_a22_a_published_secret_is_no_key_and_raises_the_alarm(
    secret: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    example = Example(published("a", also=[secret]))
    assert [key.kid for key in example.keys.keys] == ["a"]
    unknown(example.source, "s")
    status = example.source.status()
    assert status.problems == ("key 1 is published with its secret part",)
    assert len(status.skipped) == 1
    ends_at = time.monotonic() + LONG_SECONDS
    while "ERROR" not in [record.levelname for record in caplog.records]:
        assert time.monotonic() < ends_at
        time.sleep(0.001)
    assert SECRET not in caplog.text + repr(status)


@pytest.mark.parametrize(
    "url",
    [
        "https://idp.example@evil.example/keys",
        "https://idp.example:pw@evil.example/keys",
        "https://@evil.example/keys",
        "https://evil.example\\@idp.example/keys",
        "https://evil.example#@idp.example/keys",
        "https://evil.example#idp.example",
        "//evil.example/keys",
        "https:evil.example",
        "https://evil.example\t.idp.example/keys",
        "https://idp.example\n@evil.example/",
        "https://idp%2Eexample/",
    ],
)
def test_b04_an_address_that_two_programs_could_read_differently_is_refused(url: str) -> None:
    for build in (RemoteJWKSet, RemoteJWKSet.discover, AsyncRemoteJWKSet, AsyncRemoteJWKSet.discover):
        with pytest.raises(ConfigurationError):
            build(url, insecure_loopback_http=True)


def test_b04_addresses_are_configured_and_never_come_out_of_a_token() -> None:
    example = Example()
    for kid in ("https://evil.example/keys", "//evil.example", "../../evil", "a?u=https://evil.example"):
        example.clock.advance(COOLDOWN)
        unknown(example.source, kid)
    assert set(example.transport.urls) == {URL}


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://idp.example/keys",
        'data:application/json,{"keys":[]}',
        "http://idp.example/keys",
        "http://127.0.0.1/keys",
        "gopher://idp.example/",
        "javascript:0",
        "unix:///run/keys",
        "httpss://idp.example/",
        "",
    ],
)
def test_b05_only_https_is_an_address_of_keys(url: str) -> None:
    for build in (RemoteJWKSet, RemoteJWKSet.discover, AsyncRemoteJWKSet, AsyncRemoteJWKSet.discover):
        with pytest.raises(ConfigurationError):
            build(url)


@pytest.mark.parametrize("uri", ["file:///etc/passwd", "http://idp.example/keys", "https://a@evil.example/"])
def test_b05_nor_is_what_the_metadata_of_the_issuer_names(uri: str) -> None:
    transport = MemoryTransport(published("a"))
    transport.put(OPENID_URL, metadata(jwks_uri=uri))
    transport.put(uri, answer(published("a")))
    source = RemoteJWKSet.discover(ISSUER, transport=transport)
    with pytest.raises(KeysUnavailable) as caught:
        source.refresh()
    assert caught.value.reason == f"jwks_uri_refused: {uri}"
    assert transport.urls == [OPENID_URL]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_b06_a_redirect_is_not_followed_and_the_reason_names_where_to(status: int) -> None:
    with (
        key_server(saying(published("a"))) as inside,
        key_server(saying(b"", status, location=inside.url())) as server,
    ):
        source = RemoteJWKSet(server.url(), insecure_loopback_http=True)
        with pytest.raises(KeysUnavailable) as caught:
            source.refresh()
    assert caught.value.reason == f"redirect_refused: {status} to {inside.url()}"
    assert inside.seen == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "10.0.0.1", "169.254.169.254"])
def test_b06_private_addresses_can_be_refused_before_any_connection(host: str) -> None:
    transport = StandardTransport(refuse_private_addresses=True)
    source = RemoteJWKSet(f"https://{host}:1/", transport=transport)
    with pytest.raises(KeysUnavailable) as caught:
        source.refresh()
    assert caught.value.reason.startswith("address_refused: ")


@pytest.mark.parametrize("works", [True, False])
def test_b10_ten_thousand_unknown_kids_make_one_fetch_for_each_cooldown(works: bool) -> None:
    example = Example()
    example.transport.put(URL, published("a") if works else SERVER_ERROR)
    example.clock.advance(COOLDOWN)
    for _ in range(10_000):
        unknown(example.source, secrets.token_hex(8))
    assert example.fetches == 2
    # Five cooldowns of ten seconds at a time: the cooldown begins when an attempt ends, so no more than five.
    for _ in range(15):
        example.clock.advance(10)
        for _ in range(100):
            unknown(example.source, secrets.token_hex(8))
    assert 5 <= example.fetches <= 7


def test_b10_also_without_any_keys_the_cooldown_counts_attempts() -> None:
    clock, transport = FakeClock(), MemoryTransport(SERVER_ERROR)
    source = RemoteJWKSet(URL, clock=clock, transport=transport)
    for _ in range(1000):
        with pytest.raises(KeysUnavailable):
            find(source, "a")
    assert len(transport.requests) == 1


@pytest.mark.parametrize(
    "wipe",
    [
        SERVER_ERROR,
        answer(status=404),
        answer(b"<html><body>Maintenance</body></html>"),
        answer(b"{}"),
        answer(b""),
        answer(b'{"keys":"none"}'),
        answer(status=302, location="https://idp.example/login"),
        FetchFailed("timeout"),
    ],
)
def test_b11_an_error_does_not_wipe_the_keys_until_the_stale_cap(wipe: Response | FetchFailed) -> None:
    example = Example(stale_seconds=1000)
    example.transport.put(URL, wipe)
    for _ in range(int((LIFE + 1000) / 40)):
        example.clock.advance(40)
        assert find(example.source, "a").kid == "a"
        example.settle()
    example.clock.advance(40)
    with pytest.raises(KeysUnavailable):
        find(example.source, "a")
    assert example.fetches > 20


def test_b12_an_unknown_kid_on_a_hanging_endpoint_does_not_delay_known_ones() -> None:
    with key_server(saying(published("a"))) as server:
        clock = FakeClock()
        source = RemoteJWKSet(
            server.url(), clock=clock, insecure_loopback_http=True, timeout_seconds=LONG_SECONDS
        )
        known = find(source, "a")
        server.answer = silent
        clock.advance(COOLDOWN)
        assert server.arrived.acquire(timeout=LONG_SECONDS)
        waiting = in_threads(20, lambda: unknown(source, secrets.token_hex(8)))
        # From here on the endpoint hangs, and who waits for it waits.
        assert server.arrived.acquire(timeout=LONG_SECONDS)
        for _ in range(1000):
            assert find(source, "a") is known
        assert all(thread.is_alive() for thread in waiting)
        assert len(server.seen) == 2
        server.stopped.set()
        all_end(waiting)


def test_b13_five_hundred_callers_at_the_end_of_the_life_make_one_fetch_and_are_served_stale() -> None:
    example = Example()
    example.transport.gate.clear()
    example.clock.advance(LIFE)
    found: list[VerificationKey] = []
    all_end(in_threads(500, lambda: found.append(find(example.source, "a"))))
    assert len(found) == 500
    assert example.source.status().is_fetching
    assert example.fetches == 2
    example.transport.gate.set()
    example.settle()
    assert example.fetches == 2


def test_b13_five_hundred_callers_after_a_sleep_make_one_fetch_and_get_the_new_keys() -> None:
    example = Example()
    example.transport.gate.clear()
    example.transport.put(URL, published("b"))
    example.clock.advance(10 * LIFE)
    found: list[VerificationKey] = []
    callers = in_threads(500, lambda: found.append(find(example.source, "b")))
    example.transport.gate.set()
    all_end(callers)
    assert len(found) == 500
    assert example.fetches == 2


async def test_b13_five_hundred_coroutines_make_one_fetch() -> None:
    with key_server(saying(published("a"))) as server:
        source = AsyncRemoteJWKSet(server.url(), insecure_loopback_http=True, timeout_seconds=LONG_SECONDS)
        found = await asyncio.gather(*(source.refresh() for _ in range(500)))
        assert len(set(map(id, found))) == 1
        assert len(server.seen) == 1


def test_b14_a_withdrawn_key_is_refused_after_the_life_of_the_set() -> None:
    example = Example(published("a", "old"))
    example.transport.put(URL, published("a"))
    assert find(example.source, "old").kid == "old"
    example.clock.advance(0.8 * LIFE)
    example.source.current()
    example.settle()
    unknown(example.source, "old")


def test_b14_a_program_that_slept_asks_before_it_trusts_a_withdrawn_key() -> None:
    for seconds in (LIFE + 30, 3600, STALE):
        example = Example(published("a", "old"))
        example.transport.put(URL, published("a"))
        example.clock.advance(seconds)
        unknown(example.source, "old")
        assert example.fetches == 2


def test_b14_a_max_age_of_a_year_does_not_keep_a_withdrawn_key_for_a_year() -> None:
    example = Example(answer(published("a", "old"), cache_control="max-age=31536000"))
    example.transport.put(URL, published("a"))
    example.clock.advance(3600 + 30)
    unknown(example.source, "old")


def test_b14_an_issuer_who_withdraws_every_key_is_believed() -> None:
    example = Example()
    example.transport.put(URL, published())
    example.clock.advance(LIFE + 30)
    unknown(example.source, "a")


@pytest.mark.parametrize(
    ("hostile", "reason"),
    [
        (saying(published(also=[{"kty": "EC"}] * 10_000)), "too_large|jwk_set_refused"),
        (saying(published(also=[{"a": 1}] * 101)), "jwk_set_refused"),
        (saying(b'{"keys":' + b"[" * 50_000 + b"]" * 50_000 + b"}"), "jwk_set_refused"),
        (saying(b'{"a":' * 20_000 + b"1" + b"}" * 20_000), "jwk_set_refused"),
        (saying(b'{"keys":[],"keys":[]}'), "jwk_set_refused: duplicate_member"),
        (saying(b'{"keys":[{"kty":"EC","kty":"RSA"}]}'), "jwk_set_refused: duplicate_member"),
        (saying(b'{"keys":[],"n":' + b"9" * 100_000 + b"}"), "jwk_set_refused"),
        (flooding(head(content_length="100000000"), b" " * 65536), "too_large"),
        (flooding(head(), b" " * 65536), "too_large"),
        (flooding(head(transfer_encoding="chunked"), b"1\r\n \r\n" * 10_000), "too_large"),
        (flooding(head(transfer_encoding="chunked") + b"0\r\n", b"x: y\r\n" * 10_000), "too_large"),
        (flooding(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000), "too_large"),
        (saying(b"\x1f\x8b" + b"\0" * 1000, content_encoding="gzip"), "content_encoding_refused"),
        (saying(b"<!doctype html>", content_type="text/html"), "jwk_set_refused: malformed"),
    ],
)
def test_b15_a_hostile_answer_is_refused_with_a_reason_and_the_old_keys_stay(
    hostile: Any, reason: str
) -> None:
    with key_server(saying(published("a"))) as server:
        clock = FakeClock()
        source = RemoteJWKSet(
            server.url(), clock=clock, insecure_loopback_http=True, timeout_seconds=LONG_SECONDS
        )
        keys = source.refresh()
        server.answer = hostile
        clock.advance(COOLDOWN)
        assert source.refresh(keys) is keys
        found = source.status().last_error
    assert found is not None
    assert found.startswith(tuple(reason.split("|")))


@pytest.mark.parametrize(
    "drip",
    [
        dripping(b"", b"H"),
        dripping(b"HTTP/1.1 200 OK\r\nx: ", b"y"),
        dripping(head(content_length="4000"), b" "),
        dripping(head(transfer_encoding="chunked"), b"1\r\n \r\n"),
    ],
    ids=["status", "headers", "body", "chunks"],
)
def test_b15_a_server_that_drips_is_left_at_the_deadline(drip: Any) -> None:
    """Each drop comes in a tenth of the timeout, so that a timeout for each read would never end it."""
    with key_server(drip) as server:
        source = RemoteJWKSet(server.url(), insecure_loopback_http=True, timeout_seconds=0.2)
        with pytest.raises(KeysUnavailable):
            source.refresh()
        ends_at = time.monotonic() + LONG_SECONDS
        while source.status().is_fetching:
            assert time.monotonic() < ends_at
            time.sleep(0.005)
        assert source.status().last_error == "timeout"


def test_b16_one_bad_key_leaves_the_good_ones(caplog: pytest.LogCaptureFixture) -> None:
    bad: list[Any] = [
        {"kty": "XYZ", "kid": "x"},
        {"kty": "EC", "crv": "P-9", "kid": "y"},
        {"kty": "RSA", "n": "AQ", "e": "AQ"},
        {"kid": 7},
        7,
        None,
        jwk("b") | {"use": "enc"},
    ]
    example = Example(published("a", also=bad))
    assert find(example.source, "a").kid == "a"
    assert len(example.source.status().skipped) == len(bad)
    assert example.source.status().last_error is None
    ends_at = time.monotonic() + LONG_SECONDS
    while caplog.text.count("left out") < len(bad):
        assert time.monotonic() < ends_at
        time.sleep(0.001)


def test_b19_an_issuer_that_only_a_token_names_is_never_asked() -> None:
    """There is no way to say whom to ask but building the source; a refresh takes keys, and nothing of a token."""
    transport = MemoryTransport(published("a"))
    transport.put(OPENID_URL, metadata())
    source = RemoteJWKSet.discover(ISSUER, transport=transport)
    token = jwt.sign({"iss": "https://evil.example"}, generate("ES256"), typ="at+jwt")
    unknown(source, str(unverified_header(token)["kid"]))
    assert transport.urls == [OPENID_URL, URL]


def test_b20_a_new_key_under_an_old_kid_is_found_by_one_bounded_refresh() -> None:
    old, new = (generate("ES256") for _ in range(2))
    assert isinstance(old, ECPrivateKey)
    assert isinstance(new, ECPrivateKey)
    example = Example(published(also=[old.public_key().to_jwk() | {"kid": "k"}]))
    signature = new.sign(b"what is signed")
    with pytest.raises(InvalidToken):
        find(example.source, "k").verify(b"what is signed", signature)
    example.transport.put(URL, published(also=[new.public_key().to_jwk() | {"kid": "k"}]))
    example.clock.advance(COOLDOWN)
    keys: JWKSet = example.source.refresh(example.keys)
    assert keys is not example.keys
    keys.find("k", algorithms.ES256).verify(b"what is signed", signature)
    # A flood of bad signatures makes no more.
    for _ in range(100):
        assert example.source.refresh(keys) is keys
    assert example.fetches == 2


@pytest.mark.parametrize(
    "issuer",
    [
        "https://evil.example",
        ISSUER + "/",
        ISSUER + "?",
        ISSUER.replace("tenant", "Tenant"),
        ISSUER.replace("idp", "IDP"),
        ISSUER.replace("https://idp.example", "https://idp.example:443"),
        ISSUER.replace("tenant", "%74enant"),
        " " + ISSUER,
        "",
    ],
)
def test_b21_metadata_of_another_issuer_is_refused_byte_for_byte(issuer: str) -> None:
    transport = MemoryTransport(published("a"))
    transport.put(OPENID_URL, metadata(issuer))
    source = RemoteJWKSet.discover(ISSUER, transport=transport)
    with pytest.raises(KeysUnavailable) as caught:
        source.refresh()
    assert caught.value.reason.startswith("metadata_issuer_mismatch")
    assert transport.urls == [OPENID_URL]


@pytest.mark.parametrize("issuer", [None, 7, [ISSUER], {"a": ISSUER}, True])
def test_b21_metadata_whose_issuer_is_no_string_is_refused(issuer: Any) -> None:
    transport = MemoryTransport(published("a"))
    transport.put(OPENID_URL, metadata(issuer))
    with pytest.raises(KeysUnavailable) as caught:
        RemoteJWKSet.discover(ISSUER, transport=transport).refresh()
    assert caught.value.reason.startswith("metadata_issuer_mismatch")


async def test_h08_a_fetch_does_not_hold_up_the_event_loop() -> None:
    """The server answers only after the loop has turned a hundred times; a loop that stands is never answered."""
    turned = threading.Event()

    def late(server: KeyServer, seen: Seen, say: Say) -> None:
        if turned.wait(10):
            saying(published("a"))(server, seen, say)

    with key_server(late) as server:
        source = AsyncRemoteJWKSet(server.url(), insecure_loopback_http=True, timeout_seconds=LONG_SECONDS)
        waiter = asyncio.create_task(source.refresh())
        for _ in range(100):
            await asyncio.sleep(0.001)
        turned.set()
        assert len(await waiter) == 1


async def test_h08_asking_for_current_keys_never_waits_for_the_endpoint() -> None:
    clock = FakeClock()
    with key_server(saying(published("a"))) as server:
        source = AsyncRemoteJWKSet(
            server.url(), clock=clock, insecure_loopback_http=True, timeout_seconds=LONG_SECONDS
        )
        keys = await source.refresh()
        server.answer = silent
        clock.advance(LIFE)
        for _ in range(100):
            assert source.current() is keys
            await asyncio.sleep(0)
        assert source.status().is_fetching
        await source.aclose()


def test_requests_that_are_answered_carry_nothing_that_could_be_stolen() -> None:
    seen: list[Request] = []

    def look(request: Request) -> Response:
        seen.append(request)
        return answer(published("a"))

    Example(look)
    assert {"authorization", "cookie"} & {
        name.lower() for request in seen for name in request.headers
    } == set()
