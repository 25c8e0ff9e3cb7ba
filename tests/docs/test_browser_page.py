"""The page about tokens in a browser: its lines run as printed, with curl for the browser."""

import json
from pathlib import Path
from typing import Any

from tests.docs.pages import blocks, development_server, run_blocks

PAGE = "docs/how-to/keep-tokens-in-a-browser.md"
ORIGIN = "http://127.0.0.1:3000"


def answers(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def test_the_lines_of_the_page_do_what_it_says(tmp_path: Path) -> None:
    assert f"TOKENWARD_BROWSER_ORIGINS={ORIGIN} make serve" in blocks(PAGE, "console")[0]
    with development_server(tmp_path / "checkout", TOKENWARD_BROWSER_ORIGINS=ORIGIN) as server:
        sent, refused = run_blocks(server, blocks(PAGE, "sh"))
    login, refreshed, out, again = answers(sent)
    names = {line for line in sent.splitlines() if line.startswith("__Host")}
    assert names == {"__Host-tokenward-refresh", "__Host-tokenward-device"}
    for tokens in (login, refreshed):
        assert "access_token" in tokens
        assert "refresh_token" not in tokens
    assert (out["ended_sessions"], again["code"]) == (1, "invalid_grant")
    codes = [answer["code"] for answer in answers(refused)]
    assert codes == ["browser_check_failed", "browser_check_failed", "origin_refused", "invalid_request"]
