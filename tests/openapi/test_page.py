"""The page in a browser: "Authorize" with user name and password, and a request that is tried out with it."""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright
from tests.docs.pages import development_server, new_folder, serving
from tests.programs import require_program

USER = "dev@example.com"
DESKTOP: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
WAIT_MS = 20_000
# The button that takes the place of "Authorize" within the form once it has tokens.
SIGNED_IN = ".auth-container button:text-is('Logout')"


@dataclass
class Opened:
    """The page, and all that it did beside showing itself."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def authorize(self, name: str, password: str) -> None:
        self.page.get_by_role("button", name="Authorize", exact=True).first.click()
        self.page.locator("#oauth_username").fill(name)
        self.page.locator("#oauth_password").fill(password)
        form = self.page.locator(".auth-container", has=self.page.locator("#oauth_username"))
        form.get_by_role("button", name="Apply given OAuth2 credentials").click()

    def try_out(self, operation_id: str) -> tuple[str, str]:
        """Execute an operation as it stands there, and the status and body that are shown."""
        operation = self.page.locator(f"[id$='-{operation_id}']")
        operation.locator("button.opblock-summary-control").click()
        operation.get_by_role("button", name="Try it out").click()
        operation.get_by_role("button", name="Execute").click()
        answer = operation.locator(".live-responses-table .response")
        answer.wait_for(timeout=WAIT_MS)
        status = answer.locator(".response-col_status").inner_text()
        return status.split()[0], answer.locator(".highlight-code, .microlight").first.inner_text()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = require_program("chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield launched
        launched.close()


@contextmanager
def opened(browser: Browser, address: str, size: ViewportSize = DESKTOP) -> Iterator[Opened]:
    with browser.new_context(viewport=size) as context:
        context.set_default_timeout(WAIT_MS)
        page = context.new_page()
        it = Opened(page)
        page.on("request", lambda request: it.requests.append(request.url))
        page.on("pageerror", lambda error: it.complaints.append(str(error)))
        # What the policy of the page blocks is an error in the console, as is what fails to load.
        page.on("console", lambda line: it.complaints.append(line.text) if line.type == "error" else None)
        page.goto(address)
        page.locator(".opblock").first.wait_for()
        yield it


def test_authorize_with_user_name_and_password_works(browser: Browser, tmp_path: Path) -> None:
    with development_server(tmp_path / "checkout") as server, opened(browser, f"{server.base}/docs") as it:
        it.authorize(USER, server.password)
        it.page.locator(SIGNED_IN).wait_for()
        it.page.locator(".close-modal").click()
        status, body = it.try_out("readMe")

        assert status == "200"
        assert f'"email": "{USER}"' in body
        assert it.page.title() == "Tokenward: HTTP interface"
        assert it.page.locator("html").get_attribute("lang") == "en"
        assert it.complaints == []
        # No address of anybody else, and no request to one.
        assert {re.match(r"\w+://[^/]+|data:", url)[0] for url in it.requests} == {server.base}  # type: ignore[index]
        assert [url for url in it.requests if url.endswith("/api/v1/auth/login")] != []


def test_a_wrong_password_is_told_and_nobody_is_signed_in(browser: Browser, tmp_path: Path) -> None:
    with development_server(tmp_path / "checkout") as server, opened(browser, f"{server.base}/docs") as it:
        it.authorize(USER, "not the password of anybody")
        it.page.get_by_text("Error: Unauthorized").first.wait_for()

        assert it.page.locator(SIGNED_IN).count() == 0
        it.page.locator(".close-modal").click()
        assert it.try_out("readMe")[0] == "401"


def test_it_works_under_the_path_of_an_issuer(browser: Browser, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    base = f"http://127.0.0.1:{port}/sso"
    folder = new_folder(tmp_path / "checkout")
    with serving(["--dev", "--port", str(port)], folder, TOKENWARD_ISSUER=base) as lines:
        (password,) = (line.split()[1] for line in lines if line.startswith("  password "))
        with opened(browser, f"{base}/docs") as it:
            it.authorize(USER, password)
            it.page.locator(SIGNED_IN).wait_for()
            it.page.locator(".close-modal").click()

            assert it.try_out("readMe")[0] == "200"
            assert it.complaints == []
            assert [url for url in it.requests if not url.startswith(f"{base}/")] == []


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_form_for_the_password_is_in_sight_and_nothing_is_wider_than_the_window(
    browser: Browser, tmp_path: Path, size: ViewportSize
) -> None:
    with (
        development_server(tmp_path / "checkout") as server,
        opened(browser, f"{server.base}/docs", size) as it,
    ):
        it.page.screenshot(path=tmp_path / "page.png")
        assert it.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        it.page.get_by_role("button", name="Authorize", exact=True).first.click()
        name = it.page.locator("#oauth_username")
        name.wait_for()
        it.page.screenshot(path=tmp_path / "authorize.png")
        assert name.evaluate(
            "it => { const box = it.getBoundingClientRect();"
            " return box.top >= 0 && box.bottom <= window.innerHeight && box.right <= window.innerWidth }"
        )


def test_an_address_in_the_query_is_not_what_is_shown(browser: Browser, tmp_path: Path) -> None:
    # A link to the page must not make it show, and sign in at, what somebody else describes.
    foreign = "https://elsewhere.example"
    query = f"?url={foreign}/a.json&configUrl={foreign}/b.json&urls.primaryName=x"
    with (
        development_server(tmp_path / "checkout") as server,
        opened(browser, f"{server.base}/docs{query}") as it,
    ):
        assert it.page.locator(".info .title").inner_text().startswith("Tokenward")
        assert [url for url in it.requests if not url.startswith((server.base, "data:"))] == []
        assert it.complaints == []
        # Nor does it hold a link to anybody else's site.
        links = it.page.locator("a[href]").evaluate_all("them => them.map(it => it.href)")
        assert links
        assert [link for link in links if not link.startswith(server.base)] == []
