"""Imports beside a server in this process: every form, what is refused and why, and what a second run does."""

import base64
import hashlib
import json
from collections.abc import Sequence
from typing import Any

import argon2
import pytest
from tests.server.accounts.foreign_vectors import PASSWORD, VECTORS
from tests.server.building import OTHER_PASSWORD, Server, dump, raw_bytes, tamper
from tests.server.maintenance.import_files import (
    HASH,
    HEADER,
    csv_line,
    import_text,
    keycloak_user,
    lines,
    realm,
)

from tokenward.server.accounts.account_import import AccountImport, Allowed, CheckedRow
from tokenward.server.accounts.import_refusals import REFUSALS
from tokenward.server.maintenance.import_rows import LONGEST_ROW
from tokenward.server.storage.sqlite import SQLiteStorage

_SALT = base64.b64encode(bytes(range(16))).decode()


async def test_an_account_signs_in_with_the_password_of_before_and_gets_a_hash_of_ours(
    server: Server,
) -> None:
    row = csv_line(
        email="Anna@example.com",
        username="anna",
        name='"Kern, Anna"',
        roles="editor reviewer",
        password_hash=HASH,
        email_verified="true",
        created_at="2024-05-01T12:00:00Z",
        disabled="false",
    )
    done = await import_text(server, f"{HEADER}\n{row}\n")
    assert (done.counts.created, done.refusals, done.ended) == (1, [], None)
    assert done.counts.dropped == {"email_verified": 1}
    account = await server.services.accounts.find_by_login("ANNA")
    assert account is not None
    assert account == await server.services.accounts.find_by_login("anna@EXAMPLE.com")
    assert (account.email, account.username, account.name) == ("Anna@example.com", "anna", "Kern, Anna")
    assert account.roles == ("editor", "reviewer")
    assert (account.created_at, account.disabled_at, account.password_hash) == (1714564800, None, HASH)
    assert (await server.client.log_in("wrong", "anna")).code == "invalid_credentials"
    assert (await server.client.log_in(PASSWORD, "anna")).status == 200
    account = await server.services.accounts.get(account.sub)
    assert (account.password_hash or "").startswith("$argon2id$v=19$m=8,")
    assert (await server.client.log_in(PASSWORD, "anna@example.com")).status == 200
    assert len(await server.events("account.password_rehashed")) == 1


async def test_an_import_is_audited_with_the_person_sealed_and_no_hash(server: Server) -> None:
    await import_text(
        server, f"{HEADER}\n{csv_line(email='anna@example.com', roles='editor', password_hash=HASH)}\n"
    )
    (row,) = await server.events("account.imported")
    assert row.actor == "command-line"
    assert json.loads(row.detail) == {"roles": ["editor"], "disabled": False, "password": "bcrypt"}
    account = await server.services.accounts.get(row.subject)
    personal = server.services.audit.personal(row, account.personal_key_wrapped)
    assert personal == {"email": "anna@example.com"}
    assert HASH not in json.dumps(dump(server.path)["audit"], default=repr)
    assert HASH not in server.log_text


async def test_a_disabled_account_stays_out_and_one_without_a_password_too(server: Server) -> None:
    text = "\n".join(
        (HEADER, csv_line(username="gone", password_hash=HASH, disabled="t"), csv_line(username="nobody"))
    )
    done = await import_text(server, text, allowed=Allowed(no_password=True))
    assert (done.counts.created, done.counts.without_password) == (2, 1)
    for login, password in (("gone", PASSWORD), ("nobody", ""), ("nobody", PASSWORD)):
        assert (await server.client.log_in(password or "x", login)).code == "invalid_credentials"
    nobody = await server.services.accounts.find_by_login("nobody")
    assert nobody is not None
    await server.services.accounts.set_password(nobody.sub, OTHER_PASSWORD, actor="command-line")
    assert (await server.client.log_in(OTHER_PASSWORD, "nobody")).status == 200


