"""The page about watching a server: its commands are run beside a real server."""

import re
from pathlib import Path

from tests.docs.pages import ROOT, blocks, development_server, run_blocks
from tests.programs import require_program

from tokenward.server.observation.events import SIGN_INS

_PAGE = "docs/how-to/watch-a-server.md"


def test_watching_a_server(tmp_path: Path) -> None:
    require_program("promtool")
    with development_server(tmp_path / "checkout") as server:
        for name in ("deploy", "tests"):
            (server.folder / name).symlink_to(ROOT / name)
        looked, checked = run_blocks(server, blocks(_PAGE, "sh"))
    assert looked.count("tokenward_sign_ins_total{") == len(SIGN_INS)
    assert "tokenward_ready 1.0" in looked
    assert checked.count("SUCCESS") == 2


def test_every_file_of_the_page_is_there() -> None:
    for name in set(re.findall(r"\b(?:deploy|tests)/[\w./-]+\.\w+", (ROOT / _PAGE).read_text())):
        assert (ROOT / name).is_file(), name
