"""`tokenward tokens inspect`: what a token says, whether it is valid here, and why not."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tokenward.cli.running import (
    json_option,
    print_json,
    reports_errors,
    run_with_services,
    settings_options,
    time_text,
)
from tokenward.errors import Error

if TYPE_CHECKING:
    from tokenward.server.services import Services

_TIMES = ("exp", "iat", "nbf", "auth_time")
_YEAR_10000 = 253_402_300_800


@click.group
def tokens() -> None:
    """Look into a token."""


@tokens.command
@click.argument("token", default="-")
@json_option
@settings_options
@reports_errors
def inspect(token: str, as_json: bool, data: Path | None, config: Path | None) -> None:
    """Say what an access or refresh token contains, whether it is valid here, and why not.

    Reads the token from standard input unless it is given: arguments end in the shell's history. Ends with status 1
    for a token that is not valid.
    """
    text = sys.stdin.readline().strip() if token == "-" else token  # noqa: S105 - a dash is no secret

    async def work(services: "Services") -> dict[str, Any]:
        if text.startswith("twr_"):
            return await _inspect_refresh_token(services, text)
        return _inspect_access_token(services, text)

    found = run_with_services(data, config, work)
    if as_json:
        print_json(found)
    else:
        _print(found)
    sys.exit(0 if found["valid"] else 1)


async def _inspect_refresh_token(services: "Services", text: str) -> dict[str, Any]:
    from tokenward.server.sessions import refresh_tokens
    from tokenward.server.sessions.session_id import sid_text

    try:
        presented = refresh_tokens.decode(text)
    except Error as error:
        return {"kind": "refresh token", "valid": False, "reason": error.reason}
    contents = {
        "kind": "refresh token",
        "sid": sid_text(presented.sid),
        "generation": presented.generation,
        "key_number": presented.key_number,
    }
    try:
        session = await services.sessions.find_by_refresh_token(text, client_id="first-party")
    except Error as error:
        return {**contents, "valid": False, "reason": error.reason}
    contents |= {"sub": session.sub, "client_id": session.client_id, "scope": session.scope}
    if session.generation != presented.generation:
        reason = f"the session is at generation {session.generation}"
        return {**contents, "valid": False, "reason": reason}
    return {**contents, "valid": True, "reason": ""}


def _inspect_access_token(services: "Services", text: str) -> dict[str, Any]:
    from tokenward.jose.jws import unverified_header
    from tokenward.jose.jwt import unverified_claims

    try:
        header, claims = unverified_header(text), unverified_claims(text)
    except Error as error:
        return {"kind": "unreadable", "valid": False, "reason": error.reason}
    contents: dict[str, Any] = {"kind": "access token", "header": header, "claims": claims}
    notes = []
    issuer, audience = services.settings.issuer, services.settings.audience
    if not issuer:
        # A development server's issuer is made of its port, which a command beside it does not know.
        issuer, audience = str(claims.get("iss", "")), _one(claims.get("aud"))
        notes.append("no issuer is set, so iss and aud were taken from the token itself")
    try:
        _verifier(services, issuer, audience).verify(text)
    except Error as error:
        return {**contents, "valid": False, "reason": error.reason or error.description, "notes": notes}
    return {**contents, "valid": True, "reason": "", "notes": notes}


def _verifier(services: "Services", issuer: str, audience: str) -> Any:
    from tokenward.tokens.verifier import TokenVerifier

    return TokenVerifier(
        issuer=issuer,
        audience=audience,
        keys=services.ring.verification_keys,
        clock=services.clock,
        leeway_seconds=0,
        revocations=services.revocations.revoked,
    )


def _one(audience: object) -> str:
    return str(audience[0]) if isinstance(audience, list) and audience else str(audience)


def _print(found: dict[str, Any]) -> None:
    click.echo(f"{found['kind']}: {'valid' if found['valid'] else 'NOT valid: ' + found['reason']}")
    for part in ("header", "claims"):
        for name, value in found.get(part, {}).items():
            kind = part[:-1] if part == "claims" else part
            click.echo(f"  {kind} {_printable(name)}: {_printable(value)}{_as_time(name, value)}")
    for name in ("sub", "sid", "client_id", "scope", "generation", "key_number"):
        if name in found:
            click.echo(f"  {name}: {found[name]}")
    for note in found.get("notes", ()):
        click.echo(f"  note: {note}")


def _printable(value: object) -> str:
    # Whoever made the token may have put the control sequences of a terminal into it.
    return value if isinstance(value, str) and value.isprintable() else json.dumps(value)


def _as_time(name: str, value: object) -> str:
    if name not in _TIMES or type(value) is not int or not 0 <= value < _YEAR_10000:
        return ""
    return f"  ({time_text(value)})"
