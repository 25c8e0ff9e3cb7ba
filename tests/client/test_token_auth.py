"""Which requests get the token, and which are sent a second time."""

import io
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from tests.client.conftest import ME, Place
from tests.client.web import REFUSED, Answered, Seen, Web, before, forward, web

from tokenward.client import IssuerUnavailable, TokenAuth, TokenwardClient
from tokenward.clock import FakeClock
from tokenward.errors import ConfigurationError


@pytest.fixture
def api() -> Iterator[Web]:
    """An API that answers 200, unless a test tells it otherwise."""
    with web(lambda seen: Answered()) as server:
        yield server


@pytest.fixture
def other() -> Iterator[Web]:
    """Somebody else's server."""
    with web(lambda seen: Answered()) as server:
        yield server


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def client(place: Place, clock: FakeClock) -> TokenwardClient:
    return place.signed_in(clock=clock)


def refuse(api: Web, first: str) -> None:
    """Have the API refuse this one token."""
    api.answer = lambda seen: (
        Answered(401, REFUSED) if seen.authorization == f"Bearer {first}" else Answered(200)
    )


def test_the_token_goes_to_the_named_origins_only(client: TokenwardClient, api: Web, other: Web) -> None:
    with httpx.Client(auth=TokenAuth(client, origins=[api.url])) as http:
        http.get(f"{api.url}/orders?x=1")
        http.get(f"{other.url}/orders")
        # The name of this machine is another origin than its number, and the header is not the address.
        http.get(api.url.replace("127.0.0.1", "localhost"))
        http.get(other.url, headers={"host": api.url.removeprefix("http://")})
    assert [one.authorization for one in api.seen] == [f"Bearer {client.access_token()}", None]
    assert [one.authorization for one in other.seen] == [None, None]


def test_without_origins_it_is_for_the_issuer_alone(client: TokenwardClient, place: Place, api: Web) -> None:
    with httpx.Client(auth=TokenAuth(client)) as http:
        assert http.get(place.url + ME).json()["username"] == "ada"
        http.get(api.url)
    assert api.seen[0].authorization is None


def test_an_origin_that_is_named_leaves_out_the_issuer(
    client: TokenwardClient, place: Place, api: Web
) -> None:
    with httpx.Client(auth=TokenAuth(client, origins=[api.url])) as http:
        assert http.get(place.url + ME).json()["code"] == "missing_token"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("target", ["other", "localhost"])
def test_a_redirect_to_another_origin_does_not_take_the_token_along(
    client: TokenwardClient, api: Web, other: Web, status: int, target: str
) -> None:
    to = other.url if target == "other" else other.url.replace("127.0.0.1", "localhost")
    api.answer = lambda seen: Answered(status, {"Location": f"{to}/stolen"})
    other.answer = lambda seen: Answered(401, REFUSED)
    with httpx.Client(auth=TokenAuth(client, origins=[api.url]), follow_redirects=True) as http:
        assert http.get(api.url).status_code == 401
        assert http.post(api.url, content=b"x").status_code == 401
    assert [one.authorization for one in other.seen] == [None, None]


async def test_a_redirect_does_not_take_the_token_along_for_coroutines(
    client: TokenwardClient, api: Web, other: Web
) -> None:
    api.answer = lambda seen: Answered(307, {"Location": other.url})
    other.answer = lambda seen: Answered(401, REFUSED)
    auth = TokenAuth(client, origins=[api.url])
    async with httpx.AsyncClient(auth=auth, follow_redirects=True) as http:
        assert (await http.get(api.url)).status_code == 401
    assert [one.authorization for one in other.seen] == [None]


def test_a_redirect_that_the_application_follows_does_not_take_it_along_either(
    client: TokenwardClient, api: Web, other: Web
) -> None:
    api.answer = lambda seen: Answered(302, {"Location": other.url})
    with httpx.Client(auth=TokenAuth(client, origins=[api.url])) as http:
        following = http.get(api.url).next_request
        assert following is not None
        http.send(following)
    assert other.seen[0].authorization is None


