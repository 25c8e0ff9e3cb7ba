"""`tokenward completion`: what makes a shell complete the commands and options of this program."""

import click
from click.shell_completion import get_completion_class

_VARIABLE = "_TOKENWARD_COMPLETE"
_SHELLS = ("bash", "zsh", "fish")


@click.command
@click.argument("shell", type=click.Choice(_SHELLS))
def completion(shell: str) -> None:
    """Print a script for bash, zsh or fish; put it where your shell reads it.

    For bash: tokenward completion bash >> ~/.bashrc; for zsh the same with ~/.zshrc; for fish into
    ~/.config/fish/completions/tokenward.fish
    """
    from tokenward.cli.commands import cli

    kind = get_completion_class(shell)
    if kind is None:
        msg = f"{shell} is not known to this version of click"
        raise TypeError(msg)
    # The text alone: `source` would start a shell to ask for its version.
    click.echo(kind.source_template % kind(cli, {}, "tokenward", _VARIABLE).source_vars())