REFUSED_ROWS = {
    "no_login": csv_line(name="Anna", password_hash=HASH),
    "invalid_email": csv_line(email="no address", password_hash=HASH),
    "invalid_username": csv_line(username="anna@example.com", password_hash=HASH),
    "invalid_name": csv_line(username="anna", name='"two\nlines"', password_hash=HASH),
    "invalid_roles": csv_line(username="anna", roles="Editor", password_hash=HASH),
    "admin_role": csv_line(username="anna", roles="editor;admin", password_hash=HASH),
    "invalid_created_at": csv_line(username="anna", password_hash=HASH, created_at="2024-05-01 12:00"),
    "invalid_flag": csv_line(username="anna", password_hash=HASH, disabled="perhaps"),
    "no_password": csv_line(username="anna"),
    "weak_hash": csv_line(username="anna", password_hash="0" * 32),
    "costly_hash": csv_line(username="anna", password_hash=HASH.replace("$08$", "$31$")),
    "unknown_hash": csv_line(username="anna", password_hash="anything"),
    "wrong_number_of_fields": "anna,too,few",
}


@pytest.mark.parametrize("code", REFUSED_ROWS)
async def test_a_wrong_row_is_refused_and_the_rest_goes_on(server: Server, code: str) -> None:
    good = csv_line(username="berta", password_hash=HASH)
    before = dump(server.path)["accounts"]
    done = await import_text(server, f"{HEADER}\n{REFUSED_ROWS[code]}\n{good}\n")
    assert done.codes == [(2, code)]
    assert (done.counts.created, done.counts.refused, done.counts.rows) == (1, 1, 2)
    assert len(dump(server.path)["accounts"]) == len(before) + 1


@pytest.mark.parametrize(
    "row",
    [
        csv_line(username="a\x00nna", password_hash=HASH),
        csv_line(username="anna", name="a\x00b", password_hash=HASH),
        csv_line(username="anna", roles="a\x00b", password_hash=HASH),
        csv_line(username="anna", password_hash=HASH + "\x00"),
        csv_line(email="anna@exa\x00mple.com", password_hash=HASH),
        csv_line(email="a" * 255 + "@example.com", password_hash=HASH),
        csv_line(username="a" * 65, password_hash=HASH),
        csv_line(username="anna", name="a" * 201, password_hash=HASH),
        csv_line(username="anna", roles=" ".join(f"r{n}" for n in range(33)), password_hash=HASH),
        csv_line(username="anna", password_hash=HASH, created_at="9" * 39),
        csv_line(username="anna", password_hash=HASH, created_at="-1"),
        csv_line(username="anna", password_hash=HASH, created_at="٣"),
        csv_line(username="anna", password_hash=HASH, created_at="2999-01-01T00:00:00Z"),
        csv_line(username="anna", password_hash=HASH, created_at="0001-01-01T00:00:00+23:59"),
        csv_line(username="anna", name="=cmd", password_hash="$2b$08$"),
    ],
)
async def test_no_row_with_nul_or_too_much_of_anything_becomes_an_account(server: Server, row: str) -> None:
    done = await import_text(server, f"{HEADER}\n{row}\n")
    assert (done.counts.created, done.counts.refused, done.ended) == (0, 1, None)
    assert dump(server.path)["accounts"] == []


async def test_bytes_that_are_no_utf8_refuse_their_row_only(server: Server) -> None:
    rows = [csv_line(username=f"user{n}", name="Zoe", password_hash=HASH).encode() for n in range(3)]
    rows[1] = rows[1].replace(b"Zoe", b"Zo\xeb")
    done = await import_text(server, b"\xef\xbb\xbf" + HEADER.encode() + b"\r\n" + b"\r\n".join(rows))
    assert done.codes == [(3, "not_utf8")]
    assert done.counts.created == 2


