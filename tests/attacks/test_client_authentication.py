"""I14 as far as there is something to attack: no client authenticates here, so no shape of Basic opens anything."""

import base64
from pathlib import Path

from tests.server.building import EMAIL, PASSWORD, dump, opened, run_server, signed_in
from tests.server.endpoints.every_route import filled, route_names

from tokenward.server.login import FIRST_PARTY


def _basic(credentials: bytes) -> bytes:
    return b"Basic " + base64.b64encode(credentials)


_SECRET = b"Kestrel0Secret"
ODD = [
    _basic(b"first-party:" + _SECRET),
    _basic(b"first-party:"),
    _basic(b"first-party"),
    _basic(b":" + _SECRET),
    _basic(b":"),
    _basic(b""),
    _basic(b"first%2Dparty%3A:" + _SECRET),
    _basic(b"first-party%3A" + _SECRET),
    _basic(b"first-party:%zz%"),
    _basic("fïrst-pärty:".encode() + _SECRET),
    _basic("fïrst-pärty:".encode("latin-1") + _SECRET),
    _basic(b"\xff\xfe:" + _SECRET),
    _basic(b"first-party:\x00\r\n" + _SECRET),
    _basic(b"a" * 2_000 + b":" + _SECRET),
    _basic(f"{EMAIL}:{PASSWORD}".encode()),
    b"Basic",
    b"Basic ",
    b"Basic \xff\xfe",
    b"Basic not!base64=" + _SECRET,
    b"Basic  " + base64.b64encode(b"first-party:" + _SECRET),
    b"basic " + base64.b64encode(b"first-party:" + _SECRET),
    b"BASIC\t" + base64.b64encode(b"first-party:" + _SECRET),
    b"Basic " + base64.urlsafe_b64encode(b"first-party:\xfb\xff" + _SECRET),
    b"Basic realm=x, Bearer y",
    b"Digest username=first-party",
]


async def test_i14_basic_in_every_shape_opens_nothing_and_leaves_no_secret_in_the_log(tmp_path: Path) -> None:
    async with run_server(tmp_path, access_log=True) as server:
        await signed_in(server)
        before = dump(server.path)
        answered = 0
        for name in route_names():
            method, path = name.split()
            path = filled(path, "AAAAAAAAAAAAAAAAAAAAAA")
            without = await server.client.request(method, path)
            for value in ODD:
                answer = await server.client.request(method, path, headers=[(b"authorization", value)])
                if without.status == 401:
                    assert (answer.status, answer.code) == (401, "missing_token"), (name, value)
                    assert answer.header("www-authenticate") == 'Bearer realm="tokenward"'
                else:
                    # Nothing is guarded there, or nothing was sent to it; the header changes nothing.
                    assert answer.status == without.status, (name, value)
                answered += 1
        assert answered > 700
        assert dump(server.path) == before
        log = server.log_text
        for trace in (_SECRET.decode(), PASSWORD, *(value.decode("latin-1")[8:40] for value in ODD)):
            assert len(trace) < 8 or trace not in log


async def test_i14_basic_does_not_stand_in_for_what_the_body_lacks(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        tokens = await signed_in(server)
        header = [(b"authorization", _basic(f"{EMAIL}:{PASSWORD}".encode()))]
        answer = await server.client.post("/api/v1/auth/login", headers=header, json={})
        assert (answer.status, answer.code) == (400, "invalid_request")
        # A header that says who asks is never passed over for a token in the body.
        body = {"refresh_token": tokens["refresh_token"]}
        answer = await server.client.post("/api/v1/auth/logout", headers=header, json=body)
        assert (answer.status, answer.code) == (401, "missing_token")
        assert (await server.client.me(tokens["access_token"])).status == 200


async def test_i14_the_built_in_client_has_no_secret_and_there_is_no_place_for_one(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        assert (await server.first_party()).client_id == FIRST_PARTY
        assert not any("secret" in name for name in (await server.first_party())._fields)
        with opened(server.path) as connection:
            columns = [row[1] for row in connection.execute("PRAGMA table_info(clients)")]
        assert columns == ["client_id", "cutoff", "disabled_at", "created_at"]
        # No endpoint authenticates a client yet, so the metadata names no way to.
        for document in ("openid-configuration", "oauth-authorization-server"):
            answer = (await server.client.get(f"/.well-known/{document}")).json
            assert "client_secret_basic" not in str(answer)
            assert "token_endpoint" not in answer
        for path in ("/oauth/token", "/token", "/introspect", "/revoke"):
            assert (await server.client.post(path, headers=[(b"authorization", ODD[0])])).status == 404
