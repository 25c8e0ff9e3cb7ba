"""The page about administration: its lines run as printed, and what it says of them comes true."""

import json
from pathlib import Path
from typing import Any

from tests.docs.pages import blocks, development_server, run_blocks

_PAGE = "docs/how-to/administer.md"


def _answers(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines() if line]


def test_the_lines_of_the_page_do_what_it_says(tmp_path: Path) -> None:
    with development_server(tmp_path / "checkout") as server:
        outputs = [_answers(output) for output in run_blocks(server, blocks(_PAGE, "sh"))]
        rotated = run_blocks(server, [blocks(_PAGE, "sh")[0], "admin POST keys/rotate\n"])[1]

    setup, accounts, page, sessions, revocations, keys, revoked, audit, erased = outputs
    assert (setup, revoked[1:]) == ([], [])
    made, found, roles, password, disabled, enabled = accounts
    assert found["items"] == [made]
    assert roles["account"]["roles"] == ["editor", "reviewer"]
    assert password["revoked_from"] < disabled["revoked_from"]
    assert (enabled["revoked_from"], enabled["account"]["disabled_at"]) == (None, None)
    assert len(page[0]["items"]) == 1
    assert page[0]["next_cursor"]
    ended, everywhere, left = sessions
    assert (ended["ended_sessions"], everywhere["ended_sessions"]) == (1, 0)
    assert {session["account"] for session in left["items"]}.isdisjoint({made["id"]})
    assert revocations[1]["items"][0]["reason"] == "laptop_lost"
    ring, impact = keys
    assert impact["key"] in ring["items"]
    assert impact["next_kid"] in {key["kid"] for key in ring["items"]}
    assert revoked[0]["kid"] == impact["key"]["kid"]
    assert len(audit[0]["items"]) == 2
    assert [event["detail"]["after"] for event in audit[1]["items"]] == [["editor", "reviewer"]]
    assert audit[1]["items"][0]["personal"] == {"username": "ada"}
    assert erased[1]["items"][0]["event"] == "account.erased"
    assert {event["personal"] for event in erased[1]["items"]} == {None}
    assert json.loads(rotated)["status"] == 400


def test_the_last_administrator_stays(tmp_path: Path) -> None:
    first = "json.load(sys.stdin)['items'][0]['id']"
    own = f'ME=$(admin GET accounts?limit=1 | python3 -c "import json, sys; print({first})")'
    printed = [blocks(_PAGE, "sh")[0] + own + "\nadmin POST accounts/$ME/disable\n"]
    with development_server(tmp_path / "checkout") as server:
        (answer,) = run_blocks(server, printed)

    assert json.loads(answer)["code"] == "last_admin"