async def test_a_second_run_skips_what_is_there_and_takes_what_was_mended(server: Server) -> None:
    text = "\n".join(
        (
            HEADER,
            csv_line(email="a@example.com", username="anna", password_hash=HASH),
            csv_line(email="B@example.com", password_hash="wrong"),
            csv_line(username="carla", password_hash=HASH),
        )
    )
    first = await import_text(server, text)
    assert (first.counts.created, first.codes) == (2, [(3, "unknown_hash")])
    anna = await server.services.accounts.find_by_login("anna")
    assert anna is not None
    await server.services.accounts.set_password(anna.sub, OTHER_PASSWORD, actor=anna.sub)
    before = {row[0]: row for row in dump(server.path)["accounts"]}
    second = await import_text(server, text.replace("wrong", HASH))
    assert (second.counts.created, second.counts.already_there, second.refusals) == (1, 2, [])
    after = {row[0]: row for row in dump(server.path)["accounts"]}
    assert {sub: after[sub] for sub in before} == before
    # What was done since stays: the password of now, not the one in the file.
    assert (await server.client.log_in(PASSWORD, "anna")).code == "invalid_credentials"
    assert (await server.client.log_in(OTHER_PASSWORD, "anna")).status == 200


async def test_whoever_registered_with_the_address_of_another_does_not_get_the_place(server: Server) -> None:
    """An attacker who knows of the import registers first; the owner would sign in to the attacker's account."""
    await server.account("anna@example.com")
    text = f"{HEADER}\n{csv_line(email='ANNA@example.com', username='anna', password_hash=HASH)}\n"
    for _ in range(2):
        done = await import_text(server, text)
        assert (done.codes, done.counts.already_there) == ([(2, "login_taken")], 0)
    assert await server.services.accounts.find_by_login("anna") is None


async def test_whoever_registers_between_the_look_and_the_commit_is_told_of_and_takes_no_other_row_along(
    server: Server,
) -> None:
    class Late(AccountImport):
        async def create(self, rows: Sequence[CheckedRow]) -> list[bool]:
            await server.account("anna@example.com")
            return await super().create(rows)

    rows = [csv_line(email="anna@example.com", username="anna", password_hash=HASH)]
    rows += [csv_line(username="berta", password_hash=HASH)]
    done = await import_text(server, "\n".join((HEADER, *rows)), accounts=Late(server.services.accounts))
    assert (done.counts.created, done.codes) == (1, [(2, "login_taken")])
    assert await server.services.accounts.find_by_login("anna") is None
    assert len(await server.events("account.imported")) == 1


async def test_beside_a_server_no_commit_is_longer_than_a_few_rows(server: Server) -> None:
    storage = server.services.storage
    assert isinstance(storage, SQLiteStorage)
    rows = [csv_line(username=f"user{n}", password_hash=HASH) for n in range(200)]
    before = storage._writer.groups
    done = await import_text(server, "\n".join((HEADER, *rows)))
    assert done.counts.created == 200
    assert storage._writer.groups - before == 5


async def test_two_logins_of_two_accounts_are_no_account_that_is_there(server: Server) -> None:
    rows = [
        csv_line(email="a@example.com", password_hash=HASH),
        csv_line(username="anna", password_hash=HASH),
    ]
    await import_text(server, "\n".join((HEADER, *rows)))
    both = csv_line(email="a@example.com", username="anna", password_hash=HASH)
    assert (await import_text(server, f"{HEADER}\n{both}\n")).codes == [(2, "login_taken")]


async def test_a_login_that_is_twice_in_a_file_is_told_at_every_run(server: Server) -> None:
    text = "\n".join(
        (
            HEADER,
            csv_line(email="a@example.com", username="anna", password_hash=HASH),
            csv_line(email="b@example.com", username="ANNA", password_hash=HASH),
            csv_line(email="ａ@example.com", password_hash=HASH),
        )
    )
    expected = [(3, "duplicate_login"), (4, "duplicate_login")]
    assert (await import_text(server, text, dry_run=True)).codes == expected
    assert (await import_text(server, text)).codes == expected
    assert (await import_text(server, text)).codes == expected
    assert len(dump(server.path)["accounts"]) == 1


