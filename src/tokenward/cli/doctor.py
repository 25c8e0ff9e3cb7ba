"""`tokenward doctor`: everything looked over, with what to do."""

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tokenward.cli.running import command_settings, json_option, print_json, settings_options
from tokenward.errors import Error

if TYPE_CHECKING:
    from tokenward.server.maintenance.doctor import Finding


@click.command
@json_option
@settings_options
def doctor(as_json: bool, data: Path | None, config: Path | None) -> None:
    """Look over settings, files, database, keys and clock; change nothing; say what is wrong and what to do.

    Exit status 1 when something is wrong, and 0 when all is well or there are only warnings.
    """
    findings = _findings(data, config)
    levels = [finding.level for finding in findings]
    if as_json:
        print_json({"ok": "wrong" not in levels, "findings": [finding._asdict() for finding in findings]})
    else:
        width = max(len(finding.what) for finding in findings)
        for finding in findings:
            click.echo(f"{finding.level.ljust(7)}  {finding.what.ljust(width)}  {finding.says}")
            if finding.do:
                click.echo(f"{'':7}  {'':{width}}  -> {finding.do}")
        click.echo(f"{levels.count('wrong')} wrong, {levels.count('warning')} to look at")
    sys.exit(1 if "wrong" in levels else 0)


def _findings(data: Path | None, config: Path | None) -> "list[Finding]":
    from tokenward.server.maintenance.doctor import Finding, examine

    try:
        return asyncio.run(examine(command_settings(data, config)))
    except Error as error:
        return [Finding("settings", "wrong", error.reason or "one is wrong", error.description)]
