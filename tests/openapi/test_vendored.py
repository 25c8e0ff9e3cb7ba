"""The vendored files of Swagger UI are those of the package that they are said to be of, and stay on this machine."""

import base64
import gzip
import hashlib
import json
import re
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from tests.programs import require_program

from tokenward.server.endpoints.documentation import endpoints

FOLDER = Path(endpoints.__file__).parent / "swagger"
PAGE = FOLDER.parent / "page"
VENDORED: dict[str, Any] = json.loads((FOLDER / "vendored.json").read_text())
NOTICE = Path(__file__).parents[2] / "NOTICE"


def content(name: str) -> bytes:
    stored = FOLDER / f"{name}.gz"
    return gzip.decompress(stored.read_bytes()) if stored.exists() else (FOLDER / name).read_bytes()


def test_every_file_has_the_hash_that_is_written_down_and_no_other_file_is_there() -> None:
    for name, digest in VENDORED["sha256"].items():
        assert hashlib.sha256(content(name)).hexdigest() == digest, name
    there = {path.name.removesuffix(".gz") for path in FOLDER.iterdir()}
    assert there == {*VENDORED["sha256"], "vendored.json"}


def test_the_licence_is_beside_them_and_named_in_the_notice() -> None:
    assert VENDORED["license"] == "Apache-2.0"
    assert b"Apache License" in content("LICENSE")
    assert content("NOTICE").decode().split("\n")[0] == "swagger-ui"
    assert b"MIT" in content("swagger-ui-bundle.js.LICENSE.txt")
    assert f"swagger-ui-dist {VENDORED['version']}" in NOTICE.read_text()


def test_they_are_those_of_the_published_package(tmp_path: Path) -> None:
    npm = require_program("npm")
    wanted = f"{VENDORED['package']}@{VENDORED['version']}"
    done = subprocess.run(
        [npm, "pack", wanted, "--pack-destination", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    (archive,) = tmp_path.glob("*.tgz")
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    assert f"sha512-{digest}" == VENDORED["integrity"]
    with tarfile.open(archive) as opened:
        for name in VENDORED["sha256"]:
            member = opened.extractfile(f"package/{name}")
            assert member is not None
            assert member.read() == content(name), name


@pytest.mark.parametrize("name", sorted(path.name for path in PAGE.iterdir()))
def test_the_page_itself_names_no_address_and_has_nothing_inline(name: str) -> None:
    text = (PAGE / name).read_text()
    assert re.findall(r"\w+://|[\"']//", text) == []
    assert re.findall(r"<style|\bstyle=|\bon[a-z]+=|<script(?! src=)", text) == []


def test_the_style_sheet_loads_nothing_but_what_it_holds() -> None:
    addresses = re.findall(r"url\(([^)]{0,20})", content("swagger-ui.css").decode())
    assert addresses
    assert [one for one in addresses if not one.strip("\"'").startswith("data:")] == []
    assert b"@import" not in content("swagger-ui.css")
