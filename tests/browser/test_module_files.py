"""The files of the browser module: their size, their types, and how they are served."""

import gzip
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.docs.pages import ROOT
from tests.interop.node_packages import installed_packages
from tests.programs import require_program
from tests.server.building import run_server

from tokenward import __version__

HERE = Path(__file__).parent
FOLDER = ROOT / "src/tokenward/server/endpoints/browser_module"
FILES = {"tokenward.js": "text/javascript; charset=utf-8", "tokenward.d.ts": "text/plain; charset=utf-8"}
LARGEST_BYTES = 6000
LONGEST_SECONDS = 240


def test_the_module_is_at_most_6_kilobytes_compressed_with_its_comments() -> None:
    assert len(gzip.compress((FOLDER / "tokenward.js").read_bytes(), 9, mtime=0)) <= LARGEST_BYTES


def test_the_module_needs_no_other_and_writes_nowhere() -> None:
    source = (FOLDER / "tokenward.js").read_text("utf-8")
    code = re.sub(r"/\*.*?\*/|^\s*//.*$", "", source, flags=re.DOTALL | re.MULTILINE)
    assert (
        re.findall(r"\bimport\b|localStorage|sessionStorage|indexedDB|document\.cookie|console\.", code) == []
    )


def test_the_package_for_npm_is_of_this_version_and_needs_no_other() -> None:
    package = json.loads((FOLDER / "package.json").read_text("utf-8"))
    assert package["version"] == __version__
    assert package["files"] == list(FILES)
    assert "dependencies" not in package


def test_module_and_types_agree_and_every_mistake_is_found(tmp_path: Path) -> None:
    packages = installed_packages(HERE.parent / "openapi/node")
    folder = tmp_path / "program"
    shutil.copytree(HERE / "typescript", folder)
    (folder / "package.json").write_text('{"type": "module"}')
    for name in FILES:
        shutil.copy(FOLDER / name, folder)
    compiler = packages / "typescript/bin/tsc"
    done = subprocess.run(
        [require_program("node"), str(compiler), "--project", "tsconfig.json"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST_SECONDS,
    )
    lines = (folder / "mistakes.ts").read_text("utf-8").splitlines()
    marked = {("mistakes.ts", number) for number, line in enumerate(lines, 1) if re.search(r"; // ", line)}
    found = re.findall(r"^(\S+?)\((\d+),", done.stdout, re.MULTILINE)
    assert {(name, int(line)) for name, line in found} == marked, done.stdout
    assert len(marked) > 5


@pytest.mark.parametrize("name", list(FILES))
async def test_each_is_served_to_the_pages_of_listed_origins_and_may_be_cached(
    tmp_path: Path, name: str
) -> None:
    page = "https://app.example.com"
    async with run_server(tmp_path, browser_origins=(page,)) as server:
        answer = await server.client.get(f"/{name}", headers=[(b"origin", page.encode())])
        foreign = await server.client.get(f"/{name}", headers=[(b"origin", b"https://evil.example")])
        assert (answer.status, answer.header("content-type")) == (200, FILES[name])
        assert answer.body == (FOLDER / name).read_bytes()
        assert answer.header("access-control-allow-origin") == page
        assert answer.header("cache-control") == "public, max-age=300"
        assert answer.header("x-content-type-options") == "nosniff"
        assert foreign.header("access-control-allow-origin") is None
        etag = answer.header("etag") or ""
        again = await server.client.get(f"/{name}", headers=[(b"if-none-match", etag.encode())])
        assert (again.status, again.body) == (304, b"")
        packed = await server.client.get(f"/{name}", headers=[(b"accept-encoding", b"gzip")])
        assert gzip.decompress(packed.body) == answer.body