async def test_an_external_id_comes_along_and_is_of_one_account_only(server: Server) -> None:
    await server.account("linked@example.com")
    tamper(server.path, "UPDATE accounts SET external_id = 'row 1'")
    text = "\n".join(
        (
            "email,password_hash,external_id",
            f"a@example.com,{HASH},row 2",
            f"b@example.com,{HASH},row 1",
            f"c@example.com,{HASH},row 2",
            f"d@example.com,{HASH},{'x' * 256}",
            f"e@example.com,{HASH},",
        )
    )
    expected = [(3, "external_id_taken"), (4, "duplicate_external_id"), (5, "invalid_external_id")]
    assert (await import_text(server, text, dry_run=True)).codes == expected
    assert (await import_text(server, text)).codes == expected
    # Again: what is there is skipped, and its own id is not taken by another.
    again = await import_text(server, text)
    assert again.codes == expected
    assert again.counts.already_there == 2
    found = await server.services.accounts.find_by_login("a@example.com")
    assert found is not None
    assert found.external_id == "row 2"


async def test_a_dry_run_says_what_the_run_will_say_and_changes_nothing(server: Server) -> None:
    await server.account("taken@example.com")
    await import_text(server, f"{HEADER}\n{csv_line(username='there', password_hash=HASH)}\n")
    text = "\n".join(
        (
            HEADER,
            *REFUSED_ROWS.values(),
            csv_line(username="there", password_hash=HASH),
            csv_line(email="taken@example.com", password_hash=HASH),
            csv_line(username="fresh", password_hash=HASH, email_verified="true"),
            csv_line(username="fresh", password_hash=HASH),
        )
    )
    before = dump(server.path)
    dry = await import_text(server, text, dry_run=True)
    assert dump(server.path) == before
    real = await import_text(server, text)
    assert dry.counts.dry_run
    assert (dry.refusals, dry.ended) == (real.refusals, real.ended)
    dry.counts.dry_run = False
    assert dry.counts == real.counts
    assert (real.counts.created, real.counts.already_there) == (1, 1)


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("email,email,password_hash", "there twice"),
        ("email,password_hsh", "'password_hsh' is not known"),
        ("email,password", "'password' is not known"),
        ("Email,password_hash", "must name the columns"),
        ("email;password_hash", "must name the columns"),
        ("", "must name the columns"),
        ("email,\x00", "must name the columns"),
        ("email,", "'' is not known"),
    ],
)
async def test_a_file_with_wrong_columns_is_not_begun(server: Server, header: str, says: str) -> None:
    done = await import_text(server, f"{header}\na@example.com,{HASH}\n")
    assert says in (done.ended or "")
    assert done.counts.rows == 0


async def test_a_file_without_names_does_not_show_what_stands_there_instead(server: Server) -> None:
    done = await import_text(server, f"anna@example.com,{HASH}\n{HASH},{HASH}\n")
    assert "must name the columns" in (done.ended or "")
    assert HASH not in (done.ended or "")
    assert "anna" not in (done.ended or "")


async def test_a_column_is_left_out_by_name(server: Server) -> None:
    text = f"id,email,password_hash\n1,a@example.com,{HASH}\n"
    done = await import_text(server, text, ignored=("id",))
    assert (done.counts.created, done.counts.dropped) == (1, {"id": 1})
    as_json = json.dumps([{"id": 1, "email": "b@example.com", "password_hash": HASH}])
    assert (await import_text(server, as_json, "json")).codes == [(1, "unknown_member")]
    assert (await import_text(server, as_json, "json", ignored=("id",))).counts.created == 1


