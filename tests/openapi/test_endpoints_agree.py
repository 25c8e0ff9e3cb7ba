"""What the server really reads, and from whom, is what the description says: parser and description cannot drift."""

import itertools
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.openapi.description import Described, operations, resolved
from tests.server.building import Answer, Server, run_server, signed_in
from tests.server.endpoints.admins import sign_in_admin

from tokenward.server.sessions.session_id import sid_text

OPERATIONS = operations()
UNKNOWN = "a member that nobody knows"
_NUMBERS = itertools.count()
LIST = re.compile(r"This list takes the parameters ([^.]*), each once\.")
EXAMPLE_PASSWORD = "seven green boats at noon"
KNOWN = re.compile(r"It knows: ([^.]*)\.")


def filled_in(path: str, values: Mapping[str, str] | None = None) -> str:
    """The path with these values of its parameters, or with the examples, which are nobody's."""
    examples = {
        parameter["name"]: parameter["example"]
        for one in OPERATIONS
        for parameter in one.operation["parameters"]
        if parameter["in"] == "path"
    }
    return re.sub(r"{(\w+)}", lambda match: str((values or examples)[match[1]]), path)


async def ask(server: Server, one: Described, **how: Any) -> Answer:
    return await server.client.request(one.method, filled_in(one.path), **how)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with run_server(tmp_path) as it:
        yield it


async def test_every_body_has_the_members_that_its_schema_has(server: Server) -> None:
    admin = await sign_in_admin(server)
    read = [one for one in OPERATIONS if one.body is not None]
    assert len(read) > 10
    for one in read:
        assert one.body is not None
        # The logout reads a body only from whom has no access token.
        token = None if one.id == "logOut" else admin.token
        answer = await ask(server, one, json={UNKNOWN: 1}, token=token)
        assert answer.code == "unknown_member", one.name
        (known,) = KNOWN.findall(answer.json["detail"])
        assert known.split(", ") == list(resolved(one.body["schema"])["properties"]), one.name


async def test_every_form_has_the_fields_that_its_schema_has(server: Server) -> None:
    found = 0
    for one in OPERATIONS:
        content = one.operation.get("requestBody", {"content": {}})["content"]
        form = content.get("application/x-www-form-urlencoded")
        if form is None:
            if one.body is not None:
                answer = await ask(server, one, form={"a": "b"}, token=(await fresh_admin(server)))
                assert answer.status in (200, 415), one.name
            continue
        fields = resolved(form["schema"])["properties"]
        ignored = {name: "x" for name, field in fields.items() if "ignored" in field["description"]}
        answer = await ask(server, one, form={**ignored, UNKNOWN: "1"})
        assert answer.code == "unknown_member", one.name
        (known,) = KNOWN.findall(answer.json["detail"])
        assert {*known.split(", "), *ignored} == fields.keys(), one.name
        found += 1
    assert found == 2


async def test_no_body_is_read_that_is_not_described(server: Server) -> None:
    for one in OPERATIONS:
        if one.body is None:
            answer = await ask(server, one, json={UNKNOWN: 1}, token=await fresh_admin(server))
            refused = answer.json["code"] if answer.status >= 400 else None
            assert refused not in ("unknown_member", "invalid_json", "unsupported_media_type"), (
                f"{one.name} reads a body, and its @described names none"
            )


async def test_every_list_takes_the_parameters_that_are_described_and_no_other(server: Server) -> None:
    lists = 0
    for one in OPERATIONS:
        described = [
            parameter["name"] for parameter in one.operation["parameters"] if parameter["in"] == "query"
        ]
        answer = await ask(server, one, query=b"nobody_knows=1", token=await fresh_admin(server))
        told = LIST.findall(answer.json["detail"]) if answer.status == 400 else []
        assert told == ([", ".join(described)] if described else []), one.name
        lists += bool(described)
    assert lists > 5


async def test_a_limit_has_the_bounds_that_are_described(server: Server) -> None:
    admin = await sign_in_admin(server)
    for one in OPERATIONS:
        for parameter in one.operation["parameters"]:
            if parameter["name"] == "limit":
                path = filled_in(one.path, {"sub": admin.account.sub})
                schema = parameter["schema"]
                for limit, status in (
                    (schema["minimum"] - 1, 400),
                    (schema["minimum"], 200),
                    (schema["maximum"], 200),
                    (schema["maximum"] + 1, 400),
                ):
                    answer = await server.client.get(path, query=f"limit={limit}".encode(), token=admin.token)
                    assert answer.status == status, (one.name, limit)


async def test_a_token_is_asked_for_where_the_description_says_so_and_only_there(server: Server) -> None:
    await sign_in_admin(server)
    nobody = (await signed_in(server))["access_token"]
    for one in OPERATIONS:
        alternatives = one.operation["security"]
        answer = await ask(server, one)
        if alternatives:
            assert (answer.status, answer.code) == (401, "missing_token"), one.name
        else:
            assert answer.status != 401, one.name
        if one.path.startswith("/api/v1/admin/"):
            answer = await ask(server, one, token=nobody, json=_example(one))
            assert answer.code == "insufficient_role", one.name


async def test_what_has_an_etag_is_described_with_one_and_answers_304(server: Server) -> None:
    conditional = 0
    for one in OPERATIONS:
        if one.method != "GET":
            continue
        path = filled_in(one.path, {"file": "swagger-ui.css", "sub": "", "sid": "", "kid": "no"})
        answer = await server.client.get(path, token=await fresh_admin(server))
        etag = answer.header("etag")
        assert (etag is not None) == ("304" in one.operation["responses"]), one.name
        if etag is not None:
            again = await server.client.get(path, headers=[(b"if-none-match", etag.encode())])
            assert (again.status, again.body, again.header("etag")) == (304, b"", etag), one.name
            conditional += 1
    assert conditional >= 4


async def test_every_example_of_a_request_is_one_that_works(tmp_path: Path) -> None:
    asked = set()
    for one in OPERATIONS:
        body = _example(one)
        if body is None:
            continue
        folder = tmp_path / one.id
        folder.mkdir()
        async with run_server(folder) as server:
            admin = await sign_in_admin(server)
            # The account of the examples is there, but for the one example that makes it.
            name = "somebody" if one.id == "register" else "ada"
            account = await server.services.accounts.create(
                username=name, password=EXAMPLE_PASSWORD, actor=""
            )
            tokens = (await server.client.log_in(EXAMPLE_PASSWORD, name)).json
            if "refresh_token" in body:
                body["refresh_token"] = tokens["refresh_token"]
            token = admin.token if one.path.startswith("/api/v1/admin/") else tokens["access_token"]
            sid = sid_text((await server.start(account)).session.sid)
            values = {"sub": account.sub, "sid": sid, "kid": server.key("active").kid}
            answer = await server.client.request(
                one.method,
                filled_in(one.path, values),
                json=body,
                token=None if one.path.startswith("/api/v1/auth/") else token,
            )
            assert str(answer.status) in one.operation["responses"], (one.name, answer)
            assert 200 <= answer.status < 300, (one.name, answer)
            asked.add(one.id)
    assert len(asked) > 10


async def fresh_admin(server: Server) -> str:
    """An access token of a new administrator, since some requests end the sessions of whoever sends them."""
    return (await sign_in_admin(server, f"root{next(_NUMBERS)}@example.com")).token


def _example(one: Described) -> Any:
    return None if one.body is None else dict(one.body["example"])
