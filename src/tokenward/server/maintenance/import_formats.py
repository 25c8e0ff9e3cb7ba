"""What the members of a row mean, for each system whose exports are imported, and what of them is dropped.

Owns the names and forms that other systems use. Whether what they say is right is `accounts.account_import`'s.
"""

import base64
import binascii
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from tokenward.errors import ConfigurationError
from tokenward.server.accounts.account_import import Fields, read_flag
from tokenward.server.accounts.foreign_hashes import UNKNOWN, argon2_text, pbkdf2_text
from tokenward.server.accounts.import_refusals import RowRefused
from tokenward.server.maintenance.import_rows import (
    Row,
    SourceFile,
    csv_rows,
    json_document,
    json_lines,
)

Members = dict[str, Any]

# What accounts have no place for is read all the same, so that a file need not be cut to fit; it is counted.
_DROPPED_COLUMN = "email_verified"
COLUMNS = frozenset((*Fields._fields, _DROPPED_COLUMN))
_LOGIN_COLUMNS = frozenset({"email", "username"})
_FASTAPI_COLUMNS = frozenset({"email", "hashed_password", "is_active"})
_SUFFIXES = {".csv": "csv", ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl"}
# Roles that Keycloak gives everybody by itself.
_KEYCLOAK_ROLES = ("default-roles-", "offline_access", "uma_authorization")
_KEYCLOAK_HASHES = {
    "pbkdf2": "sha1",
    "pbkdf2-sha1": "sha1",
    "pbkdf2-sha256": "sha256",
    "pbkdf2-sha512": "sha512",
}
_ARGON2_VERSIONS = {"1.0": 16, "1.3": 19}


class Mapped(NamedTuple):
    """What a row says of an account, and the names of what it says besides."""

    fields: Fields
    dropped: tuple[str, ...]


class Format(NamedTuple):
    """How a file is cut into rows (with the names to ignore), and what a row of it means.

    `closed` formats are this program's own: a name that they do not know is a mistake and not something to drop.
    """

    rows: Callable[[SourceFile, frozenset[str]], Iterator[Row]]
    fields: Callable[[Members], Mapped]
    closed: bool = False


def find_format(path: Path, name: str | None) -> Format:
    """The format of this name, or the one that the file's name ends with.

    Raises:
        ConfigurationError: the file's name does not tell.
    """
    chosen = name or _SUFFIXES.get(path.suffix.lower())
    if chosen is None:
        msg = f"What {path.name} holds cannot be told from its name. Say it with --format."
        raise ConfigurationError(msg)
    return FORMATS[chosen]


def _plain(members: Members) -> Mapped:
    fields = Fields(**{name: members.get(name) for name in Fields._fields})
    return Mapped(fields, _left(members, Fields._fields))


def _auth0(members: Members) -> Mapped:
    """A line of the export of password hashes, perhaps with what the export of users has beside them."""
    email = members.get("email") or _identifier(members)
    name = members.get("name")
    fields = Fields(
        email=email,
        username=members.get("username"),
        # Auth0 fills in the address where no name is known.
        name=None if name == email else name,
        password_hash=members.get("passwordHash"),
        created_at=members.get("created_at"),
        disabled=members.get("blocked"),
    )
    used = ("email", "username", "name", "passwordHash", "created_at", "blocked", "identifiers")
    return Mapped(fields, _left(members, (*used, "_id", "_tmp_is_unique")))


def _identifier(members: Members) -> object:
    identifiers = members.get("identifiers")
    for one in identifiers if isinstance(identifiers, list) else ():
        if isinstance(one, dict) and one.get("type") == "email":
            return one.get("value")
    return None


def _keycloak(members: Members) -> Mapped:
    """A user of a realm export."""
    if members.get("serviceAccountClientId"):
        raise RowRefused("not_an_account")
    email, username = _email_and_username(members)
    created = members.get("createdTimestamp")
    roles = members.get("realmRoles")
    fields = Fields(
        email=email,
        username=username,
        name=_full_name(members, "firstName", "lastName"),
        roles=_without_own_roles(roles) if isinstance(roles, list) else roles,
        password_hash=_keycloak_hash(members.get("credentials")),
        created_at=created // 1000 if isinstance(created, int) else created,
        disabled=_not(members.get("enabled")),
    )
    used = ("email", "username", "firstName", "lastName", "realmRoles", "credentials", "createdTimestamp")
    dropped = _left(members, (*used, "enabled", "id", "access", "disableableCredentialTypes"))
    return Mapped(fields, (*dropped, *_other_credentials(members.get("credentials"))))


def _django(members: Members) -> Mapped:
    """An object of `dumpdata auth.user`, or of another model of users."""
    values = members.get("fields")
    if not str(members.get("model", "")).endswith("user") or not isinstance(values, dict):
        raise RowRefused("not_an_account")
    email, username = _email_and_username(values)
    password = values.get("password")
    fields = Fields(
        email=email,
        username=username,
        name=_full_name(values, "first_name", "last_name"),
        # This is how Django marks an account that has no password.
        password_hash=None if isinstance(password, str) and password.startswith("!") else password,
        created_at=values.get("date_joined"),
        disabled=_not(values.get("is_active")),
    )
    used = ("email", "username", "first_name", "last_name", "password", "date_joined", "is_active")
    return Mapped(fields, _left(values, (*used, "last_login")))


def _fastapi_users(members: Members) -> Mapped:
    """A line of the table of fastapi-users as CSV."""
    fields = Fields(
        email=members.get("email"),
        username=members.get("username"),
        password_hash=members.get("hashed_password"),
        created_at=members.get("created_at"),
        disabled=_not(members.get("is_active")),
    )
    return Mapped(
        fields,
        _left(members, ("email", "username", "hashed_password", "created_at", "is_active", "id")),
    )


def _email_and_username(values: Members) -> tuple[object, object]:
    """Where an address is the user name as well, it is the address; a user name has no `@` here."""
    email, username = values.get("email"), values.get("username")
    if isinstance(username, str) and "@" in username:
        if not email:
            return username, None
        if isinstance(email, str) and email.casefold() == username.casefold():
            return email, None
    return email, username


def _full_name(values: Members, *names: str) -> object:
    parts = [values.get(name) for name in names]
    return " ".join(part for part in parts if isinstance(part, str) and part)


def _not(flag: object) -> object:
    """The opposite of a flag, or nothing where it is not said."""
    return None if flag is None or flag == "" else not read_flag(flag)


def _without_own_roles(roles: list[object]) -> list[object]:
    return [role for role in roles if not (isinstance(role, str) and role.startswith(_KEYCLOAK_ROLES))]


def _keycloak_hash(credentials: object) -> str | None:
    """The text of the password's hash, for which Keycloak has an object of its own.

    Raises:
        RowRefused: the credential is of no form that Keycloak writes.
    """
    passwords = [one for one in _objects(credentials) if one.get("type") == "password"]
    if not passwords:
        return None
    try:
        return _hash_text(passwords[0])
    except (ValueError, TypeError, KeyError, IndexError, binascii.Error, msgspec.MsgspecError):
        raise RowRefused(UNKNOWN) from None


def _hash_text(credential: Members) -> str:
    if "hashedSaltedValue" in credential:
        # Keycloak before version 8.
        data = credential
        digest, salt = credential["hashedSaltedValue"], credential["salt"]
    else:
        secret = msgspec.json.decode(credential["secretData"], type=dict[str, Any])
        data = msgspec.json.decode(credential["credentialData"], type=dict[str, Any])
        digest, salt = secret["value"], secret["salt"]
    digest, salt = (base64.b64decode(part, validate=True) for part in (digest, salt))
    if data["algorithm"] == "argon2":
        more = {name: values[0] for name, values in data["additionalParameters"].items()}
        return argon2_text(
            f"argon2{more['type']}",
            _ARGON2_VERSIONS[more["version"]],
            int(more["memory"]),
            int(data["hashIterations"]),
            int(more["parallelism"]),
            salt,
            digest,
        )
    return pbkdf2_text(_KEYCLOAK_HASHES[data["algorithm"]], int(data["hashIterations"]), salt, digest)


def _other_credentials(credentials: object) -> Iterator[str]:
    for one in _objects(credentials):
        if one.get("type") != "password":
            yield f"credentials.{one.get('type')}"


def _objects(values: object) -> Iterator[Members]:
    return (one for one in (values if isinstance(values, list) else ()) if isinstance(one, dict))


def _left(members: Members, used: tuple[str, ...]) -> tuple[str, ...]:
    """The names of the members that say something and are not used."""
    return tuple(
        name for name, value in members.items() if name not in used and value not in (None, "", [], {}, False)
    )


FORMATS: dict[str, Format] = {
    "csv": Format(
        lambda file, ignored: csv_rows(file, COLUMNS, ignored, _LOGIN_COLUMNS), _plain, closed=True
    ),
    "json": Format(lambda file, ignored: json_document(file, member=None), _plain, closed=True),
    "jsonl": Format(lambda file, ignored: json_lines(file), _plain, closed=True),
    "auth0": Format(lambda file, ignored: json_lines(file), _auth0),
    "django": Format(lambda file, ignored: json_document(file, member=None), _django),
    "fastapi-users": Format(
        lambda file, ignored: csv_rows(
            file, _FASTAPI_COLUMNS, ignored, frozenset({"hashed_password"}), open_=True
        ),
        _fastapi_users,
    ),
    "keycloak": Format(lambda file, ignored: json_document(file, member="users"), _keycloak),
}
