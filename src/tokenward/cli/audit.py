"""`tokenward audit`: what happened, the newest first."""

import asyncio
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from tokenward.cli.running import json_option, reports_errors, run_with_services, settings_options, time_text

if TYPE_CHECKING:
    from tokenward.server.services import Services
    from tokenward.server.storage.records import AuditRecord

_PAGE = 200
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


def _when(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """A moment: so long ago (`90m`, `2d`), or a date and time of ISO 8601 (UTC unless it says otherwise)."""
    if value is None:
        return None
    if ago := re.fullmatch(r"([0-9]{1,6})([smhdw])", value):
        from tokenward.clock import SystemClock

        return int(SystemClock().now()) - int(ago[1]) * _UNITS[ago[2]]
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        msg = f"{value!r} is no time. Write 90m, 12h, 2d, 2026-01-31 or 2026-01-31T12:00:00Z"
        raise click.BadParameter(msg, ctx, param) from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


@click.command
@click.option(
    "--since",
    callback=_when,
    metavar="WHEN",
    help="Not older: 90m, 12h, 2d, a date, or a date and time (UTC).",
)
@click.option("--until", callback=_when, metavar="WHEN", help="Older than this, written in the same way.")
@click.option("--actor", help="Who did it: a sub, command-line, or system.")
@click.option("--subject", help="The account it was done to: its sub.")
@click.option("--event", help="What was done, such as session.started.")
@click.option("--limit", type=click.IntRange(min=1), help="At most so many, the newest.  [default: all]")
@json_option
@settings_options
@reports_errors
def audit(
    since: int | None,
    until: int | None,
    actor: str | None,
    subject: str | None,
    event: str | None,
    limit: int | None,
    as_json: bool,
    data: Path | None,
    config: Path | None,
) -> None:
    """Print the audit log, the newest event first, as it is read; with --json one object on each line.

    Personal data stays sealed.
    """

    async def work(services: "Services") -> None:
        from tokenward.server.storage.records import AuditFilter

        filters = AuditFilter(subject=subject, actor=actor, event=event, since=since, until=until)
        before: tuple[int, int] | None = None
        left = limit
        while left is None or left > 0:
            wanted = _PAGE if left is None else min(_PAGE, left)
            page = await services.storage.audit.newest(filters, before, wanted)
            for record in page:
                _print(record, as_json=as_json)
            if len(page) < wanted:
                return
            before = (page[-1].at, page[-1].id or 0)
            left = None if left is None else left - len(page)
            # A Ctrl-C is noticed between two pages.
            await asyncio.sleep(0)

    run_with_services(data, config, work)


def _print(record: "AuditRecord", *, as_json: bool) -> None:
    if as_json:
        row = record._asdict()
        del row["personal_wrapped"]
        row["detail"] = msgspec.json.decode(record.detail)
        click.echo(msgspec.json.encode(row).decode())
        return
    parts = [time_text(record.at), record.event, f"actor={record.actor or '-'}"]
    named = {"subject": record.subject, "sid": record.sid, "request": record.request_id}
    parts += [f"{name}={value}" for name, value in named.items() if value]
    if record.detail != "{}":
        parts.append(record.detail)
    click.echo("  ".join(parts))
