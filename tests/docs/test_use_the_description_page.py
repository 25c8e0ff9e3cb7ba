"""The page about the description: its lines run as printed, and what it says of switching it off is true."""

from pathlib import Path

from tests.docs.pages import blocks, development_server, run_blocks
from tests.interop.node_packages import installed_packages
from tests.programs import require_program

_PAGE = "docs/how-to/use-the-description.md"
_PACKAGES = Path(__file__).parents[1] / "openapi" / "node"


def test_the_lines_of_the_page_do_what_it_says(tmp_path: Path) -> None:
    require_program("npm")
    packages = installed_packages(_PACKAGES)
    with development_server(tmp_path / "checkout") as server:
        # What its reader has installed before.
        (server.folder / "node_modules").symlink_to(packages)
        (server.folder / "package.json").write_text('{"type": "module"}')
        described, generated, shown = run_blocks(server, blocks(_PAGE, "sh"))

    version, paths, word = described.split()
    assert (version, word) == ("3.1.0", "paths")
    assert int(paths) > 30
    assert generated.splitlines()[-2:] == ["dev@example.com", "invalid_credentials"]
    assert shown == "200"


def test_without_it_there_is_nothing_there(tmp_path: Path) -> None:
    with development_server(tmp_path / "checkout", TOKENWARD_API_DOCS="false") as server:
        (shown,) = run_blocks(server, ["BASE=http://127.0.0.1:8080\n" + blocks(_PAGE, "sh")[-1]])
    assert shown == "404"
