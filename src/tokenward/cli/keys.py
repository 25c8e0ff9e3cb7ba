"""`tokenward keys …`: look at the key ring, and rotate it by hand."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tokenward.cli.running import (
    json_option,
    print_list,
    reports_errors,
    run_with_services,
    settings_options,
)

if TYPE_CHECKING:
    from tokenward.server.app import Services


@click.group
def keys() -> None:
    """List the keys of the ring, and rotate them."""


@keys.command("list")
@json_option
@settings_options
@reports_errors
def list_(as_json: bool, data: Path | None, config: Path | None) -> None:
    """List every key with its state and since when it has it."""

    async def work(services: "Services") -> list[dict[str, Any]]:
        return [
            {
                "kid": key.kid,
                "use": key.use,
                "alg": key.alg,
                "state": key.state,
                "created_at": key.created_at,
                "activated_at": key.activated_at,
                "retiring_at": key.retiring_at,
                "retired_at": key.retired_at,
            }
            for key in services.ring.records
        ]

    print_list(run_with_services(data, config, work), as_json=as_json)


@keys.command
@settings_options
@reports_errors
def rotate(data: Path | None, config: Path | None) -> None:
    """Hand over to the stand-by keys now instead of when their time has come.

    Tokens stay good: the old key verifies until the last token it signed has expired. Refused while a stand-by key
    has not been published for long enough. Against a stolen key this does nothing; use: tokenward revoke --key KID
    """
    click.echo("No token and no session is lost: the keys that signed until now go on verifying.", err=True)

    async def work(services: "Services") -> list[str]:
        return await services.rotation.rotate_now("command-line")

    for line in run_with_services(data, config, work):
        click.echo(line)