@pytest.mark.parametrize(
    "row",
    [
        f'"anna"x,,,,{HASH},,,',
        f'"anna,,,,{HASH},,,',
    ],
)
async def test_nothing_is_read_after_a_quotation_mark_that_is_wrong(server: Server, row: str) -> None:
    """What follows may be what somebody wrote into a field of the other system: a row of an administrator."""
    hidden = csv_line(username="mallory", roles="admin", password_hash=HASH)
    first = csv_line(username="first", password_hash=HASH)
    done = await import_text(server, f"{HEADER}\n{first}\n{row}\n{hidden}\n", allowed=Allowed(admin=True))
    assert "line 3" in (done.ended or "")
    assert HASH not in (done.ended or "")
    assert done.counts.created == 1
    assert await server.services.accounts.find_by_login("mallory") is None


async def test_a_quotation_mark_that_is_never_closed_does_not_read_the_file_into_memory(
    server: Server,
) -> None:
    text = f'{HEADER}\n"' + "a,b\n" * LONGEST_ROW
    done = await import_text(server, text)
    assert "is a quotation mark not closed?" in (done.ended or "")


async def test_json_lines_keep_their_numbers_and_refuse_by_themselves(server: Server) -> None:
    good = {
        "username": "berta",
        "roles": ["editor"],
        "password_hash": HASH,
        "disabled": True,
        "created_at": 5,
    }
    text = b"\n".join(
        (
            b'{"username": "anna", "username": "admin"}',
            b"",
            b"no json",
            b"[]",
            b'{"username": 5}',
            b'{"username": "anna", "roles": [5]}',
            b'{"username": "anna", "password_hash": "' + HASH.encode() + b'", "disabled": 1}',
            b'{"username": "anna", "created_at": 1.5, "password_hash": "' + HASH.encode() + b'"}',
            b'{"username": "\\ud800"}',
            b"[" * 5000,
            b'{"name": "' + b"a" * LONGEST_ROW * 3 + b'"}',
            json.dumps(good).encode(),
        )
    )
    done = await import_text(server, text, "jsonl")
    assert done.codes == [
        (1, "malformed_json"),
        (3, "malformed_json"),
        (4, "malformed_json"),
        (5, "wrong_type"),
        (6, "wrong_type"),
        (7, "invalid_flag"),
        (8, "invalid_created_at"),
        (9, "malformed_json"),
        (10, "malformed_json"),
        (11, "row_too_long"),
    ]
    berta = await server.services.accounts.find_by_login("berta")
    assert berta is not None
    assert (berta.created_at, berta.roles) == (5, ("editor",))
    assert berta.disabled_at is not None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "[ was expected"),
        ("{}", "[ was expected"),
        ("[", "an object was expected"),
        ('[{"a": 1}', ", was expected"),
        ('[{"a": 1},]', "an object was expected"),
        ('[{"a": 1}] x', "more after the end"),
        ('[{"a": 1} {"a": 1}]', ", was expected"),
        ("[5]", "an object was expected"),
        ('[{"a": 1}, {"a": ' + "[" * 100000 + "]" * 100000 + "}]", "nested too deep"),
        ('[{"a": "' + "x" * LONGEST_ROW + '"}]', "too long"),
        ('[{"a": "', "no JSON"),
        ('[{"a": nonsense}]', "no JSON"),
    ],
)
async def test_a_document_that_is_no_array_of_objects_says_where(
    server: Server, text: str, says: str
) -> None:
    done = await import_text(server, text, "json")
    assert says in (done.ended or "")
    assert done.counts.created == 0


async def test_an_array_is_read_in_parts_with_the_lines_of_its_objects(server: Server) -> None:
    users: list[dict[str, Any]] = [
        {"username": f"user{n}", "name": "é" * 150, "password_hash": HASH} for n in range(4000)
    ]
    users[3999]["password_hash"] = "wrong"
    done = await import_text(server, json.dumps(users, indent=1, ensure_ascii=False), "json", dry_run=True)
    assert (done.counts.created, done.ended) == (3999, None)
    assert done.codes == [(2 + 3999 * 5, "unknown_hash")]


