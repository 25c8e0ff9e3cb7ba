"""`tokenward migrate`: bring the database to the version of this program."""

from pathlib import Path

import click

from tokenward.cli.running import command_settings, reports_errors, settings_options
from tokenward.errors import ConfigurationError


@click.command
@click.option("--plan", is_flag=True, help="Only say what would be done.")
@settings_options
@reports_errors
def migrate(plan: bool, data: Path | None, config: Path | None) -> None:
    """Apply the migrations that the database does not have yet. Forward only; back it up first."""
    from tokenward.server.services import database_path
    from tokenward.server.storage import migrate as migrations

    settings = command_settings(data, config)
    path = database_path(settings)
    if not settings.data.is_dir():
        msg = f"There is no folder {settings.data}. Name the data folder of the server with --data."
        raise ConfigurationError(msg)
    pending = migrations.plan(path) if plan else migrations.migrate(path)
    verb = "would apply" if plan else "applied"
    for migration in pending:
        click.echo(f"{verb} {migration.number:04} {migration.name}")
    if not pending:
        click.echo(f"{path} is up to date")
