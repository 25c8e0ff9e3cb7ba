"""The script of the page about the browser module, in a real page, against an API of another origin."""

from pathlib import Path

from tests.browser.pages import api_server, chromium, page_server
from tests.docs.pages import blocks, development_server

PAGE = "docs/how-to/use-the-browser-module.md"


def test_the_script_of_the_page_does_what_it_says(tmp_path: Path) -> None:
    (script,) = blocks(PAGE, "js")
    with page_server() as port, api_server() as api, chromium() as browser:
        origin = f"http://127.0.0.1:{port}"
        with (
            development_server(tmp_path / "checkout", TOKENWARD_BROWSER_ORIGINS=origin) as server,
            browser.new_context() as context,
        ):
            page = context.new_page()
            said: list[str] = []
            page.on("console", lambda line: said.append(line.text) if line.type == "log" else None)
            page.goto(origin)
            module = server.filled_in(script).replace("http://127.0.0.1:9000", api.base)
            page.add_script_tag(
                content=f"{module}\nwindow.app = {{start, signIn, notes, signOut}};", type="module"
            )
            page.wait_for_function("window.app")
            assert page.evaluate("() => app.start()") is None
            assert page.evaluate("() => app.signIn('dev@example.com', 'not it')") is None
            user = page.evaluate("(word) => app.signIn('dev@example.com', word)", server.password)
            assert user["email"] == "dev@example.com"
            assert page.evaluate("() => app.notes()") == 200
            assert [seen[:2] for seen in api.seen] == [("GET", "/notes")]
            assert api.seen[0][2].startswith("Bearer ey")
            page.evaluate("() => app.signOut()")
            assert said == ["hello dev@example.com", "bye signed_out"]
