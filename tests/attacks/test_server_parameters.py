"""I12: parameters that are named twice or sent as lists. Two readers of one request must not read two requests."""

from pathlib import Path
from urllib.parse import quote

import pytest
from tests.server.building import PASSWORD, Answer, Server, dump, run_server, signed_in
from tests.server.endpoints.admins import sign_in_admin

FORM = (b"content-type", b"application/x-www-form-urlencoded")
JSON = (b"content-type", b"application/json")
LOGIN, REFRESH = "/api/v1/auth/login", "/api/v1/auth/refresh"
_NAME = "username=Anna.Kern%40example.com"
_SECRET = f"password={quote(PASSWORD)}"


async def _send(server: Server, path: str, kind: tuple[bytes, bytes], body: str) -> Answer:
    return await server.client.post(path, headers=[kind], body=body.encode())


@pytest.mark.parametrize(
    "more",
    [
        "grant_type=password&grant_type=refresh_token",
        "grant_type=password&grant_type=password",
        "grant_type=&grant_type=",
        "scope=a&scope=b",
        "client_id=a&client_id=first-party",
        "scope[]=a",
        "scope[]=a&scope[]=b",
        "scope%5B%5D=a",
        "scope[0]=a",
        "username[]=eve%40example.com",
        "username=eve%40example.com",
        "user%6Eame=eve%40example.com",
        _NAME,
        "password[]=x",
        "password=x",
        _SECRET,
        "&".join(f"x{number}=1" for number in range(100)),
        "email[$ne]=x",
    ],
)
async def test_i12_a_form_that_names_a_field_twice_or_as_a_list_is_refused(tmp_path: Path, more: str) -> None:
    async with run_server(tmp_path) as server:
        tokens = await signed_in(server)
        before = dump(server.path)
        token = f"refresh_token={tokens['refresh_token']}"
        for path, good in ((LOGIN, f"{_NAME}&{_SECRET}"), (REFRESH, token)):
            for body in (f"{good}&{more}", f"{more}&{good}"):
                answer = await _send(server, path, FORM, body)
                if path == REFRESH and more.partition("=")[0] in ("username", "password", "user%6Eame"):
                    # One field that this endpoint does not know.
                    assert (answer.status, answer.code) == (400, "unknown_member"), body
                else:
                    assert (answer.status, answer.code) == (400, "invalid_request"), body
        twice = await _send(server, REFRESH, FORM, f"{token}&{token}")
        assert (twice.status, twice.code) == (400, "invalid_request")
        assert dump(server.path) == before
        # The same once is good.
        assert (await _send(server, REFRESH, FORM, f"grant_type=refresh_token&{token}")).status == 200
        assert (await _send(server, LOGIN, FORM, f"grant_type=password&{_NAME}&{_SECRET}")).status == 200


async def test_i12_json_that_names_a_member_twice_or_as_a_list_is_refused(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        tokens = await signed_in(server)
        before = dump(server.path)
        refresh = tokens["refresh_token"]
        for path, body, code in (
            (REFRESH, f'{{"refresh_token":"{refresh}","refresh_token":"{refresh}"}}', "invalid_json"),
            (REFRESH, f'{{"refresh_token":"x","refresh\\u005ftoken":"{refresh}"}}', "invalid_json"),
            (REFRESH, f'{{"refresh_token":["{refresh}"]}}', "invalid_request"),
            (REFRESH, f'{{"refresh_token":{{"0":"{refresh}"}}}}', "invalid_request"),
            (REFRESH, f'[{{"refresh_token":"{refresh}"}}]', "invalid_json"),
            (LOGIN, f'{{"username":["Anna.Kern@example.com"],"password":"{PASSWORD}"}}', "invalid_request"),
            (LOGIN, f'{{"username":"Anna.Kern@example.com","password":["{PASSWORD}"]}}', "invalid_request"),
            (LOGIN, '{"username":"Anna.Kern@example.com","password":{"$ne":""}}', "invalid_request"),
            (LOGIN, f'{{"username":"a","email":"b@example.com","password":"{PASSWORD}"}}', "invalid_request"),
        ):
            answer = await _send(server, path, JSON, body)
            assert (answer.status, answer.code) == (400, code), body
        assert dump(server.path) == before


@pytest.mark.parametrize(
    "query",
    [
        b"limit=1&limit=1",
        b"limit=1&limit=200",
        b"limit[]=1",
        b"limit%5B%5D=1",
        b"%6Cimit=1&limit=2",
        b"cursor=a&cursor=b",
        b"cursor[]=a",
        b"limit=1;limit=2",
    ],
)
async def test_i12_a_list_that_is_asked_twice_is_refused(tmp_path: Path, query: bytes) -> None:
    async with run_server(tmp_path) as server:
        admin = await sign_in_admin(server)
        for path in (
            "/api/v1/users/me/sessions",
            "/api/v1/users/me/export",
            "/api/v1/admin/accounts",
            "/api/v1/admin/sessions",
            "/api/v1/admin/keys",
            "/api/v1/admin/revocations",
            "/api/v1/admin/audit",
            f"/api/v1/admin/accounts/{admin.account.sub}/sessions",
        ):
            answer = await server.client.get(path, query=query, token=admin.token)
            assert (answer.status, answer.code) == (400, "invalid_request"), path
        for filters in (b"subject=a&subject=b", b"event[]=a", b"since=1&since=2", b"search=a"):
            answer = await server.client.get("/api/v1/admin/audit", query=filters, token=admin.token)
            assert (answer.status, answer.code) == (400, "invalid_request"), filters
