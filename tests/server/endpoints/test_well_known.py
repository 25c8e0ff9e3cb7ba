"""The well-known documents, and what operators' programs ask."""

import ipaddress
import json
from pathlib import Path

import pytest
from tests.server.building import ISSUER, Client, Server, run_server, signed_in

from tokenward.jose.jwks import JWKSet

JWKS = "/.well-known/jwks.json"


async def test_the_jwk_set_is_cacheable_and_says_when_it_did_not_change(server: Server) -> None:
    answer = await server.client.get(JWKS)
    assert answer.status == 200
    assert answer.header("content-type") == "application/json"
    assert answer.header("cache-control") == "public, max-age=300, stale-while-revalidate=3600"
    etag = answer.header("etag") or ""
    assert etag.startswith('"')
    again = await server.client.get(JWKS, headers=[(b"if-none-match", etag.encode())])
    assert (again.status, again.body, again.header("etag")) == (304, b"", etag)
    # A length would say that of the document (RFC 9110, 8.6), and caches would believe it.
    assert again.header("content-length") in (None, str(len(answer.body)))
    await server.pass_time(30 * 86_400)
    moved = await server.client.get(JWKS, headers=[(b"if-none-match", etag.encode())])
    assert moved.status == 200
    assert moved.header("etag") != etag


async def test_the_jwk_set_verifies_a_token_and_holds_public_members_only(server: Server) -> None:
    tokens = await signed_in(server)
    answer = await server.client.get(JWKS)
    keys = JWKSet.parse(answer.body)
    assert len(keys.keys) == 2
    server.services.verifier.replace_keys(keys)
    server.services.verifier.verify(tokens["access_token"])
    for key in answer.json["keys"]:
        assert set(key) <= {"kty", "crv", "x", "y", "kid", "alg", "use", "key_ops"}


async def test_without_revalidation_the_cache_says_only_its_age(tmp_path: Path) -> None:
    async with run_server(tmp_path, jwks_max_age_seconds=60, jwks_stale_while_revalidate_seconds=0) as server:
        assert (await server.client.get(JWKS)).header("cache-control") == "public, max-age=60"


async def test_the_metadata_says_only_what_is_true(client: Client) -> None:
    for name in ("oauth-authorization-server", "openid-configuration"):
        metadata = (await client.get(f"/.well-known/{name}")).json
        assert metadata["issuer"] == ISSUER
        assert (await client.get(metadata["jwks_uri"].removeprefix(ISSUER))).status == 200
        # Nothing that is not there is named, and nothing is left to a default that would claim it.
        assert "token_endpoint" not in metadata
        assert "authorization_endpoint" not in metadata
        for member in ("response_types_supported", "grant_types_supported"):
            assert metadata[member] == []


async def test_an_issuer_with_a_path_is_answered_with_it_and_without_it(tmp_path: Path) -> None:
    async with run_server(tmp_path, issuer="https://example.com/auth") as server:
        await signed_in(server)
        client = server.client
        for path in (
            "/auth/.well-known/openid-configuration",
            "/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server/auth",
            "/auth/.well-known/oauth-authorization-server",
        ):
            answer = await client.get(path)
            assert answer.status == 200, path
            assert answer.json["issuer"] == "https://example.com/auth"
            assert answer.json["jwks_uri"] == "https://example.com/auth/.well-known/jwks.json"
        for prefix in ("", "/auth"):
            assert (await client.get(prefix + JWKS)).status == 200
            assert (await client.get(prefix + "/healthz")).status == 200
            assert (await client.get(prefix + "/api/v1/users/me")).code == "missing_token"
        assert (await client.get("/authx/healthz")).code == "not_found"


async def test_an_issuer_that_ends_in_a_slash_names_a_jwk_set_that_is_there(tmp_path: Path) -> None:
    async with run_server(tmp_path, issuer="https://example.com/auth/") as server:
        metadata = (await server.client.get("/auth/.well-known/openid-configuration")).json
        assert metadata["issuer"] == "https://example.com/auth/"
        assert metadata["jwks_uri"] == "https://example.com/auth/.well-known/jwks.json"


async def test_health_and_readiness(client: Client) -> None:
    assert (await client.get("/healthz")).json == {"status": "ok"}
    assert (await client.get("/readyz")).json == {"status": "ready"}


# Metrics.


@pytest.mark.parametrize(
    ("address", "status"),
    [("127.0.0.1", 200), ("127.8.8.8", 200), ("::1", 200), ("192.0.2.7", 404), ("10.0.0.1", 404), ("", 404)],
)
async def test_metrics_are_there_for_loopback_only(client: Client, address: str, status: int) -> None:
    assert (await client.get("/metrics", address=address)).status == status


async def test_metrics_can_be_opened_to_a_network(tmp_path: Path) -> None:
    async with run_server(tmp_path, metrics_networks=(ipaddress.ip_network("10.0.0.0/8"),)) as server:
        assert (await server.client.get("/metrics", address="10.9.8.7")).status == 200
        assert (await server.client.get("/metrics", address="127.0.0.1")).status == 404


async def test_metrics_count_answers_events_and_the_revocation_log(server: Server) -> None:
    tokens = await signed_in(server)
    await server.client.me(tokens["access_token"])
    await server.client.post("/api/v1/auth/logout", token=tokens["access_token"])
    await server.client.me(tokens["access_token"])
    answer = await server.client.get("/metrics", address="127.0.0.1")
    assert (answer.header("content-type") or "").startswith("text/plain")
    text = answer.body.decode()
    for line in (
        'tokenward_http_requests_total{route="/api/v1/users/me",status="200"} 1.0',
        'tokenward_http_requests_total{route="/api/v1/users/me",status="401"} 1.0',
        'tokenward_http_request_duration_seconds_bucket{le="+Inf",route="/api/v1/users/me"} 2.0',
        'tokenward_http_request_duration_seconds_count{route="/api/v1/users/me"} 2.0',
        'tokenward_events_total{event="session.started"} 1.0',
        'tokenward_events_total{event="session.ended"} 1.0',
        'tokenward_tokens_refused_total{reason="revoked"} 1.0',
        "tokenward_revocation_head 1.0",
        "tokenward_revocation_records 1.0",
    ):
        assert line in text.splitlines(), (line, text)
    assert "process_resident_memory_bytes" in text
    # No label tells one person from another.
    for personal in (tokens["user"]["id"], tokens["user"]["email"], json.dumps(tokens["access_token"])):
        assert personal not in text


async def test_a_time_falls_into_the_bucket_of_its_bound(server: Server) -> None:
    server.metrics.count_answer("/healthz", 200, 0.001)
    server.metrics.count_answer("/healthz", 200, 0.0011)
    server.metrics.count_answer("/healthz", 200, 99)
    lines = server.metrics.exposition()[1].decode().splitlines()
    counts = [
        line.rpartition(" ")[2]
        for line in lines
        if line.startswith("tokenward_http_request_duration_seconds_bucket")
    ]
    assert counts == ["1.0", *["2.0"] * 10, "3.0"]
    assert 'tokenward_http_request_duration_seconds_sum{route="/healthz"} 99.0021' in lines
