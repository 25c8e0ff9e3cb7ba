"""Whatever is wrong with a request: a clear error of the closed list, and nothing done."""

from typing import Any

import pytest
from tests.server.building import EMAIL, PASSWORD, Client, Server, dump, signed_in

from tokenward.protocol.errors import ERROR_CODES

JSON = [(b"content-type", b"application/json")]
READING = [
    ("POST", "/api/v1/auth/register"),
    ("POST", "/api/v1/auth/login"),
    ("POST", "/api/v1/auth/refresh"),
    ("POST", "/api/v1/auth/logout"),
    ("PATCH", "/api/v1/users/me"),
]
"""The endpoints that read a body."""


async def token_for(server: Server, path: str) -> str | None:
    return str((await signed_in(server))["access_token"]) if path.endswith("/me") else None


@pytest.mark.parametrize(("method", "path"), READING)
async def test_a_body_that_is_not_one_strict_json_object_is_refused(
    server: Server, method: str, path: str
) -> None:
    token = await token_for(server, path)
    before = dump(server.path)
    bodies = {
        "nothing": b"",
        "no JSON": b"{",
        "trailing data": b"{} {}",
        "not an object": b"[]",
        "null": b"null",
        "a string": b'"name"',
        "duplicate members": b'{"password":"a","password":"b"}',
        "duplicate members by an escape": b'{"name":"a","\\u006eame":"b"}',
        "duplicate members inside": b'{"name":{"a":1,"a":2}}',
        "bad UTF-8": b'{"name":"\xff"}',
        "half of a pair": b'{"name":"\\ud800"}',
        "a byte order mark": b"\xef\xbb\xbf{}",
        "UTF-16": '{"name":"a"}'.encode("utf-16"),
        "NaN": b'{"name":NaN}',
        "Infinity": b'{"name":-Infinity}',
        "1e999": b'{"name":1e999}',
        "a comment": b'{"name":"a" /* b */}',
        "single quotes": b"{'name':'a'}",
        "a raw line break": b'{"name":"a\nb"}',
        "very deep": b'{"name":' + b"[" * 5000 + b"]" * 5000 + b"}",
        "very many digits": b'{"name":' + b"9" * 5000 + b"}",
        "very many members": b"{" + b",".join(b'"m%d":1' % place for place in range(3000)) + b"}",
    }
    answers = {
        name: await server.client.request(method, path, body=body, headers=JSON, token=token)
        for name, body in bodies.items()
    }
    for name, answer in answers.items():
        assert answer.status == 400, (name, answer)
        assert answer.code in ("invalid_json", "invalid_request"), name
    codes = {name: answer.code for name, answer in answers.items() if name != "half of a pair"}
    assert set(codes.values()) == {"invalid_json"}, codes
    assert dump(server.path) == before


@pytest.mark.parametrize(("method", "path"), READING)
async def test_wrong_types_and_missing_and_unknown_members_are_told_apart(
    server: Server, method: str, path: str
) -> None:
    token = await token_for(server, path)
    before = dump(server.path)
    member = {"/api/v1/auth/refresh": "refresh_token", "/api/v1/auth/logout": "refresh_token"}.get(
        path, "name"
    )
    member = "password" if path in ("/api/v1/auth/login", "/api/v1/auth/register") else member
    values: list[object] = [1, 1.5, True, None, [], {}, ["text"]]
    for value in values:
        answer = await server.client.request(method, path, json={member: value}, token=token)
        assert (answer.status, answer.code) == (400, "invalid_request")
        assert member in answer.json["detail"]
    for name, told in (("nonsense", "'nonsense'"), ("ä\n" + "x" * 99, "'\\xe4\\n" + "x" * 38 + "'")):
        answer = await server.client.request(method, path, json={name: "hush-hush"}, token=token)
        assert (answer.status, answer.code) == (400, "unknown_member")
        # The sender is told which it was and what there is; its value is not repeated, and nothing is logged.
        assert told in answer.json["detail"]
        assert member in answer.json["detail"]
        assert "hush-hush" not in answer.body.decode()
    assert server.log_text == ""
    if not path.endswith("/me"):
        assert (await server.client.request(method, path, json={})).code == "invalid_request"
    assert dump(server.path) == before


