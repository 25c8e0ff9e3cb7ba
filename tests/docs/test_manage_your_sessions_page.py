"""The page about one's own sessions, password and data: its lines run as printed, and what it says comes true."""

import json
from pathlib import Path
from typing import Any

from tests.docs.pages import ROOT, blocks, development_server, run_blocks

_PAGE = "docs/how-to/manage-your-sessions.md"


def _answers(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines() if line]


def test_the_lines_of_the_page_do_what_it_says(tmp_path: Path) -> None:
    with development_server(tmp_path / "checkout") as server:
        outputs = [_answers(output) for output in run_blocks(server, blocks(_PAGE, "sh"))]

    setup, sessions, ending, changing, exported, deleting = outputs
    assert setup == []
    items = {item["device"]: item for item in sessions[0]["items"]}
    assert items.keys() == {"Firefox on Linux", "Safari on macOS", "ShopApp 4.2 on Android"}
    assert {device for device, item in items.items() if item["current"]} == {"Firefox on Linux"}
    one, again, others, refused = ending
    assert (one["ended_sessions"], again["code"], others["ended_sessions"]) == (1, "not_found", 1)
    assert refused["code"] == "invalid_grant"
    assert (changing[0]["code"], changing[1]["username"]) == ("invalid_token", "ada")
    kinds = [item["kind"] for item in exported[0]["items"]]
    assert kinds == ["account", *["session"] * 3, *["event"] * (len(kinds) - 4)]
    events = [item for item in exported[0]["items"] if item["kind"] == "event"]
    assert events[0]["personal"] == {"username": "ada"}
    assert [event["event"] for event in events[-3:]] == [
        "session.ended",
        "session.ended",
        "account.password_changed",
    ]
    gone, me, sign_in = deleting
    assert (gone["ended_sessions"], me["code"], sign_in["code"]) == (
        3,
        "invalid_token",
        "invalid_credentials",
    )


def test_the_page_explains_every_member_of_a_session(tmp_path: Path) -> None:
    with development_server(tmp_path / "checkout") as server:
        listed = _answers(run_blocks(server, blocks(_PAGE, "sh")[:2])[1])

    rows = "".join(
        line.split("|")[1] for line in (ROOT / _PAGE).read_text().splitlines() if line.startswith("| `")
    )
    for name in listed[0]["items"][0]:
        assert f"`{name}`" in rows, name