async def test_an_array_in_bytes_that_are_no_utf8_is_not_read(server: Server) -> None:
    done = await import_text(server, b'[{"username": "anna\xff"}]', "json")
    assert "no UTF-8" in (done.ended or "")
    done = await import_text(server, b'[{"username": "anna\xc3', "json")
    assert "no UTF-8" in (done.ended or "")


async def test_a_keycloak_realm(server: Server) -> None:
    users = [
        keycloak_user(),
        keycloak_user("berta", enabled=False, realmRoles=["admin"]),
        keycloak_user("service-account-x", serviceAccountClientId="x"),
        keycloak_user("carla@example.com", email=""),
        keycloak_user("dora", credentials=[]),
        keycloak_user("eva", credentials=[{"type": "password", "value": "in the clear"}]),
        keycloak_user("fritz", enabled="perhaps"),
    ]
    done = await import_text(server, realm(users), "keycloak")
    assert done.ended is None
    assert [refusal.code for refusal in done.refusals] == [
        "admin_role",
        "not_an_account",
        "no_password",
        "unknown_hash",
        "invalid_flag",
    ]
    assert done.counts.dropped == {"emailVerified": 2, "attributes": 2, "credentials.otp": 2}
    anna = await server.services.accounts.find_by_login("anna")
    assert anna is not None
    assert (anna.name, anna.roles, anna.created_at) == ("Anna Kern", ("editor",), 1714564800)
    assert (await server.client.log_in(PASSWORD, "anna@example.com")).status == 200
    assert (await server.client.log_in(PASSWORD, "carla@example.com")).status == 200


async def test_the_other_ways_in_which_keycloak_writes_a_hash(server: Server) -> None:
    salt = bytes(range(16))
    raw = argon2.low_level.hash_secret_raw(PASSWORD.encode(), salt, 5, 7168, 1, 32, argon2.Type.ID)
    more = {
        "hashLength": ["32"],
        "memory": ["7168"],
        "type": ["id"],
        "version": ["1.3"],
        "parallelism": ["1"],
    }
    how: dict[str, Any] = {"hashIterations": 5, "algorithm": "argon2", "additionalParameters": more}
    with_argon2: dict[str, Any] = {
        "type": "password",
        "secretData": json.dumps({"value": base64.b64encode(raw).decode(), "salt": _SALT}),
        "credentialData": json.dumps(how),
    }
    old = hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), salt, 27500, 64)
    of_before_8: dict[str, Any] = {
        "type": "password",
        "hashedSaltedValue": base64.b64encode(old).decode(),
        "salt": _SALT,
        "hashIterations": 27500,
        "algorithm": "pbkdf2-sha256",
    }
    changes: list[dict[str, Any]] = [
        {"algorithm": "md5"},
        {"hashIterations": None},
        {"additionalParameters": {}},
        {"additionalParameters": {**more, "memory": []}},
        {"additionalParameters": {**more, "version": ["2.0"]}},
    ]
    broken: list[dict[str, Any]] = [
        {**with_argon2, "credentialData": json.dumps({**how, **change})} for change in changes
    ]
    broken += [
        {**with_argon2, "secretData": change}
        for change in (5, "no json", "[]", '{"value": "?", "salt": "?"}')
    ]
    users = [
        keycloak_user(f"user{n}", credentials=[one])
        for n, one in enumerate([with_argon2, of_before_8, *broken])
    ]
    done = await import_text(server, realm(users), "keycloak")
    assert [refusal.code for refusal in done.refusals] == ["unknown_hash"] * len(broken)
    for login in ("user0", "user1"):
        assert (await server.client.log_in(PASSWORD, login)).status == 200


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[]", "{ was expected"),
        ("{}", "a name was expected"),
        ('{"realm": "x"}', "no member users"),
        ('{"users": [], "users": []}', "users is there twice"),
        ('{"users": {}}', "[ was expected"),
        ('{"users": []', ", was expected"),
        ("{5: []}", "a name was expected"),
    ],
)
async def test_what_is_no_realm_is_told(server: Server, text: str, says: str) -> None:
    assert says in ((await import_text(server, text, "keycloak")).ended or "")


