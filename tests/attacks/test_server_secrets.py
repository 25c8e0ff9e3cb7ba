"""H10 over every route there is: secrets are planted wherever a request has a place, and looked for afterwards."""

import base64
import json
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.server.building import Server, raw_bytes, run_server
from tests.server.endpoints.admins import ADMIN_EMAIL, Admin, sign_in_admin, token_of
from tests.server.endpoints.every_route import filled, route_names

from tokenward.errors import Error
from tokenward.server.endpoints import door
from tokenward.server.endpoints.error_responses import problem

# Of the letters that every place takes, and long enough for a password.
SECRET = "Zq7planted0secretXw93kTnoBodyMayReadThis"
_ENCODED = base64.b64encode(f"first-party:{SECRET}".encode()).decode()
_TRACES = (SECRET, SECRET.lower(), _ENCODED, _ENCODED[16:-4])
_MEMBERS = (
    "password",
    "current_password",
    "new_password",
    "refresh_token",
    "access_token",
    "client_secret",
    "token",
    "code",
)


class Planted(NamedTuple):
    """A request with the secret in one place."""

    place: str
    path: str
    more: dict[str, Any]


def planted(path: str) -> Iterator[Planted]:
    text, secret = filled(path, "AAAAAAAAAAAAAAAAAAAAAA"), SECRET.encode()
    for header, value in (
        (b"authorization", b"Bearer " + secret),
        (b"authorization", b"Bearer a." + secret + b".b"),
        (b"authorization", b"Basic " + _ENCODED.encode()),
        (b"authorization", b"DPoP " + secret),
        (b"authorization", secret),
        (b"cookie", b"__Host-tokenward_refresh=" + secret),
        (b"cookie", secret),
        (b"x-access-token", secret),
        (b"proxy-authorization", b"Bearer " + secret),
        (b"dpop", secret),
        (b"origin", b"https://" + secret),
        (b"referer", b"https://example.com/?token=" + secret),
        (b"if-none-match", b'"' + secret + b'"'),
        (b"content-type", secret),
    ):
        yield Planted("header", text, {"headers": [(header, value)]})
    for query in (b"access_token=%s", b"code=%s", b"cursor=%s", b"limit=%s", b"%s", b"search=%s&search=%s"):
        yield Planted("query", text, {"query": query.replace(b"%s", secret)})
    members = dict.fromkeys(_MEMBERS, SECRET)
    json_type, form_type = b"application/json", b"application/x-www-form-urlencoded"
    for kind, body in (
        (json_type, json.dumps(members).encode()),
        (json_type, json.dumps(members)[:-5].encode()),
        (json_type, json.dumps({name: [SECRET] for name in members}).encode()),
        (json_type, json.dumps({"password": SECRET, "refresh_token": SECRET, SECRET: SECRET}).encode()),
        (json_type, json.dumps({"refresh_token": SECRET}).encode()),
        (json_type, json.dumps({"email": "a@example.com", "password": SECRET}).encode()),
        (json_type, json.dumps({"scope": SECRET, "value": SECRET}).encode()),
        (json_type, json.dumps({"scope": "token", "value": SECRET}).encode()),
        (json_type, json.dumps({"reason": SECRET + " and more"}).encode()),
        (json_type, json.dumps({"roles": SECRET}).encode()),
        (json_type, json.dumps({"roles": [f"{SECRET} {SECRET}"]}).encode()),
        (json_type, secret),
        (form_type, "&".join(f"{name}={SECRET}" for name in members).encode()),
        (form_type, b"refresh_token=" + secret),
        (form_type, b"password=" + secret + b"&password=" + secret),
        (form_type, secret),
        (b"text/plain", secret),
    ):
        yield Planted("body", text, {"headers": [(b"content-type", kind)], "body": body})
    yield Planted("path", filled(path, SECRET), {})
    yield Planted("path", f"{text}/{SECRET}", {})


async def _ask_all(server: Server, admin: Admin | None, errors: list[Error]) -> list[str]:
    """Every request to every route, and where the secret was found in an answer or an error."""
    found = []
    for name in route_names():
        method, path = name.split()
        # Afresh: one of the routes signs out.
        token = None if admin is None else await token_of(server, ADMIN_EMAIL)
        for request in planted(path):
            more = dict(request.more)
            given = list(more.pop("headers", ()))
            if token is not None and b"authorization" not in dict(given):
                given.append((b"authorization", b"Bearer " + token.encode()))
            errors.clear()
            answer = await server.client.request(method, request.path, headers=given, **more)
            shown = [repr(answer.headers)]
            # Who sent a member of that name is told so, and nobody else: it stands in the answer only.
            if b"does not know" not in answer.body:
                shown.append(answer.body.decode())
                shown += ["".join(traceback.format_exception(error)) for error in errors]
            shown += [repr(error) + error.reason for error in errors]
            found += [
                f"{name}, {request.place}: {text}"
                for text in shown
                if any(trace in text for trace in _TRACES)
            ]
            assert answer.status != 500, (name, request)
    return found


@pytest.mark.parametrize("signed_in", [False, True])
async def test_h10_no_secret_that_any_place_of_any_request_holds_is_told_or_kept(
    tmp_path: Path, signed_in: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors: list[Error] = []
    answer_for = problem

    def watched(error: Error, request_id: str) -> Any:
        errors.append(error)
        return answer_for(error, request_id)

    monkeypatch.setattr(door, "problem", watched)
    async with run_server(tmp_path, access_log=True, slow_request_ms=1) as server:
        admin = await sign_in_admin(server) if signed_in else None
        assert await _ask_all(server, admin, errors) == []
        log = server.log_text
        assert log.count('"event":"access"') > 1000
        assert [trace for trace in _TRACES if trace in log] == []
        # Neither in the clear anywhere in the files, the write-ahead log included.
        kept = raw_bytes(tmp_path)
        assert [trace for trace in _TRACES if trace.encode() in kept] == []
        metrics = await server.client.get("/metrics", address="127.0.0.1")
        assert SECRET not in metrics.body.decode()
