"""What a client believes of an issuer, and where it sends secrets."""

import gzip
import json
import ssl
import threading
from collections.abc import Callable, Iterator

import httpx
import pytest
from tests.client.conftest import ME, NAME, REFRESH, Place
from tests.client.web import Answered, Seen, Web, before, forward, web
from tests.flows.servers import PASSWORD

from tokenward.client import (
    IssuerUnavailable,
    MemoryTokenStore,
    PasswordSignIn,
    SignInFailed,
    SignInRequired,
    TokenKey,
    TokenSet,
    TokenStoreUnavailable,
    TokenwardClient,
)
from tokenward.errors import ConfigurationError

LOGIN = "/api/v1/auth/login"
LOGOUT = "/api/v1/auth/logout"
GOOD = {
    "access_token": "a.b.c",
    "token_type": "Bearer",
    "expires_in": 900,
    "refresh_token": "twr_x",
    "scope": "s",
}


@pytest.fixture
def issuer() -> Iterator[Web]:
    """A server that answers what a test says."""
    with web(lambda seen: Answered(body=json.dumps(GOOD).encode())) as server:
        yield server


def client_of(url: str, **more: float) -> TokenwardClient:
    return TokenwardClient(url, store=MemoryTokenStore(), insecure_loopback_http=True, **more)  # type: ignore[arg-type]


def sign_in(client: TokenwardClient, password: str = PASSWORD) -> None:
    client.sign_in(PasswordSignIn(NAME, password))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"token_type": "DPoP"}, "status_200"),
        ({"token_type": None}, "status_200"),
        ({"access_token": ""}, "status_200"),
        ({"access_token": "a\r\nx-admin: 1"}, "status_200"),
        ({"access_token": "a b"}, "status_200"),
        ({"access_token": 1}, "status_200"),
        ({"access_token": "a" * 20_000}, "status_200"),
        ({"refresh_token": None}, "status_200"),
        ({"refresh_token": "\u00e9"}, "status_200"),
        ({"expires_in": 0}, "status_200"),
        ({"expires_in": -1}, "status_200"),
        ({"expires_in": "900"}, "status_200"),
        ({"expires_in": 10**12}, "status_200"),
        ({"expires_in": 1.5}, "status_200"),
        ({"scope": 7}, "status_200"),
    ],
)
def test_an_answer_that_is_no_token_answer_is_refused(
    issuer: Web, change: dict[str, object], reason: str
) -> None:
    issuer.answer = lambda seen: Answered(body=json.dumps(GOOD | change).encode())
    with pytest.raises(IssuerUnavailable) as caught:
        sign_in(client_of(issuer.url))
    assert caught.value.reason == reason


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"\xff", b'"text"'])
@pytest.mark.parametrize("status", [200, 404, 500, 503])
def test_rubbish_is_a_clear_error(issuer: Web, status: int, body: bytes) -> None:
    issuer.answer = lambda seen: Answered(status, body=body)
    with pytest.raises(IssuerUnavailable) as caught:
        sign_in(client_of(issuer.url))
    assert ("not a Tokenward server" in str(caught.value)) == (status in (200, 404))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_password_and_no_refresh_token_follows_a_redirect(issuer: Web, status: int) -> None:
    with web(lambda seen: Answered(body=json.dumps(GOOD).encode())) as thief:
        client = client_of(issuer.url)
        sign_in(client)
        issuer.answer = lambda seen: Answered(status, {"Location": thief.url + seen.path})
        uses: list[Callable[[], None]] = [lambda: sign_in(client), client.sign_out]
        for use in uses:
            with pytest.raises(IssuerUnavailable):
                use()
        assert thief.seen == []


def test_an_answer_that_is_too_long_is_not_read_to_its_end(issuer: Web) -> None:
    issuer.answer = lambda seen: Answered(body=json.dumps(GOOD).encode() + b" " * 100_000)
    with pytest.raises(IssuerUnavailable) as caught:
        sign_in(client_of(issuer.url))
    assert caught.value.reason == "no_answer: DecodingError"


def test_a_packed_answer_is_not_unpacked(issuer: Web) -> None:
    packed = gzip.compress(json.dumps(GOOD).encode())
    issuer.answer = lambda seen: Answered(200, {"Content-Encoding": "gzip"}, packed)
    with pytest.raises(IssuerUnavailable) as caught:
        sign_in(client_of(issuer.url))
    assert caught.value.reason == "no_answer: DecodingError"
    assert issuer.seen[0].headers["accept-encoding"] == "identity"


