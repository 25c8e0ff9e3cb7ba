"""The page about importing: its lines run beside a server, its people sign in, and its tables are those of the code."""

import json
import re
import urllib.request
from pathlib import Path

from tests.docs.pages import ROOT, Server, blocks, new_folder, run_blocks, serving
from tests.server.accounts.foreign_vectors import PASSWORD

from tokenward.server.accounts.import_refusals import REFUSALS
from tokenward.server.maintenance.import_formats import COLUMNS, FORMATS

_PAGE = "docs/how-to/import-accounts.md"


def _first_cells(above: str) -> set[str]:
    """The names in the first column of the table that comes after this line."""
    table = (ROOT / _PAGE).read_text().partition(above)[2].partition("\n|")[2].partition("\n\n")[0]
    rows = table.splitlines()[2:]
    return {name for row in rows for name in re.findall(r"`([\w-]+)`", row.split("|")[1])}


def test_the_lines_of_the_page_do_what_it_says(tmp_path: Path) -> None:
    (block,) = [block for block in blocks("README.md", "sh") if "tokenward serve" in block]
    prepare, _, _ = block.rstrip().rpartition("\n")
    here = Server(new_folder(tmp_path / "checkout"), "", "")
    run_blocks(here, [prepare + "\n"])
    with serving(["--data", "auth"], here.folder, TOKENWARD_PORT="0") as lines:
        _, tried, done = run_blocks(here, blocks(_PAGE, "sh"))
        assert "would create 2 accounts" in tried
        assert "status 3" in tried
        assert '"line":4' in tried
        assert '"code":"weak_hash"' in tried
        summary = json.loads(done.removesuffix("status 3").strip())
        assert (summary["created"], summary["refused"]) == (2, 1)
        for person in ("ada", "bob@example.com"):
            body = json.dumps({"username": person, "password": PASSWORD}).encode()
            request = urllib.request.Request(  # noqa: S310 - a server on loopback
                lines[-1].removeprefix("ready ") + "/api/v1/auth/login",
                body,
                {"content-type": "application/json"},
            )
            with urllib.request.urlopen(request) as answer:  # noqa: S310
                assert answer.status == 200


def test_the_tables_name_every_format_column_and_code() -> None:
    assert _first_cells("## What the file may be") == set(FORMATS)
    assert _first_cells("The columns, each of which may be missing:") == set(COLUMNS)
    assert _first_cells("## Why a row is refused") == set(REFUSALS)
    text = (ROOT / _PAGE).read_text()
    for code, what_to_do in REFUSALS.items():
        assert f"| `{code}` | {what_to_do} |" in text
