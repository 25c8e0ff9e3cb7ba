"""`tokenward revoke`: make a token, a session, all tokens of an account or a key count for nothing."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tokenward.cli.keys import key_impact
from tokenward.cli.running import json_option, print_json, reports_errors, run_with_services, settings_options
from tokenward.errors import Error
from tokenward.protocol.errors import NOT_FOUND

if TYPE_CHECKING:
    from tokenward.server.services import Services


@click.command
@click.option("--token", "jti", metavar="JTI", help="One access token, by its jti.")
@click.option("--session", "sid", metavar="SID", help="One session and its tokens, by its sid.")
@click.option("--subject", "sub", metavar="SUB", help="Every session and token of an account, by its sub.")
@click.option("--key", "kid", metavar="KID", help="A key and every token it signed, by its kid.")
@click.option("--reason", default="operator", show_default=True, help="A word for the audit trail.")
@click.option("--yes", is_flag=True, help="Do not ask before a key is revoked.")
@json_option
@settings_options
@reports_errors
def revoke(
    jti: str | None,
    sid: str | None,
    sub: str | None,
    kid: str | None,
    reason: str,
    yes: bool,
    as_json: bool,
    data: Path | None,
    config: Path | None,
) -> None:
    """Revoke; a running server refuses from its next request on. There is no way back."""
    chosen = [(scope, value) for scope, value in
              (("token", jti), ("session", sid), ("subject", sub), ("key", kid)) if value is not None]  # fmt: skip
    if len(chosen) != 1:
        msg = "Give exactly one of --token, --session, --subject and --key."
        raise click.UsageError(msg)
    scope, value = chosen[0]

    async def work(services: "Services") -> int:
        if scope == "key":
            click.echo(await key_impact(services, value), err=True)
            if not yes and sys.stdin.isatty():
                click.confirm("Revoke it?", abort=True, err=True)
        return await _revoke(services, scope, value, reason)

    n = run_with_services(data, config, work)
    if as_json:
        print_json({"scope": scope, "value": value, "revoked_from": n})
        return
    click.echo(f"revoked {scope} {value}: refused from revocation record {n} on")


async def _revoke(services: "Services", scope: str, value: str, reason: str) -> int:
    from tokenward.server.audit import COMMAND_LINE
    from tokenward.server.sessions.session_id import sid_bytes

    if scope == "key":
        return await services.rotation.revoke(value, reason=reason, actor=COMMAND_LINE)
    if scope == "token":
        return await services.revocations.revoke_token(
            value, reason=reason, actor=COMMAND_LINE, audit=services.audit
        )
    if scope == "subject":
        account = await services.accounts.get(value)
        return (await services.sessions.end_all(account, actor=COMMAND_LINE, reason=reason)).n
    ended = await services.sessions.end(sid_bytes(value), actor=COMMAND_LINE, reason=reason)
    if ended is None:
        msg = f"There is no session {value}, or it has ended already."
        raise NoSuchSession(msg)
    return ended.n


class NoSuchSession(Error):
    """Nothing to revoke."""

    code = NOT_FOUND
    status = 404