def test_a_redirect_from_elsewhere_brings_no_token(client: TokenwardClient, api: Web, other: Web) -> None:
    other.answer = lambda seen: Answered(302, {"Location": api.url})
    with httpx.Client(auth=TokenAuth(client, origins=[api.url]), follow_redirects=True) as http:
        http.get(other.url)
    assert api.seen[0].authorization is None


def test_a_refused_token_is_replaced_and_the_request_sent_once_more(
    client: TokenwardClient, api: Web
) -> None:
    first = client.access_token()
    refuse(api, first)
    with httpx.Client(auth=TokenAuth(client, origins=[api.url])) as http:
        assert http.post(api.url, json={"a": 1}).status_code == 200
    assert [one.body for one in api.seen] == [b'{"a":1}'] * 2
    assert [one.authorization for one in api.seen] == [f"Bearer {first}", f"Bearer {client.access_token()}"]


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (401, {}),
        (401, {"WWW-Authenticate": 'Basic realm="x"'}),
        (401, {"WWW-Authenticate": 'Bearer realm="x"'}),
        (401, {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}),
        (401, {"WWW-Authenticate": 'DPoP error="invalid_token"'}),
        (403, REFUSED),
        (400, REFUSED),
        (500, REFUSED),
    ],
)
def test_no_other_answer_is_retried(
    client: TokenwardClient, place: Place, api: Web, status: int, headers: dict[str, str]
) -> None:
    was = place.counts()
    api.answer = lambda seen: Answered(status, headers)
    with httpx.Client(auth=TokenAuth(client, origins=[api.url])) as http:
        assert http.get(api.url).status_code == status
    assert len(api.seen) == 1
    assert place.counts() == was


async def test_an_api_that_refuses_every_token_is_asked_twice_and_then_believed(
    client: TokenwardClient, place: Place, clock: FakeClock, api: Web
) -> None:
    was = place.counts()
    api.answer = lambda seen: Answered(401, REFUSED)
    auth = TokenAuth(client, origins=[api.url, place.url])
    async with httpx.AsyncClient(auth=auth) as http:
        for _ in range(5):
            assert (await http.get(api.url)).status_code == 401
        assert len(api.seen) == 6
        assert place.counts() == (was[0] + 1, was[1])
        clock.advance(61)
        await http.get(api.url)
        assert place.counts() == (was[0] + 2, was[1])
        # It is the word of this API alone: another one that refuses the token gets a fresh one.
        place.revoke(await client.access_token_async())
        assert (await http.get(place.url + ME)).status_code == 200
        assert place.counts() == (was[0] + 3, was[1])


def test_after_a_redirect_only_the_request_that_was_refused_is_sent_again(
    client: TokenwardClient, api: Web
) -> None:
    first = client.access_token()

    def answer(seen: Seen) -> Answered:
        if seen.method == "POST":
            return Answered(303, {"Location": "/orders/1"})
        return Answered(401, REFUSED) if seen.authorization == f"Bearer {first}" else Answered(200)

    api.answer = answer
    with httpx.Client(auth=TokenAuth(client, origins=[api.url]), follow_redirects=True) as http:
        assert http.post(f"{api.url}/orders", json={}).status_code == 200
    # A second POST would be a second order.
    assert [(one.method, one.path) for one in api.seen] == [
        ("POST", "/orders"),
        ("GET", "/orders/1"),
        ("GET", "/orders/1"),
    ]


def test_an_authorization_of_the_application_at_another_origin_is_left_alone(
    client: TokenwardClient, api: Web, other: Web
) -> None:
    other.answer = lambda seen: Answered(401, REFUSED)
    with httpx.Client(auth=TokenAuth(client, origins=[api.url])) as http:
        http.get(other.url, headers={"authorization": "Bearer theirs"})
    assert [one.authorization for one in other.seen] == ["Bearer theirs"]


def pieces() -> Iterator[bytes]:
    yield b"one"
    yield b"two"


async def async_pieces() -> AsyncIterator[bytes]:
    yield b"one"
    yield b"two"