@pytest.mark.parametrize(("method", "path"), READING)
async def test_a_body_over_the_limit_is_refused_declared_or_not(
    server: Server, method: str, path: str
) -> None:
    token = await token_for(server, path)
    limit = server.services.settings.max_body_bytes
    before = dump(server.path)
    body = b'{"name":"' + b"x" * limit + b'"}'
    declared = [*JSON, (b"content-length", b"%d" % len(body))]
    parts = [body[place : place + 1000] for place in range(0, len(body), 1000)]
    for headers, sent in ((declared, body), (declared, b""), (JSON, body), (JSON, parts)):
        answer = await server.client.request(method, path, body=sent, headers=headers, token=token)
        assert (answer.status, answer.code) == (413, "body_too_large")
        assert str(limit) in answer.json["detail"]
        # The rest is not read, so the connection ends.
        assert answer.header("connection") == "close"
    assert dump(server.path) == before


async def test_a_body_of_just_the_limit_is_read(server: Server) -> None:
    limit = server.services.settings.max_body_bytes
    empty = b'{"refresh_token":""}'
    body = empty[:-2] + b"x" * (limit - len(empty)) + empty[-2:]
    assert len(body) == limit
    answer = await server.client.post(
        "/api/v1/auth/refresh", body=[body[:100], b"", body[100:]], headers=JSON
    )
    assert answer.code == "invalid_grant"


@pytest.mark.parametrize(("method", "path"), READING)
async def test_a_body_of_another_kind_is_refused(server: Server, method: str, path: str) -> None:
    token = await token_for(server, path)
    kinds: list[list[tuple[bytes, bytes]]] = [
        [(b"content-type", b"text/plain")],
        [(b"content-type", b"application/jsonp")],
        [(b"content-type", b"application/json, application/json")],
        [(b"content-type", b"multipart/form-data; boundary=x")],
        [(b"content-type", b"application/json"), (b"content-type", b"text/plain")],
    ]
    for headers in kinds:
        answer = await server.client.request(method, path, body=b"{}", headers=headers, token=token)
        assert (answer.status, answer.code) == (415, "unsupported_media_type")
        assert "application/json" in answer.json["detail"]


async def test_the_kind_of_a_body_is_compared_without_its_parameters_and_case(server: Server) -> None:
    for kind in (b"application/json; charset=utf-8", b"Application/JSON", b" application/json ;x"):
        answer = await server.client.post(
            "/api/v1/auth/refresh", body=b'{"refresh_token":"x"}', headers=[(b"content-type", kind)]
        )
        assert answer.code == "invalid_grant"


async def test_a_client_that_hangs_up_gets_no_answer_and_nothing_is_done(server: Server) -> None:
    before = dump(server.path)
    answer = await server.client.post(
        "/api/v1/auth/register", body=b'{"email":"a@b.example",', headers=JSON, hangs_up=True
    )
    assert answer.status == 0
    assert dump(server.path) == before


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ([], 401, "missing_token"),
        ([(b"authorization", b"Basic YTpi")], 401, "missing_token"),
        ([(b"authorization", b"")], 401, "missing_token"),
        ([(b"authorization", b"Bearer")], 401, "invalid_token"),
        ([(b"authorization", b"Bearer ")], 401, "invalid_token"),
        ([(b"authorization", b"Bearer a b")], 401, "invalid_token"),
        ([(b"authorization", b"Bearer a,b")], 401, "invalid_token"),
        ([(b"authorization", b"Bearer \xff\xfe")], 401, "invalid_token"),
        ([(b"authorization", b"Bearer " + b"x" * 20000)], 401, "invalid_token"),
        ([(b"authorization", b"Bearer x"), (b"authorization", b"Bearer x")], 400, "invalid_request"),
        ([(b"authorization", b"Basic x"), (b"authorization", b"Bearer x")], 400, "invalid_request"),
    ],
)
@pytest.mark.parametrize(
    "path", ["/api/v1/users/me", "/api/v1/auth/logout", "/api/v1/auth/logout-everywhere"]
)
async def test_an_authorization_header_that_is_none(
    client: Client, path: str, headers: list[tuple[bytes, bytes]], status: int, code: str
) -> None:
    method = "GET" if path.endswith("me") else "POST"
    answer = await client.request(method, path, headers=headers)
    assert (answer.status, answer.code) == (status, code)


