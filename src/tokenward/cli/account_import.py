"""`tokenward accounts import`: accounts from a file of another system, with the hashes of their passwords."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click
import msgspec

from tokenward.cli.running import (
    json_option,
    print_json,
    printable,
    progress,
    reports_errors,
    run_with_services,
    settings_options,
)
from tokenward.errors import ConfigurationError, StorageUnavailable

if TYPE_CHECKING:
    from tokenward.server.maintenance.importing import Imported, Refusal
    from tokenward.server.services import Services

_FORMATS = ("csv", "json", "jsonl", "auth0", "django", "fastapi-users", "keycloak")
_MOST_SHOWN = 20
_REFUSED_STATUS = 3


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--format", "format_name", type=click.Choice(_FORMATS), help="What FILE holds; else its name tells."
)
@click.option("--dry-run", is_flag=True, help="Check everything and change nothing.")
@click.option("--report", type=click.Path(path_type=Path), help="A new file for the rows that are refused.")
@click.option(
    "--ignore", multiple=True, metavar="NAME", help="A column or member to leave out; may be repeated."
)
@click.option("--allow-admin", is_flag=True, help="Import accounts with the role admin too.")
@click.option("--allow-no-password", is_flag=True, help="Import accounts without a password hash too.")
@json_option
@settings_options
@reports_errors
def import_(
    file: Path,
    format_name: str | None,
    dry_run: bool,
    report: Path | None,
    ignore: tuple[str, ...],
    allow_admin: bool,
    allow_no_password: bool,
    as_json: bool,
    data: Path | None,
    config: Path | None,
) -> None:
    """Import accounts from FILE, with the password hashes that another system made.

    Everybody signs in with the password of before, and its hash is replaced then. The server may run meanwhile. Every
    row becomes an account or is refused, and the rest goes on; the same file may be imported again.

    Exit status 0 when every row is an account now, 3 when some were refused, 1 when the import came to no end.
    """
    from tokenward.server.accounts.account_import import AccountImport, Allowed
    from tokenward.server.accounts.import_refusals import MalformedFile
    from tokenward.server.maintenance.import_formats import find_format
    from tokenward.server.maintenance.import_rows import SourceFile
    from tokenward.server.maintenance.importing import Import
    from tokenward.server.services import database_path

    form = find_format(file, format_name)
    source = SourceFile(file)
    ended: MalformedFile | StorageUnavailable | None = None

    with _Refusals.open(report) as refusals, progress("Importing") as tell:

        async def work(services: "Services") -> "Imported":
            nonlocal ended
            running = Import(
                AccountImport(services.accounts),
                services.clock,
                database_path(services.settings),
                dry_run=dry_run,
                allowed=Allowed(allow_admin, allow_no_password),
                ignored=frozenset(ignore),
                tell_refused=refusals.add,
                tell_progress=tell,
            )
            try:
                await running.run(source, form)
            except (MalformedFile, StorageUnavailable) as error:
                # What was done before is counted and told all the same.
                ended = error
            return running.done

        done = run_with_services(data, config, work, create=not dry_run)
        source.close()
    _say(done, refusals, as_json=as_json, ended=None if ended is None else _why(ended))
    if ended is not None:
        click.echo(f"Error: {_why(ended)}", err=True)
        sys.exit(1)
    sys.exit(_REFUSED_STATUS if done.refused else 0)


class _Refusals:
    """The refused rows: all of them in the report, the first of them for the terminal. Neither holds the row itself."""

    def __init__(self, report: BinaryIO | None) -> None:
        self._report = report
        self.first: list[Refusal] = []

    @classmethod
    @contextmanager
    def open(cls, path: Path | None) -> "Iterator[_Refusals]":
        if path is None:
            yield cls(None)
            return
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            msg = f"{path} exists already, and is not overwritten. Name another file for the report."
            raise ConfigurationError(msg) from None
        with os.fdopen(descriptor, "wb") as report:
            yield cls(report)

    def add(self, refusal: "Refusal") -> None:
        from tokenward.server.accounts.import_refusals import REFUSALS

        if len(self.first) < _MOST_SHOWN:
            self.first.append(refusal)
        if self._report is not None:
            line = {**refusal._asdict(), "do": REFUSALS[refusal.code]}
            self._report.write(msgspec.json.encode(line) + b"\n")


def _why(error: Any) -> str:
    if isinstance(error, StorageUnavailable):
        return (
            f"The database cannot be read or written ({error.reason}). What is counted is done; mend it "
            "and run the same command again. Look with: tokenward doctor"
        )
    return f"{error.description}. Nothing was read from there on; mend it and run the same command again."


def _say(done: "Imported", refusals: _Refusals, *, as_json: bool, ended: str | None) -> None:
    from tokenward.server.accounts.import_refusals import REFUSALS

    if as_json:
        counts = {name: getattr(done, name) for name in done.__dataclass_fields__}
        print_json({**counts, "ended_early": ended})
        return
    for refusal in refusals.first:
        click.echo(f"line {refusal.line}: {refusal.code}: {REFUSALS[refusal.code]}", err=True)
    if done.refused > len(refusals.first):
        click.echo(f"and {done.refused - len(refusals.first)} more; --report FILE names them all", err=True)
    if done.rows == 0 and ended is not None:
        return
    what = "would create" if done.dry_run else "created"
    click.echo(
        f"{what} {done.created} accounts; {done.already_there} were imported before; "
        f"refused {done.refused} of {done.rows} rows"
    )
    for name, counted in (("refused", done.refused_by_code), ("dropped", done.dropped)):
        if counted:
            click.echo(
                f"{name}: " + ", ".join(f"{printable(one)} {count}" for one, count in counted.most_common())
            )
    if done.without_password:
        click.echo(f"without a password: {done.without_password}, who cannot sign in until one is set")
