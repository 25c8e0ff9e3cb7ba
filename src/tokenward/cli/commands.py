"""The list of commands. Each is imported when it is asked for, so that `serve` starts without the others."""

from importlib import import_module

import click

from tokenward import __version__

_COMMANDS = {
    "accounts": "Create accounts, import them, change them, delete them.",
    "audit": "Show what happened: who did what, when, to whom.",
    "backup": "Copy the database to a file, also while the server runs.",
    "completion": "Print what makes a shell complete these commands.",
    "doctor": "Look everything over, and say what to do.",
    "keys": "List keys, rotate and revoke them, change the master key.",
    "login": "Sign in at a server, for programs at this terminal.",
    "logout": "End a session that was started with login.",
    "migrate": "Bring the database to the version of this program.",
    "restore": "Make a backup the database again.",
    "revoke": "Revoke a token, a session, an account's tokens, or a key.",
    "serve": "Start the authorization server.",
    "sessions": "List sessions, and end them.",
    "settings": "Print every setting, as documentation.",
    "token": "Print an access token of whom login signed in.",
    "tokens": "Look into a token.",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        command = getattr(import_module(f"tokenward.cli.{cmd_name}"), cmd_name)
        if not isinstance(command, click.Command):
            msg = f"tokenward.cli.{cmd_name} holds no command of its name"
            raise TypeError(msg)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.command(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Every setting can also be given as a TOKENWARD_ variable; see: tokenward settings",
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Sign-in for APIs: short-lived JSON Web Tokens, refresh, and revocation."""
