"""`tokenward restore`: a backup becomes the database again, and nothing revoked comes back."""

from pathlib import Path

import click

from tokenward.cli.running import (
    command_settings,
    json_option,
    print_json,
    progress,
    reports_errors,
    settings_options,
    time_text,
)


@click.command
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--force", is_flag=True, help="Also where there is a database, which is kept under another name."
)
@click.option(
    "--as-it-was",
    is_flag=True,
    help="Also accounts that were erased or disabled since the backup come back: to undo a mistake.",
)
@json_option
@settings_options
@reports_errors
def restore(
    file: Path, force: bool, as_it_was: bool, as_json: bool, data: Path | None, config: Path | None
) -> None:
    """Restore FILE, which `backup` made, into the data folder; the server must be stopped.

    Everybody signs in again, and no token of before counts: every key is replaced, and the revocation log goes on in a
    new epoch. Accounts, passwords and roles are those of the backup; whom the database of before calls erased or
    disabled stays so. The master key of the backup is needed.
    """
    from tokenward.server.maintenance.restore import restore as restore_database

    with progress("Restoring") as tell:
        done = restore_database(
            command_settings(data, config), file, force=force, as_it_was=as_it_was, progress=tell
        )
    if as_json:
        kept = None if done.kept is None else str(done.kept)
        carried = None if done.carried_over is None else done.carried_over._asdict()
        print_json(
            {
                "epoch": done.epoch,
                "revoked_from": done.n,
                "newest_at": done.newest_at,
                "kept": kept,
                "carried_over": carried,
            }
        )
        return
    as_of = "an empty log" if done.newest_at is None else time_text(done.newest_at)
    click.echo(f"restored as of {as_of}; epoch {done.epoch}; everybody signs in again")
    click.echo(f"every token of before is refused from revocation record {done.n} on")
    if done.kept is not None:
        click.echo(f"the database of before is kept as {done.kept}; remove it when nobody misses anything")
    click.echo("Changes since the backup are gone: passwords, roles, names.")
    if done.carried_over is not None:
        click.echo(
            "As the database of before had it, "
            f"{done.carried_over.erased} accounts were erased again and {done.carried_over.disabled} disabled again."
        )
    else:
        click.echo(
            "Accounts that were erased or disabled since are there again: no database of before was asked. "
            "Delete and disable them again."
        )
