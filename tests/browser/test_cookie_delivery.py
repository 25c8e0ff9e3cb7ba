"""Sign-in by cookie in a real browser: what it takes for a page, and that no other page gets anything.

Ports of one host are of one site and of different origins, so a page on another port of 127.0.0.1 stands for
`app.example.com` beside `auth.example.com`. `localhost` is another site.
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page
from tests.browser.pages import chromium, page_server
from tests.docs.pages import development_server, run_blocks

REFRESH = "__Host-tokenward-refresh"
DEVICE = "__Host-tokenward-device"
_PASSWORD = "seven green boats at noon"

# What a page of an application does, as the how-to page has it.
_CALL = """
async ([url, body, more]) => {
  const answer = await fetch(url, {
    method: 'POST', credentials: 'include',
    headers: {'content-type': 'application/json', 'x-tokenward': '1', ...more},
    body: JSON.stringify(body),
  });
  return {status: answer.status, id: answer.headers.get('x-request-id'), body: await answer.json()};
}
"""
_GET = """
async ([url, token]) => {
  const answer = await fetch(url, {headers: token ? {authorization: `Bearer ${token}`} : {}});
  return {status: answer.status, body: await answer.json()};
}
"""
# A page of anybody can do this: no leave is asked for a form, an image or an opaque request.
_FORM = """
([url, fields, target]) => {
  const form = document.createElement('form');
  form.method = 'POST'; form.action = url; form.target = target;
  for (const [name, value] of Object.entries(fields)) {
    const input = document.createElement('input');
    input.name = name; input.value = value; form.append(input);
  }
  document.body.append(form);
  form.submit();
}
"""
_OPAQUE = """
async ([url, body]) => (await fetch(url, {
  method: 'POST', mode: 'no-cors', credentials: 'include', headers: {'content-type': 'text/plain'}, body,
})).type
"""


class Place(NamedTuple):
    """A server, the ports of two pages of which the first is listed, and a browser."""

    base: str
    listed: int
    unlisted: int
    browser: Browser

    def call(self, page: Page, path: str, body: dict[str, Any], **more: str) -> dict[str, Any]:
        answer = page.evaluate(_CALL, [f"{self.base}/api/v1/auth/{path}", body, more])
        assert isinstance(answer, dict)
        return answer

    def log_in(self, page: Page, **more: Any) -> dict[str, Any]:
        body = {"username": "ada", "password": _PASSWORD, "delivery": "cookie", **more}
        return self.call(page, "login", body)

    def get(self, page: Page, token: str | None) -> dict[str, Any]:
        answer = page.evaluate(_GET, [f"{self.base}/api/v1/users/me", token])
        assert isinstance(answer, dict)
        return answer


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("browser") / "checkout"
    with page_server() as listed, page_server() as unlisted, chromium() as browser:
        origins = f"http://127.0.0.1:{listed},http://localhost:{listed}"
        with development_server(folder, TOKENWARD_BROWSER_ORIGINS=origins) as server:
            body = json.dumps({"username": "ada", "password": _PASSWORD})
            run_blocks(
                server,
                [
                    f"curl -sf {server.base}/api/v1/auth/register -H 'content-type: application/json' -d '{body}'\n"
                ],
            )
            yield Place(server.base, listed, unlisted, browser)


@pytest.fixture
def context(place: Place) -> Iterator[BrowserContext]:
    """A browser without cookies."""
    context = place.browser.new_context()
    yield context
    context.close()


def open_page(context: BrowserContext, port: int, host: str = "127.0.0.1") -> Page:
    page = context.new_page()
    page.goto(f"http://{host}:{port}/")
    return page


def cookies(context: BrowserContext) -> dict[str, Any]:
    return {cookie["name"]: cookie for cookie in context.cookies()}


def test_a_listed_page_signs_in_refreshes_and_signs_out(place: Place, context: BrowserContext) -> None:
    page = open_page(context, place.listed)
    signed_in = place.log_in(page)
    assert signed_in["status"] == 200, signed_in
    assert signed_in["id"]
    assert "refresh_token" not in signed_in["body"]
    # The browser took them over plain HTTP, since it counts loopback as safe; and no script can read them.
    kept = cookies(context)
    assert kept.keys() == {REFRESH, DEVICE}
    for cookie in kept.values():
        assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Strict")
        assert (cookie["domain"], cookie["path"]) == ("127.0.0.1", "/")
    assert page.evaluate("document.cookie") == ""
    refreshed = place.call(page, "refresh", {"delivery": "cookie"})
    assert (refreshed["status"], "refresh_token" in refreshed["body"]) == (200, False)
    me = place.get(page, refreshed["body"]["access_token"])
    assert (me["status"], me["body"]["username"]) == (200, "ada")
    # A page that is opened anew has nothing in its memory, and needs nothing.
    page.reload()
    assert place.call(page, "refresh", {"delivery": "cookie"})["status"] == 200
    out = place.call(page, "logout", {"delivery": "cookie"})
    assert (out["status"], out["body"]["ended_sessions"]) == (200, 1)
    assert cookies(context).keys() == {DEVICE}
    assert place.call(page, "refresh", {"delivery": "cookie"})["body"]["code"] == "invalid_grant"
    assert place.get(page, refreshed["body"]["access_token"])["status"] == 401


def test_four_tabs_at_once_stay_signed_in(place: Place, context: BrowserContext) -> None:
    tabs = [open_page(context, place.listed) for _ in range(4)]
    place.log_in(tabs[0])
    together = """
    async ([url, body]) => Promise.all(Array.from({length: 5}, async () => (await fetch(url, {
      method: 'POST', credentials: 'include', body,
      headers: {'content-type': 'application/json', 'x-tokenward': '1'},
    })).status))
    """
    body = json.dumps({"delivery": "cookie"})
    for tab in tabs:
        assert tab.evaluate(together, [f"{place.base}/api/v1/auth/refresh", body]) == [200] * 5
    assert place.call(tabs[0], "logout", {"delivery": "cookie"})["body"]["ended_sessions"] == 1


def test_a_page_that_is_not_listed_gets_nothing(place: Place, context: BrowserContext) -> None:
    mine = open_page(context, place.listed)
    token = place.log_in(mine)["body"]["access_token"]
    before = cookies(context)
    # Same site, so the browser would send the cookies; another site, where it would not.
    for page in (open_page(context, place.unlisted), open_page(context, place.unlisted, "localhost")):
        for path in ("refresh", "logout"):
            with pytest.raises(Error, match="Failed to fetch"):
                place.call(page, path, {"delivery": "cookie"})
        with pytest.raises(Error, match="Failed to fetch"):
            place.log_in(page)
        for held in (token, None):
            with pytest.raises(Error, match="Failed to fetch"):
                place.get(page, held)
    assert cookies(context) == before
    assert place.call(mine, "refresh", {"delivery": "cookie"})["status"] == 200


def test_what_a_foreign_page_sends_without_asking_sets_and_ends_nothing(
    place: Place, context: BrowserContext
) -> None:
    login, logout = (f"{place.base}/api/v1/auth/{path}" for path in ("login", "logout"))
    fields = {"username": "ada", "password": _PASSWORD}
    for page in (open_page(context, place.unlisted), open_page(context, place.unlisted, "localhost")):
        for sent in (fields, fields | {"delivery": "cookie"}):
            with context.expect_page() as opened:
                page.evaluate(_FORM, [login, sent, "_blank"])
            opened.value.wait_for_load_state()
            assert "origin_refused" in (opened.value.text_content("body") or "")
        text = json.dumps(fields | {"delivery": "cookie"})
        assert page.evaluate(_OPAQUE, [login, text]) == "opaque"
        assert cookies(context) == {}
    mine = open_page(context, place.listed)
    place.log_in(mine)
    foreign = open_page(context, place.unlisted)
    assert foreign.evaluate(_OPAQUE, [logout, json.dumps({"delivery": "cookie"})]) == "opaque"
    with context.expect_page() as opened:
        foreign.evaluate(_FORM, [logout, {"delivery": "cookie"}, "_blank"])
    opened.value.wait_for_load_state()
    assert cookies(context).keys() == {REFRESH, DEVICE}
    assert place.call(mine, "refresh", {"delivery": "cookie"})["status"] == 200


def test_a_form_of_a_listed_page_sets_no_cookie_either(place: Place, context: BrowserContext) -> None:
    page = open_page(context, place.listed)
    fields = {"username": "ada", "password": _PASSWORD}
    with context.expect_page() as opened:
        page.evaluate(_FORM, [f"{place.base}/api/v1/auth/login", fields, "_blank"])
    opened.value.wait_for_load_state()
    assert "access_token" in (opened.value.text_content("body") or "")
    assert cookies(context) == {}


def test_a_listed_page_of_another_site_signs_in_and_gets_no_cookie_back(
    place: Place, context: BrowserContext
) -> None:
    """What the how-to page says of sites: `SameSite=Strict` keeps the cookie from it, listed or not."""
    page = open_page(context, place.listed, "localhost")
    signed_in = place.log_in(page)
    assert signed_in["status"] == 200
    assert place.get(page, signed_in["body"]["access_token"])["status"] == 200
    refreshed = place.call(page, "refresh", {"delivery": "cookie"})
    assert (refreshed["status"], refreshed["body"]["code"]) == (400, "invalid_grant")


def test_the_cookies_work_under_the_name_localhost_too(place: Place, context: BrowserContext) -> None:
    port = place.base.rpartition(":")[2]
    elsewhere = place._replace(base=f"http://localhost:{port}")
    page = open_page(context, place.listed, "localhost")
    assert elsewhere.log_in(page)["status"] == 200
    assert {cookie["domain"] for cookie in cookies(context).values()} == {"localhost"}
    assert elsewhere.call(page, "refresh", {"delivery": "cookie"})["status"] == 200