def test_an_issuer_that_does_not_answer_is_not_waited_for_longer_than_was_said(issuer: Web) -> None:
    done = threading.Event()
    issuer.answer = lambda seen: Answered() if done.wait(20) else None
    with pytest.raises(IssuerUnavailable) as caught:
        sign_in(client_of(issuer.url, timeout_seconds=0.3))
    assert caught.value.reason.startswith("no_answer: ReadTimeout")
    done.set()


def test_an_issuer_that_is_not_there_is_a_clear_error() -> None:
    with pytest.raises(IssuerUnavailable, match="cannot be reached"):
        sign_in(client_of("http://127.0.0.1:1"))


def test_what_goes_to_this_machine_goes_by_no_proxy(issuer: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    with web(lambda seen: Answered(body=json.dumps(GOOD).encode())) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        sign_in(client_of(issuer.url))
        assert proxy.seen == []
    assert len(issuer.seen) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://auth.example.com",
        "http://127.0.0.1:8080",
        "https://u:p@auth.example.com",
        "https://auth.example.com/?a=1",
        "https://auth.example.com/?",
        "https://auth.example.com/#a",
        "ftp://auth.example.com",
        "auth.example.com",
        "",
    ],
)
def test_an_issuer_must_be_an_https_address(url: str) -> None:
    with pytest.raises(ConfigurationError):
        TokenwardClient(url, store=MemoryTokenStore())


def test_http_is_allowed_for_this_machine_alone() -> None:
    with pytest.raises(ConfigurationError):
        client_of("http://auth.example.com")


def test_the_error_of_a_failed_sign_in_does_not_lead_to_the_password(issuer: Web) -> None:
    issuer.answer = lambda seen: None
    with pytest.raises(IssuerUnavailable) as caught:
        sign_in(client_of(issuer.url))
    # An error of httpx holds the request, and that its body; a collector of errors may keep it.
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


@pytest.mark.parametrize("account", ["", "a" * 65, "a\nb"])
def test_an_account_is_a_short_printable_name(account: str) -> None:
    with pytest.raises(ConfigurationError):
        TokenwardClient("https://auth.example.com", account=account, store=MemoryTokenStore())


@pytest.mark.parametrize("seconds", [0, -1, 301])
def test_a_timeout_is_some_seconds(seconds: float) -> None:
    with pytest.raises(ConfigurationError):
        client_of("https://auth.example.com", timeout_seconds=seconds)


def test_a_context_that_checks_nothing_is_refused() -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    with pytest.raises(ConfigurationError):
        TokenwardClient("https://auth.example.com", store=MemoryTokenStore(), ssl_context=context)


@pytest.mark.parametrize(
    ("spelled", "url"),
    [
        ("https://Auth.Example.com:443/", "https://auth.example.com"),
        ("https://auth.example.com:8443/sso/", "https://auth.example.com:8443/sso"),
        ("https://[::0:1]/", "https://[::1]"),
    ],
)
def test_one_issuer_has_one_address(spelled: str, url: str) -> None:
    client = TokenwardClient(spelled, store=MemoryTokenStore())
    assert client.issuer == url
    assert client.origin == url.removesuffix("/sso")


def test_a_wrong_password_is_told_as_the_server_tells_it_and_keeps_the_earlier_tokens(place: Place) -> None:
    client = place.signed_in()
    token = client.access_token()
    with pytest.raises(SignInFailed, match="name or the password is wrong") as caught:
        sign_in(client, "not it")
    assert caught.value.reason == "invalid_credentials"
    assert client.access_token() == token


@pytest.mark.parametrize("detail", ["\x1b[2Jgone", "a" * 301, "", 7])
def test_what_a_terminal_should_not_show_is_not_passed_on(issuer: Web, detail: object) -> None:
    issuer.answer = lambda seen: Answered(401, body=json.dumps({"code": "x", "detail": detail}).encode())
    with pytest.raises(SignInFailed) as caught:
        sign_in(client_of(issuer.url))
    assert str(caught.value) == SignInFailed.description


def test_too_many_attempts_say_when_to_try_again(issuer: Web) -> None:
    issuer.answer = lambda seen: Answered(429, {"Retry-After": "17"})
    with pytest.raises(IssuerUnavailable, match="17 seconds") as caught:
        sign_in(client_of(issuer.url))
    assert caught.value.retry_after_seconds == 17