@pytest.mark.parametrize(
    "name", ["access_token", "ACCESS_TOKEN", "refresh_token", "token", "id_token", "password"]
)
async def test_a_secret_in_the_query_is_refused_at_every_path_whatever_else_is_right(
    server: Server, name: str
) -> None:
    tokens = await signed_in(server)
    secret = tokens["access_token"]
    for path in ("/api/v1/users/me", "/healthz", "/nowhere"):
        answer = await server.client.get(path, token=secret, query=f"a=b&{name}={secret}".encode())
        assert (answer.status, answer.code) == (400, "invalid_request")
        assert "should be revoked" in answer.json["detail"]
        assert secret not in answer.body.decode()
    assert secret not in server.log_text


async def test_another_query_is_ignored(server: Server) -> None:
    tokens = await signed_in(server)
    answer = await server.client.get("/api/v1/users/me", token=tokens["access_token"], query=b"nothing=1&a")
    assert answer.status == 200


@pytest.mark.parametrize(
    "path",
    ["/", "", "/nowhere", "/api/v1/users/me/", "/API/V1/users/me", "/api/v1/users/../users/me", "//healthz"],
)
async def test_an_unknown_path_is_told(client: Client, path: str) -> None:
    for method in ("GET", "POST", "DELETE", "OPTIONS"):
        answer = await client.request(method, path)
        assert (answer.status, answer.code) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/v1/auth/login", "POST"),
        ("PUT", "/api/v1/auth/register", "POST"),
        ("PUT", "/api/v1/users/me", "GET, PATCH, DELETE"),
        ("POST", "/api/v1/users/me", "GET, PATCH, DELETE"),
        ("POST", "/.well-known/jwks.json", "GET"),
        ("OPTIONS", "/api/v1/users/me", "GET, PATCH, DELETE"),
        ("get", "/healthz", "GET"),
        ("TRACE", "/healthz", "GET"),
    ],
)
async def test_a_wrong_method_is_told_with_those_that_are_right(
    client: Client, method: str, path: str, allowed: str
) -> None:
    answer = await client.request(method, path)
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert answer.header("allow") == allowed


async def test_every_error_is_a_problem_document_with_a_code_of_the_closed_list(server: Server) -> None:
    await server.account()
    client = server.client
    answers = [
        await client.get("/nowhere"),
        await client.get("/api/v1/auth/login"),
        await client.get("/api/v1/users/me"),
        await client.me("a.b.c"),
        await client.log_in("wrong"),
        await client.refresh("x"),
        await client.post("/api/v1/auth/login", body=b"{", headers=JSON),
        await client.post("/api/v1/auth/login", json={"x": 1}),
        await client.post("/api/v1/auth/login", body=b"x" * 100_000, headers=JSON),
        await client.post("/api/v1/auth/login"),
        await client.post("/api/v1/auth/register", json={"email": EMAIL, "password": PASSWORD}),
        await client.post("/api/v1/auth/register", json={"email": "b@example.com", "password": "b"}),
        await client.post("/api/v1/auth/register", json={}, headers=[(b"origin", b"https://evil.example")]),
    ]
    codes = set()
    for answer in answers:
        problem: dict[str, Any] = answer.json
        assert set(problem) == {"type", "title", "status", "code", "detail", "request_id"}
        entry = ERROR_CODES[problem["code"]]
        assert entry.status == answer.status == problem["status"]
        assert problem["type"] == f"urn:tokenward:error:{entry.code}"
        assert problem["request_id"] == answer.header("x-request-id")
        assert problem["detail"]
        assert answer.header("content-type") == "application/problem+json"
        assert answer.header("cache-control") == "no-store"
        codes.add(entry.code)
    assert len(codes) == len(answers)
