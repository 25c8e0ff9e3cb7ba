"""What every command does alike: options, opening the services, and errors as one clear line."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click
import msgspec

from tokenward.errors import Error, StorageUnavailable
from tokenward.server.settings import Settings, load_settings

if TYPE_CHECKING:
    from tokenward.server.services import Services

P = ParamSpec("P")
T = TypeVar("T")


def reports_errors(function: Callable[P, T]) -> Callable[P, T]:
    """Print an error of ours as one line on standard error, and end with status 1."""

    @wraps(function)
    def reporting(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except StorageUnavailable as error:
            click.echo(f"Error: {_of_storage(error)}", err=True)
        except Error as error:
            click.echo(f"Error: {error.description}", err=True)
        except BrokenPipeError:
            # Whoever read our output has seen enough; click ends quietly then.
            raise
        except OSError as error:
            place = f" ({error.filename})" if error.filename else ""
            click.echo(f"Error: {error.strerror}{place}. Nothing more was done.", err=True)
        sys.exit(1)

    return reporting


def _of_storage(error: StorageUnavailable) -> str:
    """What an operator is told, who may know more than a client of the server."""
    from tokenward.server.storage.errors import StorageDamaged

    reason = error.reason or "no reason is known"
    if isinstance(error, StorageDamaged):
        return (
            f"The database is damaged ({reason}). Nothing was written. Look at it with: tokenward doctor; "
            "go back to a backup with: tokenward restore FILE --force"
        )
    return (
        f"The database cannot be read or written ({reason}). Nothing was changed. Look with: tokenward doctor"
    )


def settings_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which settings and which data a command works on."""
    options = (
        click.option("--data", type=click.Path(path_type=Path), help="The data folder."),
        click.option("--config", type=click.Path(path_type=Path), help="A TOML file with settings."),
    )
    for option in options:
        function = option(function)
    return function


yes_option = click.option("--yes", is_flag=True, help="Do not ask first.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def command_settings(data: Path | None, config: Path | None) -> Settings:
    """The settings of a command that runs beside a server."""
    return load_settings(environment=os.environ, flags={"data": data}, config=config, serving=False)


def run_with_services(
    data: Path | None,
    config: Path | None,
    work: "Callable[[Services], Awaitable[T]]",
    *,
    create: bool = False,
) -> T:
    """Open the services on the data folder, do `work` with them, and close them again.

    With `create` the database is made where there is none.
    """
    from tokenward.server.services import open_services

    settings = command_settings(data, config)

    async def run() -> T:
        async with open_services(settings, serving=False, create=create) as services:
            return await work(services)

    return asyncio.run(run())


def confirm(consequences: str, question: str, *, yes: bool) -> None:
    """Say what will happen and to whom, and go on only with `--yes` or a yes at a terminal."""
    click.echo(consequences, err=True)
    if yes:
        return
    if not sys.stdin.isatty():
        msg = "There is no terminal to ask at. Give --yes to do it without a question."
        raise click.UsageError(msg)
    click.confirm(question, abort=True, err=True)


@contextmanager
def progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error that is told what is left and of how much; at a terminal only."""
    if not sys.stderr.isatty():
        yield lambda left, whole: None
        return
    with click.progressbar(length=1, label=label, file=sys.stderr) as bar:

        def tell(left: int, whole: int) -> None:
            bar.length = max(whole, 1)
            bar.update(whole - left - bar.pos)

        yield tell


@contextmanager
def counting(label: str) -> Iterator[Callable[[int], None]]:
    """Counts on standard error what was done since it was told last; at a terminal only."""
    done = 0

    def tell(more: int) -> None:
        nonlocal done
        done += more
        if sys.stderr.isatty():
            click.echo(f"\r{label}: {done}", nl=False, err=True)

    yield tell
    if done and sys.stderr.isatty():
        click.echo(err=True)


def print_json(content: object) -> None:
    """Indented JSON on standard output."""
    click.echo(msgspec.json.format(msgspec.json.encode(content), indent=2).decode())


def print_list(items: list[dict[str, Any]], *, as_json: bool, next_cursor: str | None = None) -> None:
    """A list, as JSON in the form that the API uses too, or as columns."""
    if as_json:
        print_json({"items": items, "next_cursor": next_cursor})
        return
    if not items:
        click.echo("(none)")
        return
    rows = [list(items[0]), *([_cell(name, value) for name, value in item.items()] for item in items)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if next_cursor is not None:
        click.echo(f"There are more; go on with: --cursor {next_cursor}")


def _cell(name: str, value: object) -> str:
    if value is None:
        return "-"
    if name.endswith("_at") and isinstance(value, int):
        return time_text(value)
    if isinstance(value, list | tuple):
        return printable(",".join(map(str, value))) or "-"
    return printable(str(value))


def printable(text: str) -> str:
    """The text with whatever does not print written as an escape.

    A user agent or an e-mail address is its sender's to choose: with control characters (U+009B begins a command to
    many terminals) or those that turn the direction of writing it could change what the operator sees.
    """
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def read_password(*, from_stdin: bool) -> str:
    """A new password: one line from standard input, or asked for twice at a terminal."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        msg = "There is no terminal to ask for the password at. Send it on standard input, with --password-stdin."
        raise click.UsageError(msg)
    password: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return password


def time_text(at: int) -> str:
    """UTC seconds as a date and time."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
