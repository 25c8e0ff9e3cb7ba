"""The script of the how-to page, in a real page."""

from pathlib import Path

from tests.browser.pages import chromium, page_server
from tests.docs.pages import blocks, development_server, run_blocks

PAGE = "docs/how-to/keep-tokens-in-a-browser.md"
_PASSWORD = "seven green boats at noon"
_NEW = "seven grey boats at noon"


def test_the_script_of_the_page_keeps_somebody_signed_in(tmp_path: Path) -> None:
    (script,) = blocks(PAGE, "js")
    register = blocks(PAGE, "sh")[0].partition("\nsend()")[0]
    with page_server() as port, chromium() as browser:
        origin = f"http://127.0.0.1:{port}"
        with development_server(tmp_path / "checkout", TOKENWARD_BROWSER_ORIGINS=origin) as server:
            run_blocks(server, [register + "\n"])
            context = browser.new_context()
            first, second = context.new_page(), context.new_page()
            for page in (first, second):
                page.goto(origin)
                module = server.filled_in(script) + "\nwindow.app = {signIn, call, changePassword, signOut};"
                page.add_script_tag(content=module, type="module")
                page.wait_for_function("window.app")
            me = f"async () => (await app.call('{server.base}/api/v1/users/me')).json()"
            # Nobody is signed in; then one page signs in, and the other finds it so.
            code = "async () => app.call('/').then(() => 'none', (error) => error.code)"
            assert first.evaluate(code) == "invalid_grant"
            assert first.evaluate(f"async () => app.signIn('ada', '{_PASSWORD}')")["username"] == "ada"
            for page in (first, second):
                assert page.evaluate(me)["username"] == "ada"
            # The access token of the other page is refused now, so it refreshes.
            changed = first.evaluate(f"async () => app.changePassword('{_PASSWORD}', '{_NEW}')")
            assert changed["ended_sessions"] == 0
            for page in (first, second):
                assert page.evaluate(me)["username"] == "ada"
            first.evaluate("async () => app.signOut()")
            assert second.evaluate(code.replace("'/'", f"'{server.base}/api/v1/users/me'")) == "invalid_grant"
            context.close()