def test_a_body_that_is_used_up_is_not_sent_again_but_the_next_request_gets_a_fresh_token(
    client: TokenwardClient, api: Web
) -> None:
    first = client.access_token()
    refuse(api, first)
    with httpx.Client(auth=TokenAuth(client, origins=[api.url])) as http:
        assert http.post(api.url, content=pieces()).status_code == 401
        assert [one.body for one in api.seen] == [b"onetwo"]
        assert http.post(api.url, content=pieces()).status_code == 200
    assert [one.body for one in api.seen] == [b"onetwo"] * 2


def test_a_file_is_not_sent_again(client: TokenwardClient, api: Web) -> None:
    refuse(api, client.access_token())
    with httpx.Client(auth=TokenAuth(client, origins=[api.url])) as http:
        assert http.post(api.url, content=io.BytesIO(b"onetwo")).status_code == 401
        assert http.post(api.url, files={"f": io.BytesIO(b"onetwo")}).status_code == 200
    assert len(api.seen) == 2


async def test_a_stream_of_coroutines_is_not_sent_again(client: TokenwardClient, api: Web) -> None:
    refuse(api, await client.access_token_async())
    async with httpx.AsyncClient(auth=TokenAuth(client, origins=[api.url])) as http:
        assert (await http.post(api.url, content=async_pieces())).status_code == 401
        assert (await http.post(api.url, content=async_pieces())).status_code == 200
    assert [one.body for one in api.seen] == [b"onetwo"] * 2


def test_a_body_that_may_be_read_into_memory_is_sent_again(client: TokenwardClient, api: Web) -> None:
    auth = TokenAuth(client, origins=[api.url])
    auth.requires_request_body = True
    refuse(api, client.access_token())
    with httpx.Client(auth=auth) as http:
        assert http.post(api.url, content=pieces()).status_code == 200
    assert [one.body for one in api.seen] == [b"onetwo"] * 2


async def test_a_stream_of_coroutines_may_be_read_into_memory_too(client: TokenwardClient, api: Web) -> None:
    auth = TokenAuth(client, origins=[api.url])
    auth.requires_request_body = True
    refuse(api, await client.access_token_async())
    async with httpx.AsyncClient(auth=auth) as http:
        assert (await http.post(api.url, content=async_pieces())).status_code == 200
    assert [one.body for one in api.seen] == [b"onetwo"] * 2


def test_a_refused_token_that_cannot_be_replaced_is_an_error(
    place: Place, clock: FakeClock, api: Web
) -> None:
    with before(place.url) as between:
        client = place.signed_in(url=between.url, clock=clock)
        refuse(api, client.access_token())
        between.answer = lambda seen: Answered(404)
        with httpx.Client(auth=TokenAuth(client, origins=[api.url])) as http:
            with pytest.raises(IssuerUnavailable):
                http.get(api.url)
            between.answer = lambda seen: forward(place.url, seen)
            # Within the pause after the failure: nothing is asked, and the refused token is not taken for a good one.
            with pytest.raises(IssuerUnavailable):
                http.get(api.url)
            clock.advance(2)
            assert http.get(api.url).status_code == 200


@pytest.mark.parametrize(
    "origin",
    [
        "http://api.example.com",
        "https://api.example.com/v1",
        "https://api.example.com/?",
        "https://u@api.example.com",
        "ftp://api.example.com",
        "api.example.com",
        "*",
        "https://*.example.com",
        "",
    ],
)
def test_what_is_no_origin_is_refused_when_it_is_named(client: TokenwardClient, origin: str) -> None:
    with pytest.raises(ConfigurationError):
        TokenAuth(client, origins=[origin])


def test_one_string_is_no_list_of_origins(client: TokenwardClient) -> None:
    with pytest.raises(ConfigurationError, match="list"):
        TokenAuth(client, origins="https://api.example.com")


def test_http_needs_its_permission() -> None:
    client = TokenwardClient("https://auth.example.com")
    with pytest.raises(ConfigurationError):
        TokenAuth(client, origins=["http://127.0.0.1:1"])
    TokenAuth(client, origins=["https://api.example.com", "https://API.example.com:8443/", "https://[::1]"])
