"""`tokenward accounts …`: make accounts and change them, beside a running server or without one."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tokenward.cli.account_import import import_
from tokenward.cli.running import (
    confirm,
    json_option,
    print_json,
    print_list,
    read_password,
    reports_errors,
    run_with_services,
    settings_options,
    yes_option,
)

if TYPE_CHECKING:
    from tokenward.server.services import Services
    from tokenward.server.sessions.sessions import Ended
    from tokenward.server.storage.records import AccountRecord

_ACTOR = "command-line"


@click.group
def accounts() -> None:
    """Create accounts, import them, change them, delete them."""


accounts.add_command(import_)

password_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input."
)
who = click.argument("account", metavar="EMAIL|USERNAME|SUB")


@accounts.command
@click.option("--email", help="The e-mail address to sign in with.")
@click.option("--username", help="The user name to sign in with.")
@click.option("--name", default="", help="What the person is called.")
@click.option("--role", "roles", multiple=True, help="A role, such as admin; may be given several times.")
@click.option("--external-id", help="What your application calls its own row of this person.")
@password_option
@json_option
@settings_options
@reports_errors
def create(
    email: str | None,
    username: str | None,
    name: str,
    roles: tuple[str, ...],
    external_id: str | None,
    password_stdin: bool,
    as_json: bool,
    data: Path | None,
    config: Path | None,
) -> None:
    """Create an account."""
    if email is None and username is None:
        msg = "Give --email or --username: the account signs in with one of them."
        raise click.UsageError(msg)
    password = read_password(from_stdin=password_stdin)

    async def work(services: "Services") -> "AccountRecord":
        return await services.accounts.create(
            email=email,
            username=username,
            name=name,
            roles=roles,
            external_id=external_id,
            password=password,
            actor=_ACTOR,
        )

    account = run_with_services(data, config, work, create=True)
    if as_json:
        print_json(_row(account))
    else:
        click.echo(f"created {account.sub}")


@accounts.command("set-password")
@who
@password_option
@settings_options
@reports_errors
def set_password(account: str, password_stdin: bool, data: Path | None, config: Path | None) -> None:
    """Set a new password, which signs the account out everywhere."""
    password = read_password(from_stdin=password_stdin)

    async def work(services: "Services") -> int:
        record = await find_account(services, account)
        return await services.accounts.set_password(record.sub, password, actor=_ACTOR)

    n = run_with_services(data, config, work)
    click.echo(f"password set; every token of before is refused from revocation record {n} on")


@accounts.command("list")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--cursor", help="Where the page before ended.")
@json_option
@settings_options
@reports_errors
def list_(limit: int, cursor: str | None, as_json: bool, data: Path | None, config: Path | None) -> None:
    """List accounts."""

    async def work(services: "Services") -> Any:
        return await services.accounts.page(after=cursor, limit=limit)

    page = run_with_services(data, config, work)
    print_list([_row(account) for account in page.items], as_json=as_json, next_cursor=page.next_cursor)


@accounts.command
@who
@settings_options
@reports_errors
def disable(account: str, data: Path | None, config: Path | None) -> None:
    """Disable an account: it is signed out everywhere and cannot sign in."""

    async def work(services: "Services") -> int | None:
        record = await find_account(services, account)
        return await services.accounts.set_disabled(record.sub, disabled=True, actor=_ACTOR)

    n = run_with_services(data, config, work)
    click.echo(f"disabled; every token of the account is refused from revocation record {n} on")


@accounts.command
@who
@settings_options
@reports_errors
def enable(account: str, data: Path | None, config: Path | None) -> None:
    """Enable a disabled account; it has to sign in again."""

    async def work(services: "Services") -> None:
        record = await find_account(services, account)
        await services.accounts.set_disabled(record.sub, disabled=False, actor=_ACTOR)

    run_with_services(data, config, work)
    click.echo("enabled")


@accounts.command("set-role")
@who
@click.option(
    "--role", "roles", multiple=True, help="A role; may be given several times. None takes all away."
)
@settings_options
@reports_errors
def set_role(account: str, roles: tuple[str, ...], data: Path | None, config: Path | None) -> None:
    """Replace the roles of an account; its access tokens of before are refused."""

    async def work(services: "Services") -> int:
        record = await find_account(services, account)
        return await services.accounts.set_roles(record.sub, roles, actor=_ACTOR)

    n = run_with_services(data, config, work)
    click.echo(f"roles set; tokens with the old ones are refused from revocation record {n} on")


@accounts.command
@who
@yes_option
@settings_options
@reports_errors
def delete(account: str, yes: bool, data: Path | None, config: Path | None) -> None:
    """Delete an account for good: its sessions end, and what the audit log holds of the person cannot be read again."""

    async def work(services: "Services") -> "Ended":
        record = await find_account(services, account)
        confirm(
            f"{record.sub} is deleted, with its sessions and the key of its personal data. There is no way back; "
            "backups of before still hold the account.",
            "Delete it?",
            yes=yes,
        )
        return await services.erasure.erase(record.sub, actor=_ACTOR)

    ended = run_with_services(data, config, work)
    click.echo(
        f"deleted, {ended.ended} sessions with it; its tokens are refused from revocation record {ended.n} on"
    )


async def find_account(services: "Services", account: str) -> "AccountRecord":
    """The account that somebody named by its e-mail address, its user name or its `sub`.

    Raises:
        AccountNotFound: there is none.
    """
    if account.startswith("usr_"):
        return await services.accounts.get(account)
    found = await services.accounts.find_by_login(account)
    return found if found is not None else await services.accounts.get(account)


def _row(account: "AccountRecord") -> dict[str, Any]:
    return {
        "sub": account.sub,
        "email": account.email,
        "username": account.username,
        "roles": account.roles,
        "external_id": account.external_id,
        "created_at": account.created_at,
        "disabled_at": account.disabled_at,
    }
