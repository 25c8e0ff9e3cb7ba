"""`tokenward keys …`: look at the key ring, rotate and revoke by hand, change the master key."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tokenward.cli.running import (
    command_settings,
    confirm,
    counting,
    json_option,
    print_json,
    print_list,
    reports_errors,
    run_with_services,
    settings_options,
    yes_option,
)
from tokenward.errors import ConfigurationError

if TYPE_CHECKING:
    from tokenward.server.services import Services
    from tokenward.server.settings import Settings


@click.group
def keys() -> None:
    """List keys, rotate and revoke them, change the master key."""


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


@keys.command
@click.argument("kid", metavar="KID")
@click.option("--reason", default="operator", show_default=True, help="A word for the audit trail.")
@yes_option
@json_option
@settings_options
@reports_errors
def revoke(kid: str, reason: str, yes: bool, as_json: bool, data: Path | None, config: Path | None) -> None:
    """Revoke a key at once, because it was stolen: every token it signed is refused from the next request on.

    Says what that does to whom, and asks.
    """

    async def work(services: "Services") -> int:
        confirm(await key_impact(services, kid), "Revoke it?", yes=yes)
        return await services.rotation.revoke(kid, reason=reason, actor="command-line")

    n = run_with_services(data, config, work)
    if as_json:
        print_json({"scope": "key", "value": kid, "revoked_from": n})
        return
    click.echo(f"revoked key {kid}: refused from revocation record {n} on")


@keys.command
@yes_option
@json_option
@settings_options
@reports_errors
def rewrap(yes: bool, as_json: bool, data: Path | None, config: Path | None) -> None:
    """Seal everything by a new master key, while the server runs.

    The settings name the new key, and the old one as master_key_previous, master_key_previous_file or
    master_key_previous_command. A server that has its key from a master_key_file reads that file again by itself; give
    any other both keys and start it again first. Can be stopped and begun again.
    """
    from tokenward.server.maintenance.sealing import rewrap as rewrap_everything
    from tokenward.server.storage.file_lock import FileLock

    settings = command_settings(data, config)
    database = _check_database(settings)
    if settings.master_key_file is None and FileLock.is_held(database):
        confirm(
            "A server is running, and its new master key does not come from a file that it could read again: if it was "
            "not started with both keys, it answers errors from now on, until it is.",
            "Was it started with both?",
            yes=yes,
        )
    with counting("accounts") as tell:
        done = asyncio.run(rewrap_everything(settings, progress=tell))
    if as_json:
        print_json({"keys": done.keys, "accounts": done.accounts})
        return
    click.echo(
        f"sealed anew: {done.keys} keys and {done.accounts} accounts; nothing needs the old master key any more"
    )
    click.echo("Take master_key_previous out of the settings. Backups of before still need the old key.")


@keys.command
@click.option(
    "--lost-master-key", is_flag=True, help="Say that the master key is lost: nothing else resets keys."
)
@yes_option
@json_option
@settings_options
@reports_errors
def reset(lost_master_key: bool, yes: bool, as_json: bool, data: Path | None, config: Path | None) -> None:
    """Make a new ring under a new master key when the old one is lost for ever; the server must be stopped.

    Everybody signs in again. Accounts, passwords and roles stay. What the audit log holds of people in sealed form
    cannot be read again.
    """
    from tokenward.server.maintenance.sealing import reset_after_loss

    if not lost_master_key:
        msg = "Give --lost-master-key, which says what this is for. To change a key you have: tokenward keys rewrap"
        raise click.UsageError(msg)
    settings = command_settings(data, config)
    _check_database(settings)
    confirm(
        "Every key is replaced: all sessions end, every access token is refused, and everybody signs in again. "
        "Personal data in the audit log of before cannot be read again by anybody.",
        "Reset the keys?",
        yes=yes,
    )
    with counting("accounts") as tell:
        done = asyncio.run(reset_after_loss(settings, progress=tell))
    if as_json:
        print_json({"keys": done.keys, "accounts": done.accounts, "revoked_from": done.n})
        return
    click.echo(f"new keys: {done.keys} lost ones replaced, {done.accounts} accounts got a new personal key")
    click.echo(f"every token of before is refused from revocation record {done.n} on")


async def key_impact(services: "Services", kid: str) -> str:
    """What revoking the key would do to whom, in words: the same that administrators read over HTTP."""
    from tokenward.server.keyring.impact import KeyImpact

    impact = KeyImpact(
        ring=services.ring,
        rotation=services.rotation,
        sessions=services.storage.sessions,
        clock=services.clock,
    )
    return (await impact.find_out(kid)).in_words


def _check_database(settings: "Settings") -> Path:
    from tokenward.server.services import database_path

    path = database_path(settings)
    if not path.exists():
        msg = f"There is no database in {settings.data}. Name the data folder of the server with --data."
        raise ConfigurationError(msg)
    return path
