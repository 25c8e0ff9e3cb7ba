"""`tokenward serve`: start the authorization server."""

import os
from pathlib import Path
from typing import Any

import click

from tokenward.cli.running import reports_errors, settings_options
from tokenward.server.settings import load_settings


@click.command
@click.option(
    "--dev", is_flag=True, default=None, help="Plain HTTP on loopback, a made account, lines to try."
)
@click.option("--host", help="The address to listen on.")
@click.option("--port", type=int, help="The port to listen on; 0 takes any free one.")
@click.option("--uds", type=click.Path(path_type=Path), help="A Unix socket to listen on instead.")
@click.option("--tls-cert", type=click.Path(path_type=Path), help="A certificate to serve TLS with, in PEM.")
@click.option("--tls-key", type=click.Path(path_type=Path), help="The private key of that certificate.")
@settings_options
@reports_errors
def serve(*, data: Path | None, config: Path | None, **flags: Any) -> None:
    """Start the server; it prints "ready URL" when it answers, and stops on SIGTERM or Ctrl-C."""
    settings = load_settings(
        environment=os.environ,
        flags={"data": data, **flags},
        config=config,
    )
    from tokenward.server.serve import serve as serve_until_stopped

    serve_until_stopped(settings)
