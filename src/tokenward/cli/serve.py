"""`tokenward serve`: start the authorization server."""

import os
from pathlib import Path

import click

from tokenward.cli.running import reports_errors, settings_options
from tokenward.server.settings import load_settings


@click.command
@click.option(
    "--dev", is_flag=True, default=None, help="Plain HTTP on loopback, a made account, lines to try."
)
@click.option("--host", help="The address to listen on.")
@click.option("--port", type=int, help="The port to listen on; 0 takes any free one.")
@settings_options
@reports_errors
def serve(
    dev: bool | None, host: str | None, port: int | None, data: Path | None, config: Path | None
) -> None:
    """Start the server; it prints "ready URL" when it answers, and stops on SIGTERM or Ctrl-C."""
    settings = load_settings(
        environment=os.environ,
        flags={"dev": dev, "host": host, "port": port, "data": data},
        config=config,
    )
    from tokenward.server.serve import serve as serve_until_stopped

    serve_until_stopped(settings)
