"""What the pages name exists: files, commands with their options, and settings."""

import re
from pathlib import Path

import click
import pytest
from tests.docs.pages import ROOT

from tokenward.cli.commands import cli
from tokenward.server.settings.declaration import declared_settings

_PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*/*.md"))
    if path.parent.name != "reference"
)
# A decision tells of files that were planned or moved; it stays as it is when they move again.
_LASTING = [page for page in _PAGES if not page.startswith("docs/adr/")]


def _text(page: str) -> str:
    return (ROOT / page).read_text()


@pytest.mark.parametrize("page", _LASTING)
def test_every_file_that_a_page_names_is_there(page: str) -> None:
    for named in re.findall(r"`([\w/.-]*/[\w/.-]*\.(?:py|sql|md|toml)|[\w/.-]+/)`", _text(page)):
        if "NNNN" not in named:
            assert any((ROOT / base / named).exists() for base in (".", "src", "src/tokenward", "tests")), (
                named
            )


@pytest.mark.parametrize("page", _PAGES)
def test_every_command_that_a_page_names_is_there_with_its_options(page: str) -> None:
    for line in re.findall(r"(?:`|^\$ |\| |bin/)tokenward ([^`\n|]+)", _text(page), flags=re.MULTILINE):
        command: click.Command = cli
        for word in line.split():
            if word.startswith("--"):
                options = {option for parameter in command.params for option in parameter.opts}
                assert word in options, line
            elif isinstance(command, click.Group):
                found = command.get_command(click.Context(command), word)
                assert found is not None, line
                command = found


@pytest.mark.parametrize("page", _PAGES)
def test_every_setting_that_a_page_names_is_there(page: str) -> None:
    names = {declared.name for declared in declared_settings()}
    named = re.findall(r"`(\w+) = |TOKENWARD_([A-Z_]+)", _text(page))
    for setting in ("".join(groups).lower() for groups in named):
        if setting != "require_all":
            assert setting in names, setting


@pytest.mark.parametrize("page", _PAGES)
def test_no_page_names_a_place_on_the_machine_it_was_written_on(page: str) -> None:
    assert not re.findall(r"(?<![\w.])/(?:work|tmp|root|home)/", _text(page))


def test_there_are_pages_to_look_at() -> None:
    assert {Path(page).parent.name for page in _PAGES} >= {"", "start", "explain", "adr", "how-to"}