async def test_auth0_django_and_fastapi_users(server: Server) -> None:
    auth0: list[dict[str, Any]] = [
        {
            "_id": {"$oid": "60425dc43519d90068f82973"},
            "email_verified": False,
            "email": "auth0@example.com",
            "passwordHash": VECTORS["bcrypt 2a"],
            "password_set_date": {"$date": "2021-03-05T16:35:16.775Z"},
            "tenant": "dev",
            "connection": "Username-Password-Authentication",
            "_tmp_is_unique": True,
        },
        {
            "identifiers": [{"type": "phone"}, {"type": "email", "value": "other@example.com"}],
            "passwordHash": HASH,
        },
    ]
    done = await import_text(server, lines(auth0), "auth0")
    assert (done.counts.created, done.refusals) == (2, [])
    assert done.counts.dropped == {"password_set_date": 1, "tenant": 1, "connection": 1}
    fields: dict[str, Any] = {
        "password": VECTORS["Django PBKDF2"],
        "last_login": None,
        "is_superuser": True,
        "username": "django",
        "first_name": "Ada",
        "last_name": "",
        "email": "",
        "is_staff": True,
        "is_active": True,
        "date_joined": "2024-05-01T12:00:00.123Z",
        "groups": [],
        "user_permissions": [],
    }
    django = [
        {"model": "auth.user", "pk": 1, "fields": fields},
        {"model": "auth.user", "pk": 2, "fields": {**fields, "username": "unusable", "password": "!abc"}},
        {"model": "auth.group", "pk": 1, "fields": {}},
    ]
    done = await import_text(server, json.dumps(django), "django")
    assert [refusal.code for refusal in done.refusals] == ["no_password", "not_an_account"]
    # Whoever administers there does not administer here.
    assert done.counts.dropped == {"is_superuser": 1, "is_staff": 1}
    table = (
        "id,email,hashed_password,is_active,is_superuser,is_verified\n"
        f'1,fast@example.com,"{VECTORS["pwdlib argon2"]}",t,f,t\n'
        f'2,off@example.com,"{VECTORS["pwdlib argon2"]}",f,f,t\n'
    )
    done = await import_text(server, table, "fastapi-users")
    assert (done.counts.created, done.refusals) == (2, [])
    for login in ("auth0@example.com", "other@example.com", "django", "fast@example.com"):
        assert (await server.client.log_in(PASSWORD, login)).status == 200, login
    assert (await server.client.log_in(PASSWORD, "off@example.com")).code == "invalid_credentials"
    ada = await server.services.accounts.find_by_login("django")
    assert ada is not None
    assert (ada.name, ada.roles) == ("Ada", ())


async def test_who_is_erased_is_gone_with_the_hash_of_before(server: Server) -> None:
    await import_text(server, f"{HEADER}\n{csv_line(email='anna@example.com', password_hash=HASH)}\n")
    account = await server.services.accounts.find_by_login("anna@example.com")
    assert account is not None
    assert HASH.encode() in raw_bytes(server.path.parent)
    await server.services.erasure.erase(account.sub, actor="command-line")
    server.path.with_name("import-file").unlink()
    assert HASH.encode() not in raw_bytes(server.path.parent)


async def test_dropped_names_do_not_fill_the_memory(server: Server) -> None:
    users = [{"email": f"u{n}@example.com", "passwordHash": HASH, f"x{n}" * 30: 1} for n in range(100)]
    users += [{"email": f"v{n}@example.com", "passwordHash": HASH, f"y{n}": 1} for n in range(100)]
    done = await import_text(server, lines(users), "auth0", dry_run=True)
    assert len(done.counts.dropped) <= 51
    assert sum(done.counts.dropped.values()) == 200


def test_every_reason_says_what_to_do() -> None:
    assert len(REFUSALS) == 24
    assert all(text.endswith(".") for text in REFUSALS.values())
