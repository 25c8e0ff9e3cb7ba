"""`tokenward settings`: the reference of all settings, as it stands in the documentation."""

import click

from tokenward.server.settings import settings_reference


@click.command
def settings() -> None:
    """Print every setting with its meaning, default and bounds, in Markdown."""
    click.echo(settings_reference().rstrip())
