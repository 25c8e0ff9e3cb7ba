"""Files of other systems, small, for the tests of importing; and an import of one beside a test's server."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from tests.server.accounts.foreign_vectors import PASSWORD, VECTORS
from tests.server.building import Server

from tokenward.server.accounts.account_import import AccountImport, Allowed
from tokenward.server.accounts.import_refusals import MalformedFile
from tokenward.server.maintenance.import_formats import find_format
from tokenward.server.maintenance.import_rows import SourceFile
from tokenward.server.maintenance.importing import Import, Imported, Refusal
from tokenward.server.services import database_path

HASH = VECTORS["bcrypt 2b"]
HEADER = "email,username,name,roles,password_hash,email_verified,created_at,disabled"


class Done(NamedTuple):
    """What came of an import: the counts, the refusals, and what ended it early."""

    counts: Imported
    refusals: list[Refusal]
    ended: str | None

    @property
    def codes(self) -> list[tuple[int, str]]:
        return [(refusal.line, refusal.code) for refusal in self.refusals]


async def import_text(
    server: Server,
    text: str | bytes,
    form: str = "csv",
    *,
    dry_run: bool = False,
    allowed: Allowed | None = None,
    ignored: tuple[str, ...] = (),
    accounts: AccountImport | None = None,
) -> Done:
    """Import what a file with this text holds."""
    path = server.path.with_name("import-file")
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return await import_path(
        server, path, form, dry_run=dry_run, allowed=allowed, ignored=ignored, accounts=accounts
    )


async def import_path(
    server: Server,
    path: Path,
    form: str,
    *,
    dry_run: bool = False,
    allowed: Allowed | None = None,
    ignored: tuple[str, ...] = (),
    accounts: AccountImport | None = None,
) -> Done:
    """Import this file; `accounts` finds and creates."""
    refusals: list[Refusal] = []
    source = SourceFile(path)
    running = Import(
        accounts or AccountImport(server.services.accounts),
        server.clock,
        database_path(server.services.settings),
        dry_run=dry_run,
        allowed=allowed or Allowed(),
        ignored=frozenset(ignored),
        tell_refused=refusals.append,
        tell_progress=lambda left, whole: None,
    )
    ended = None
    try:
        await running.run(source, find_format(path, form))
    except MalformedFile as error:
        ended = error.description
    finally:
        source.close()
    return Done(running.done, refusals, ended)


def csv_line(**values: str) -> str:
    """A line under `HEADER`."""
    return ",".join(values.get(name, "") for name in HEADER.split(","))


def keycloak_user(name: str = "anna", **more: Any) -> dict[str, Any]:
    """A user as a realm export of Keycloak 26 has it, with the password of the vectors."""
    salt = bytes(range(16))
    digest = hashlib.pbkdf2_hmac("sha512", PASSWORD.encode(), salt, 5000, 64)
    secret = {"value": _base64(digest), "salt": _base64(salt), "additionalParameters": {}}
    how = {"hashIterations": 5000, "algorithm": "pbkdf2-sha512", "additionalParameters": {}}
    return {
        "id": "8f1f6b36-9d0c-4a0e-b5f5-0d6d5a1f0001",
        "createdTimestamp": 1714564800000,
        "username": name,
        "enabled": True,
        "totp": False,
        "emailVerified": True,
        "firstName": "Anna",
        "lastName": "Kern",
        "email": f"{name}@example.com",
        "attributes": {"department": ["sales"]},
        "credentials": [
            {
                "id": "1",
                "type": "password",
                "createdDate": 1714564800000,
                "secretData": json.dumps(secret),
                "credentialData": json.dumps(how),
            },
            {"id": "2", "type": "otp", "secretData": "{}", "credentialData": "{}"},
        ],
        "disableableCredentialTypes": [],
        "requiredActions": [],
        "realmRoles": ["default-roles-shop", "offline_access", "editor"],
        "notBefore": 0,
        "groups": [],
        **more,
    }


def realm(users: list[dict[str, Any]], **more: Any) -> str:
    """A realm export with much before and after its users."""
    clients = [{"clientId": f"c{number}", "x": '[{"users": 1}' * 20} for number in range(50)]
    return json.dumps(
        {"realm": "shop", "clients": clients, "users": users, "scopes": [1.5, -2e9], **more}, indent=2
    )


def lines(objects: list[dict[str, Any]]) -> bytes:
    return b"".join(msgspec.json.encode(one) + b"\n" for one in objects)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
