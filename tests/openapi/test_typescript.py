"""A client in TypeScript with types that openapi-typescript makes of the description: it compiles, and it works."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.docs.pages import Server, development_server
from tests.interop.node_packages import installed_packages
from tests.programs import require_program

HERE = Path(__file__).parent
USER = "dev@example.com"
LONGEST_SECONDS = 240


class Workshop(NamedTuple):
    """A folder with the programs, the packages and the generated types, and the server that these are of."""

    folder: Path
    server: Server

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [require_program("node"), *command],
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=LONGEST_SECONDS,
        )

    def compile(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("node_modules/typescript/bin/tsc", *arguments)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    packages = installed_packages(HERE / "node")
    folder = tmp_path_factory.mktemp("typescript") / "program"
    shutil.copytree(HERE / "typescript", folder)
    (folder / "node_modules").symlink_to(packages)
    (folder / "package.json").write_text('{"type": "module"}')
    with development_server(folder.parent / "checkout") as server:
        made = Workshop(folder, server)
        # No `.d.ts`, which the compiler would take as it is.
        done = made.run(
            "node_modules/openapi-typescript/bin/cli.js", f"{server.base}/openapi.json", "-o", "schema.ts"
        )
        assert done.returncode == 0, done.stderr
        yield made


def test_the_lock_pins_by_hash_and_names_no_address() -> None:
    lock = json.loads((HERE / "node" / "package-lock.json").read_text("utf-8"))
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert len(packages) > 3
    assert [name for name, entry in packages.items() if not entry["integrity"].startswith("sha512-")] == []
    assert [name for name, entry in packages.items() if "resolved" in entry] == []


def test_a_client_compiles_and_does_its_work(workshop: Workshop) -> None:
    compiled = workshop.compile("--project", "tsconfig.client.json")
    assert (compiled.returncode, compiled.stdout) == (0, "")
    done = workshop.run("client.js", workshop.server.base, USER, workshop.server.password)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "email": USER,
        "devices": ["node"],
        "ended": 1,
        "code": "invalid_token",
    }


def test_every_mistake_is_found_and_nothing_else(workshop: Workshop) -> None:
    source = (workshop.folder / "mistakes.ts").read_text().splitlines()
    marked = {number for number, line in enumerate(source, 1) if re.search(r"; // ", line)}
    done = workshop.compile("--project", "tsconfig.mistakes.json")
    found = {int(line) for line in re.findall(r"^mistakes\.ts\((\d+),", done.stdout, re.MULTILINE)}
    assert found == marked
    assert len(marked) > 8
    assert re.findall(r"^schema\.ts.*", done.stdout, re.MULTILINE) == []