def is_alive(place: Place, tokens: TokenSet) -> bool:
    answer = httpx.get(place.url + ME, headers={"authorization": f"Bearer {tokens.access_token}"})
    return answer.status_code == 200


def kept(store: MemoryTokenStore, place: Place) -> TokenSet:
    tokens = store.load(TokenKey(place.url, "default"))
    assert tokens is not None
    return tokens


def test_signing_in_again_ends_the_session_that_it_replaces(place: Place) -> None:
    store = MemoryTokenStore()
    client = place.signed_in(store)
    first = kept(store, place)
    sign_in(client)
    assert not is_alive(place, first)
    assert is_alive(place, kept(store, place))


def test_a_sign_in_that_cannot_be_kept_ends_its_session(place: Place) -> None:
    class Full(MemoryTokenStore):
        taken: TokenSet | None = None

        def save(self, key: TokenKey, tokens: TokenSet) -> None:
            self.taken = tokens
            raise TokenStoreUnavailable(reason="disk_full")

    store = Full()
    with pytest.raises(TokenStoreUnavailable):
        place.signed_in(store)
    assert store.taken is not None
    assert not is_alive(place, store.taken)


def test_signing_out_ends_the_session_and_forgets_it(place: Place) -> None:
    store = MemoryTokenStore()
    client = place.signed_in(store)
    tokens = kept(store, place)
    client.sign_out()
    assert not is_alive(place, tokens)
    with pytest.raises(SignInRequired):
        client.access_token()
    with pytest.raises(SignInRequired):
        client.sign_out()


def test_signing_out_of_a_session_that_has_ended_already_is_no_error(place: Place) -> None:
    client = place.signed_in()
    place.end_session(client.access_token())
    client.sign_out()


def test_signing_out_keeps_the_tokens_when_the_issuer_does_not_answer(place: Place) -> None:
    store = MemoryTokenStore()
    with before(place.url) as between:
        client = place.signed_in(store, url=between.url)
        between.answer = lambda seen: None
        with pytest.raises(IssuerUnavailable):
            client.sign_out()
        assert client.access_token()
        between.answer = lambda seen: forward(place.url, seen)
        client.sign_out()


def test_signing_out_again_after_a_lost_answer_succeeds(place: Place) -> None:
    def lose(seen: Seen) -> Answered | None:
        forward(place.url, seen)
        return None

    with before(place.url) as between:
        client = place.signed_in(url=between.url)
        between.answer = lose
        with pytest.raises(IssuerUnavailable):
            client.sign_out()
        between.answer = lambda seen: forward(place.url, seen)
        client.sign_out()


def test_signing_out_everywhere_ends_the_other_devices(place: Place) -> None:
    phone, store = place.signed_in(), MemoryTokenStore()
    laptop = place.signed_in(store)
    # Refused before its time; the session itself lives, and is what counts.
    place.revoke(laptop.access_token())
    laptop.sign_out(everywhere=True)
    assert store.load(TokenKey(place.url, "default")) is None
    with pytest.raises(SignInRequired):
        laptop.access_token()
    place_of_phone = httpx.get(place.url + ME, headers={"authorization": f"Bearer {phone.access_token()}"})
    assert place_of_phone.status_code == 401


def test_forgetting_tells_nobody(place: Place) -> None:
    store = MemoryTokenStore()
    client = place.signed_in(store)
    tokens = kept(store, place)
    client.forget()
    assert store.load(TokenKey(place.url, "default")) is None
    assert is_alive(place, tokens)


def test_another_way_to_sign_in_fits_beside_the_password(place: Place) -> None:
    class Given:
        """A way that brings tokens from somewhere else."""

        def __init__(self, obtain: Callable[[], TokenSet]) -> None:
            self._obtain = obtain

        def obtain(self, issuer: object) -> TokenSet:
            return self._obtain()

    store = MemoryTokenStore()
    place.signed_in(store)
    other = place.client(MemoryTokenStore())
    other.sign_in(Given(lambda: kept(store, place)))
    assert other.access_token() == kept(store, place).access_token


def test_the_requests_are_the_documented_ones(place: Place) -> None:
    with before(place.url) as between:
        client = place.signed_in(url=between.url)
        client.sign_out()
    assert [(one.method, one.path) for one in between.seen] == [("POST", LOGIN), ("POST", LOGOUT)]
    assert json.loads(between.seen[0].body) == {"username": NAME, "password": PASSWORD}
    assert [*json.loads(between.seen[1].body)] == ["refresh_token"]
    assert REFRESH not in {one.path for one in between.seen}
