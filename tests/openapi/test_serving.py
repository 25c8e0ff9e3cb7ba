"""`/openapi.json` and `/docs` as they are served: caching, encodings, what a browser may do with them, off."""

import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.openapi.description import document
from tests.server.building import Server, run_server

from tokenward.server.endpoints.documentation.endpoints import PAGE_PATH

GZIP = [(b"accept-encoding", b"deflate, gzip, br")]
FILES = ["swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png", "page.js", "page.css"]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with run_server(tmp_path) as it:
        yield it


async def test_the_description_is_served_and_may_be_cached(server: Server) -> None:
    answer = await server.client.get("/openapi.json")
    assert (answer.status, answer.header("content-type")) == (200, "application/json")
    assert answer.json == document()
    assert answer.header("cache-control") == "public, max-age=300"
    assert (await server.client.get("/openapi.json")).header("etag") == answer.header("etag")


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", *(f"/docs/{name}" for name in FILES)])
async def test_each_is_sent_compressed_to_whom_says_so(server: Server, path: str) -> None:
    plain = await server.client.get(path)
    packed = await server.client.get(path, headers=GZIP)
    assert plain.header("content-encoding") is None
    assert packed.header("content-encoding") == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert plain.header("vary") == packed.header("vary") == "accept-encoding"
    # A cache that holds one form must not take it for the other.
    assert plain.header("etag") != packed.header("etag")
    etag = packed.header("etag")
    assert etag is not None
    unchanged = await server.client.get(path, headers=[*GZIP, (b"if-none-match", etag.encode())])
    assert (unchanged.status, unchanged.body) == (304, b"")


@pytest.mark.parametrize("offered", [b"", b"identity", b"gzip;q=0", b"br"])
async def test_who_does_not_take_gzip_gets_the_plain_form(server: Server, offered: bytes) -> None:
    answer = await server.client.get("/openapi.json", headers=[(b"accept-encoding", offered)])
    assert answer.header("content-encoding") is None
    assert json.loads(answer.body)["openapi"]


async def test_the_page_may_load_its_own_files_and_nothing_else(server: Server) -> None:
    answer = await server.client.get("/docs")
    policy = answer.header("content-security-policy")
    assert policy is not None
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert answer.header("content-type") == "text/html; charset=utf-8"
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("referrer-policy") == "no-referrer"
    # The issuer is https here.
    assert answer.header("strict-transport-security") is not None


@pytest.mark.parametrize("name", FILES)
async def test_a_file_of_the_page_is_no_page(server: Server, name: str) -> None:
    answer = await server.client.get(f"{PAGE_PATH}/{name}")
    assert answer.status == 200
    assert answer.header("content-security-policy") == "default-src 'none'; frame-ancestors 'none'"


@pytest.mark.parametrize(
    "name", ["index.html", "vendored.json", "LICENSE", "../document.py", "swagger-ui.css.gz", "%2e%2e", "."]
)
async def test_no_other_file_can_be_asked_for(server: Server, name: str) -> None:
    assert (await server.client.get(f"{PAGE_PATH}/{name}")).code == "not_found"


async def test_both_are_switched_off_by_one_setting(tmp_path: Path) -> None:
    async with run_server(tmp_path, api_docs=False) as server:
        for path in ("/openapi.json", "/docs", "/docs/page.js"):
            assert (await server.client.get(path)).code == "not_found"
        assert (await server.client.get("/healthz")).status == 200


async def test_under_an_issuer_with_a_path_they_are_served_there_too(tmp_path: Path) -> None:
    async with run_server(tmp_path, issuer="https://example.com/sso") as server:
        for prefix in ("", "/sso"):
            assert (await server.client.get(prefix + "/openapi.json")).json == document()
            assert (await server.client.get(prefix + "/docs")).status == 200
            assert (await server.client.get(prefix + "/docs/page.js")).status == 200
