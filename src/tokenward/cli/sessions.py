"""`tokenward sessions …`: who is signed in, and ending it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tokenward.cli.accounts import find_account
from tokenward.cli.running import (
    json_option,
    print_json,
    print_list,
    reports_errors,
    run_with_services,
    settings_options,
)

if TYPE_CHECKING:
    from tokenward.server.services import Services
    from tokenward.server.storage.records import SessionRecord


@click.group
def sessions() -> None:
    """List sessions, and end them."""


@sessions.command("list")
@click.option("--account", metavar="EMAIL|USERNAME|SUB", help="Those of one account only.")
@click.option("--limit", type=click.IntRange(1, 200), default=50, show_default=True)
@click.option("--cursor", help="Where the page before ended.")
@json_option
@settings_options
@reports_errors
def list_(
    account: str | None,
    limit: int,
    cursor: str | None,
    as_json: bool,
    data: Path | None,
    config: Path | None,
) -> None:
    """List the sessions that have neither ended nor expired."""

    async def work(services: "Services") -> Any:
        sub = None if account is None else (await find_account(services, account)).sub
        return await services.session_directory.page(sub=sub, after=cursor, limit=limit)

    page = run_with_services(data, config, work)
    print_list([_row(session) for session in page.items], as_json=as_json, next_cursor=page.next_cursor)


@sessions.command
@click.argument("sid", metavar="SID")
@click.option("--reason", default="operator", show_default=True, help="A word for the audit trail.")
@json_option
@settings_options
@reports_errors
def end(sid: str, reason: str, as_json: bool, data: Path | None, config: Path | None) -> None:
    """End one session: its refresh token and its access tokens are refused from the next request on."""

    async def work(services: "Services") -> int:
        from tokenward.server.audit import COMMAND_LINE
        from tokenward.server.sessions.directory import get_sid

        ended = await services.session_directory.end(
            get_sid(sid), sub=None, actor=COMMAND_LINE, reason=reason
        )
        return ended.n

    n = run_with_services(data, config, work)
    if as_json:
        print_json({"sid": sid, "revoked_from": n})
        return
    click.echo(f"ended session {sid}: refused from revocation record {n} on")


def _row(session: "SessionRecord") -> dict[str, Any]:
    from tokenward.server.sessions.session_id import sid_text

    return {
        "sid": sid_text(session.sid),
        "sub": session.sub,
        "client_id": session.client_id,
        "created_at": session.created_at,
        "last_seen_at": session.last_seen_at,
        "network": session.network,
        "agent": session.agent,
    }
