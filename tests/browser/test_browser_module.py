"""`tokenward.js` in a real browser: many tabs, a bad network, APIs of other origins, and where the token never is."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route
from tests.browser.pages import Api, api_server, chromium, page_server
from tests.docs.pages import development_server, run_blocks

PASSWORD = "seven green boats at noon"
# A refresh less than this after the last one is the same one to the server.
COALESCED_SECONDS = 10
HOUR_MS = 3_600_000
# What the browser itself says of an answer that is an error; not ours to prevent.
BROWSER_SAYS = "Failed to load resource"

# Shifts the clock on the wall, and tells of each event that the module dispatches.
CLOCK = "window.shift = %d; { const now = Date.now; Date.now = () => now.call(Date) + window.shift; }"
MODULE = """
import {createAuth, AuthError} from '%s/tokenward.js';
window.auth = createAuth({issuer: '%s', origins: [%s]});
window.AuthError = AuthError;
window.heard = [];
for (const type of ['signed-in', 'signed-out', 'refreshed', 'error'])
  auth.addEventListener(type, (event) => heard.push([type, event.detail.code ?? event.detail.error?.code ?? '']));
"""
SIGN_IN = f"() => auth.signIn({{username: 'ada', password: '{PASSWORD}'}})"
OUTCOME = "(work) => work().then((value) => value ?? null, (error) => error.code ?? String(error))"


class Place(NamedTuple):
    """A server, the port of a listed page, an API that the token is for, one that it is not for, and a browser."""

    base: str
    port: int
    api: Api
    foreign: Api
    browser: Browser

    def rotated(self) -> int:
        text = httpx.get(f"{self.base}/metrics", trust_env=False).text
        return int(float(re.search(r'tokenward_refreshes_total\{outcome="rotated"\} (\S+)', text)[1]))  # type: ignore[index]


class Tabs:
    """Tabs of one browser profile with the module in each."""

    def __init__(self, place: Place, context: BrowserContext) -> None:
        self.place = place
        self.context = context
        self.console: list[str] = []
        self.refreshes: list[str] = []
        context.on("console", lambda line: self.console.append(line.text))
        context.on("weberror", lambda error: self.console.append(str(error.error)))
        context.on(
            "request", lambda it: self.refreshes.append(it.url) if it.url.endswith("/refresh") else None
        )

    def open(self, *, shift: int = 0, host: str = "127.0.0.1", before: str = "") -> Page:
        page = self.context.new_page()
        page.add_init_script(CLOCK % shift + before)
        page.goto(f"http://{host}:{self.place.port}/")
        self.load(page)
        return page

    def load(self, page: Page) -> None:
        base = self.place.base
        page.add_script_tag(content=MODULE % (base, base, f"'{self.place.api.base}'"), type="module")
        page.wait_for_function("window.heard")

    def eight(self) -> list[Page]:
        tabs = [self.open() for _ in range(8)]
        tabs[0].evaluate(SIGN_IN)
        for tab in tabs:
            tab.wait_for_function("auth.user?.username === 'ada'")
        return tabs


def outcome(page: Page, expression: str) -> Any:
    """What a promise brings, or the code of its error."""
    return page.evaluate(f"() => ({OUTCOME})(async () => {expression})")


def start(page: Page, expression: str) -> None:
    page.evaluate(f"() => {{ window.started = ({OUTCOME})(async () => {expression}); }}")


def started(page: Page) -> Any:
    return page.evaluate("() => window.started")


def expire(*tabs: Page) -> None:
    for tab in tabs:
        tab.evaluate(f"shift += {HOUR_MS}")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("module") / "checkout"
    with ExitStack() as stack:
        port = stack.enter_context(page_server())
        api, foreign = stack.enter_context(api_server()), stack.enter_context(api_server())
        browser = stack.enter_context(chromium())
        origins = f"http://127.0.0.1:{port},http://localhost:{port}"
        server = stack.enter_context(development_server(folder, TOKENWARD_BROWSER_ORIGINS=origins))
        body = json.dumps({"username": "ada", "password": PASSWORD})
        line = (
            f"curl -sf {server.base}/api/v1/auth/register -H 'content-type: application/json' -d '{body}'\n"
        )
        run_blocks(server, [line])
        api.away = f"{foreign.base}/landed"
        yield Place(server.base, port, api, foreign, browser)


@pytest.fixture
def tabs(place: Place) -> Iterator[Tabs]:
    place.api.seen.clear()
    place.foreign.seen.clear()
    with place.browser.new_context() as context:
        context.set_default_timeout(20_000)
        tabs = Tabs(place, context)
        yield tabs
        assert [line for line in tabs.console if not line.startswith(BROWSER_SAYS)] == []


def me(place: Place) -> str:
    return f"(await auth.fetch('{place.base}/api/v1/users/me')).status"


def test_eight_tabs_with_one_expired_token_make_one_refresh_also_when_the_network_is_slow(
    place: Place, tabs: Tabs
) -> None:
    pages = tabs.eight()
    time.sleep(COALESCED_SECONDS + 0.5)
    before, sent = place.rotated(), len(tabs.refreshes)

    def slowly(route: Route) -> None:
        time.sleep(1.5)
        route.continue_()

    tabs.context.route("**/auth/refresh", slowly)
    expire(*pages)
    for page in pages:
        start(page, me(place))
    assert [started(page) for page in pages] == [200] * 8
    assert place.rotated() - before == 1
    # The others got the token from the tab that asked.
    assert len(tabs.refreshes) - sent == 1
    assert outcome(pages[7], "await auth.token()") == outcome(pages[0], "await auth.token()")


def test_tabs_without_locks_and_channel_stay_signed_in(place: Place, tabs: Tabs) -> None:
    old = "delete Navigator.prototype.locks; delete window.BroadcastChannel; delete AbortSignal.any;"
    pages = [tabs.open(before=old) for _ in range(3)]
    pages[0].evaluate(SIGN_IN)
    before = place.rotated()
    expire(*pages)
    for page in pages:
        start(page, me(place))
    assert [started(page) for page in pages] == [200] * 3
    assert place.rotated() - before <= 1
    pages[0].evaluate("() => auth.signOut()")
    assert outcome(pages[1], me(place)) == "invalid_grant"


def test_an_answer_that_was_lost_signs_nobody_out(place: Place, tabs: Tabs) -> None:
    page = tabs.open()
    page.evaluate(SIGN_IN)
    time.sleep(COALESCED_SECONDS + 0.5)
    lost: list[int] = []

    def lose(route: Route) -> None:
        if lost:
            route.continue_()
            return
        cookies = "; ".join(f"{it['name']}={it['value']}" for it in tabs.context.cookies(place.base))
        headers = {**route.request.headers, "cookie": cookies}
        answer = httpx.post(
            route.request.url, headers=headers, content=route.request.post_data or "", trust_env=False
        )
        lost.append(answer.status_code)
        route.abort()

    before = place.rotated()
    tabs.context.route("**/auth/refresh", lose)
    expire(page)
    assert outcome(page, me(place)) == 200
    assert (lost, place.rotated() - before) == ([200], 1)
    assert "signed-out" not in str(page.evaluate("heard"))


def test_the_token_goes_to_the_listed_api_and_to_no_other_origin(place: Place, tabs: Tabs) -> None:
    page = tabs.open()
    page.evaluate(SIGN_IN)
    api, foreign = place.api, place.foreign
    assert (
        outcome(page, f"(await auth.fetch('{api.base}/notes', {{method: 'PUT', body: 'a note'}})).status")
        == 200
    )
    token = outcome(page, "await auth.token()")
    assert api.seen == [("PUT", "/notes", f"Bearer {token}", "a note")]
    assert outcome(page, f"(await auth.fetch('{foreign.base}/notes')).status") == 200
    assert outcome(page, f"(await auth.fetch('{api.base}/away')).status") == "redirect_refused"
    assert foreign.seen == [("GET", "/notes", "", "")]
    # Who asks for it is taken there, and the token is not.
    assert outcome(page, f"(await auth.fetch('{api.base}/away', {{redirect: 'follow'}})).status") == 200
    assert foreign.seen[1:] == [("GET", "/landed", "", "")]


def test_a_refused_token_is_replaced_once_and_the_body_sent_again(place: Place, tabs: Tabs) -> None:
    page = tabs.open()
    page.evaluate(SIGN_IN)
    api = place.api
    refused = f"(await auth.fetch('{api.base}/refuse-once', {{method: 'POST', body: 'twice'}})).status"
    assert outcome(page, refused) == 200
    tokens = {token for _, _, token, body in api.seen if body == "twice"}
    assert (len(api.seen), len(tokens)) == (2, 2)
    # One that is refused always is asked twice, one that wants something else or reads a stream once.
    for path, times in (("refuse", 2), ("basic", 1)):
        api.seen.clear()
        assert outcome(page, f"(await auth.fetch('{api.base}/{path}')).status") == 401
        assert len(api.seen) == times


def test_a_sign_out_ends_all_tabs_at_once_and_a_refresh_under_way_brings_nothing_back(
    place: Place, tabs: Tabs
) -> None:
    pages = tabs.eight()

    def slowly(route: Route) -> None:
        time.sleep(1)
        route.continue_()

    tabs.context.route("**/auth/refresh", slowly)
    for page in pages[2:]:
        start(page, f"(await auth.fetch('{place.api.base}/slow')).status")
    expire(pages[1])
    start(pages[1], me(place))
    began = time.monotonic()
    pages[0].evaluate("() => auth.signOut()")
    assert [started(page) for page in pages[1:]] == ["signed_out"] * 7
    assert time.monotonic() - began < place.api.slow_seconds
    assert [page.evaluate("auth.user") for page in pages] == [None] * 8
    assert [page.evaluate("heard.at(-1)") for page in pages] == [["signed-out", "signed_out"]] * 8
    assert [outcome(page, me(place)) for page in pages] == ["signed_out"] * 8
    tabs.context.unroute("**/auth/refresh")
    assert outcome(pages[1], "auth.restore()") is None
    assert [it["name"] for it in tabs.context.cookies(place.base)] == ["__Host-tokenward-device"]


def test_a_session_that_ended_elsewhere_is_told_in_all_tabs(place: Place, tabs: Tabs) -> None:
    first, second, other = tabs.open(), tabs.open(), place.browser.new_context()
    with other:
        elsewhere = Tabs(place, other).open()
        elsewhere.evaluate(SIGN_IN)
        first.evaluate(SIGN_IN)
        second.wait_for_function("auth.user")
        elsewhere.evaluate("() => auth.signOutEverywhere()")
    assert outcome(first, me(place)) == "invalid_grant"
    second.wait_for_function("auth.user === null")
    assert first.evaluate("heard.at(-1)") == ["signed-out", "invalid_grant"]


def test_a_network_that_is_down_and_a_busy_server_sign_nobody_out(place: Place, tabs: Tabs) -> None:
    page = tabs.open()
    page.evaluate(SIGN_IN)
    tabs.context.route("**/auth/refresh", lambda route: route.abort())
    expire(page)
    assert outcome(page, me(place)) == "network_error"
    tabs.context.unroute("**/auth/refresh")
    asked: list[str] = []

    def busy(route: Route) -> None:
        asked.append(route.request.url)
        headers = {
            "retry-after": "2",
            "access-control-allow-origin": f"http://127.0.0.1:{place.port}",
            "access-control-allow-credentials": "true",
            "access-control-expose-headers": "retry-after",
        }
        route.fulfill(status=503, json={"code": "overloaded", "detail": "Later."}, headers=headers)

    tabs.context.route("**/auth/refresh", busy)
    # It says how long to wait, and until then the server is not asked again.
    assert [outcome(page, me(place)) for _ in range(3)] == ["overloaded"] * 3
    assert len(asked) == 1
    tabs.context.unroute("**/auth/refresh")
    time.sleep(2)
    assert outcome(page, me(place)) == 200
    assert page.evaluate("auth.user.username") == "ada"


@pytest.mark.parametrize("off", [-90_000, 90_000])
def test_a_clock_that_is_wrong_does_not_matter(place: Place, tabs: Tabs, off: int) -> None:
    page = tabs.open(shift=off)
    page.evaluate(SIGN_IN)
    sent = len(tabs.refreshes)
    assert outcome(page, me(place)) == 200
    assert len(tabs.refreshes) == sent


def test_a_reload_keeps_somebody_signed_in_and_nothing_is_stored(place: Place, tabs: Tabs) -> None:
    page = tabs.open()
    assert outcome(page, "auth.restore()") is None
    page.evaluate(SIGN_IN)
    page.reload()
    tabs.load(page)
    assert outcome(page, "auth.restore()")["username"] == "ada"
    kept = """async () => [localStorage.length, sessionStorage.length, (await indexedDB.databases()).length,
      (await caches.keys()).length, document.cookie, location.href, JSON.stringify(auth)]"""
    assert page.evaluate(kept) == [0, 0, 0, 0, "", f"http://127.0.0.1:{place.port}/", "{}"]
    token = outcome(page, "await auth.token()")
    assert token not in page.evaluate(
        "JSON.stringify([heard, Object.entries(auth), document.documentElement.outerHTML])"
    )


def test_a_browser_that_keeps_no_cookie_is_told_at_the_sign_in(place: Place, tabs: Tabs) -> None:
    # A page of another site: the browser takes no such cookie along.
    page = tabs.open(host="localhost")
    assert outcome(page, f"({SIGN_IN})()") == "cookies_blocked"
    assert page.evaluate("[auth.user, heard.length]") == [None, 0]


def test_a_page_from_the_back_button_finds_out_that_its_session_ended(place: Place, tabs: Tabs) -> None:
    page, kept, other = tabs.open(), tabs.open(), tabs.open()
    page.evaluate(SIGN_IN)
    for hidden in (page, kept):
        hidden.wait_for_function("auth.user")
        hidden.evaluate("() => { dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true})) }")
    other.wait_for_function("auth.user")
    other.evaluate("() => auth.signOut()")
    # They heard nothing of it, and have no token.
    assert page.evaluate("auth.user.username") == "ada"
    assert outcome(kept, "await auth.token()") == "invalid_grant"
    page.evaluate("() => { dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true})) }")
    page.wait_for_function("auth.user === null")
    assert page.evaluate("heard.at(-1)") == ["signed-out", "invalid_grant"]


def test_a_token_is_refreshed_before_it_expires(place: Place, tabs: Tabs) -> None:
    page = tabs.open()
    page.evaluate(SIGN_IN)
    # Less than a minute of its quarter of an hour is left, as after a sleep.
    page.evaluate("shift += 850_000")
    page.evaluate("() => { document.dispatchEvent(new Event('visibilitychange')) }")
    page.wait_for_function("heard.some(([type]) => type === 'refreshed')")


@pytest.mark.parametrize("address", ["http://auth.example.com", "ftp://127.0.0.1"])
def test_an_address_that_is_not_safe_is_refused(place: Place, tabs: Tabs, address: str) -> None:
    page = tabs.open()
    again = "(await import('%s/tokenward.js')).createAuth(%s)"
    for options in ({"issuer": address}, {"issuer": place.base, "origins": [address]}):
        assert outcome(page, again % (place.base, json.dumps(options))) == "insecure_address"
