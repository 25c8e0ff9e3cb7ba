"""`tokenward backup`: the database as one file, also while the server runs."""

from pathlib import Path

import click

from tokenward.cli.running import (
    command_settings,
    json_option,
    print_json,
    progress,
    reports_errors,
    settings_options,
)


@click.command
@click.argument("file", type=click.Path(path_type=Path))
@json_option
@settings_options
@reports_errors
def backup(file: Path, as_json: bool, data: Path | None, config: Path | None) -> None:
    """Copy the database to FILE, which must not exist, and check the copy; a running server is not held up.

    The copy is as secret as the database: it holds addresses and password hashes. It does not hold the master key,
    without which nobody can restore it: keep that key in another place.
    """
    from tokenward.server.maintenance.backup import back_up

    with progress("Copying") as tell:
        done = back_up(command_settings(data, config), file, tell)
    if as_json:
        print_json({"file": str(done.file), "bytes": done.size})
        return
    click.echo(
        f"backed up to {done.file} ({done.size} bytes, checked); to restore it the master key is needed too"
    )
