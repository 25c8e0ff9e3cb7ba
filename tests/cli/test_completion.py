"""`tokenward completion`: a script that the shell takes, and completions that are those of the commands."""

import subprocess

import pytest
from tests.cli.running import misused
from tests.flows.servers import TOKENWARD, Installation
from tests.programs import require_program


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_of_its_own(place: Installation, shell: str) -> None:
    said = place.command("completion", shell)
    assert f"_TOKENWARD_COMPLETE={shell}_complete" in said
    assert not place.data.exists()


def test_bash_completes_commands_and_options(place: Installation) -> None:
    asked = (("ba", 1, "tokenward"), ("re", 2, "tokenward keys"), ("--si", 2, "tokenward audit"))
    calls = (
        f"COMPREPLY=(); COMP_WORDS=({before} {word}); COMP_CWORD={at}; _tokenward_completion tokenward; "
        "echo ${COMPREPLY[@]}"
        for word, at, before in asked
    )
    program = "\n".join([place.command("completion", "bash"), *calls])
    done = subprocess.run(
        [require_program("bash"), "-c", program],
        env=place.environment() | {"PATH": f"{TOKENWARD.parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["backup", "reset revoke rewrap", "--since"]


def test_another_shell_is_refused(place: Installation) -> None:
    assert "bash" in misused(place.run("completion", "tcsh"))
