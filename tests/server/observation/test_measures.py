"""What a scrape of a working server says, after things happened whose numbers are known."""

import asyncio
import os
import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.server.building import EMAIL, PASSWORD, Server, beside, run_server, signed_in, tamper

from tokenward.errors import StorageUnavailable
from tokenward.server.storage.sqlite_connection import connect
from tokenward.server.upkeep import Upkeep

LOOPBACK = "127.0.0.1"


async def scrape(server: Server) -> dict[str, float]:
    """Each series with its value, written as Prometheus writes it, labels in alphabetical order."""
    answer = await server.client.get("/metrics", address=LOOPBACK)
    assert answer.status == 200
    found = {}
    for family in text_string_to_metric_families(answer.body.decode()):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


async def rises(server: Server, before: dict[str, float]) -> dict[str, float]:
    """The counters that rose since, without those of HTTP and of the storage, and by how much."""
    after = await scrape(server)
    return {
        name: after[name] - before.get(name, 0)
        for name in after
        if re.match(r"tokenward_\w+_total", name)
        and not name.startswith("tokenward_http_")
        and after[name] > before.get(name, 0)
    }


async def test_sign_ins_are_told_by_what_really_happened(server: Server) -> None:
    account = await server.account()
    before = await scrape(server)
    await server.client.log_in()
    await server.client.log_in("wrong")
    await server.client.log_in(login="nobody@example.com")
    await server.services.accounts.set_disabled(account.sub, disabled=True, actor="test")
    await server.client.log_in()
    rose = await rises(server, before)
    assert rose == {
        'tokenward_sign_ins_total{outcome="success"}': 1,
        'tokenward_sign_ins_total{outcome="wrong_password"}': 1,
        'tokenward_sign_ins_total{outcome="unknown_account"}': 1,
        'tokenward_sign_ins_total{outcome="disabled"}': 1,
        'tokenward_events_total{event="session.started"}': 1,
        'tokenward_access_tokens_issued_total{alg="ES256"}': 1,
        'tokenward_revocations_total{scope="subject"}': 1,
    }


async def test_sign_ins_that_were_not_looked_at_are_told_apart(tmp_path: Path) -> None:
    async with run_server(tmp_path, login_burst=1, password_queue=0) as server:
        await server.account()
        await server.client.log_in("wrong")
        await server.client.log_in("wrong")
        hashing = asyncio.create_task(server.services.hasher.hash("x"))
        await asyncio.sleep(0)
        assert (await scrape(server))["tokenward_password_hasher_unfinished"] == 1
        assert (await server.client.log_in()).code == "overloaded"
        await hashing
        found = await scrape(server)
    assert found['tokenward_sign_ins_total{outcome="throttled"}'] == 1
    assert found['tokenward_sign_ins_total{outcome="overloaded"}'] == 1
    assert found["tokenward_password_hasher_refused_total"] == 1
    assert found["tokenward_password_hasher_capacity"] == 1
    assert found["tokenward_password_hasher_unfinished"] == 0
    assert found['tokenward_http_errors_total{code="overloaded"}'] == 1


async def test_registrations_are_told_by_outcome(server: Server) -> None:
    before = await scrape(server)
    for password in (PASSWORD, PASSWORD, "short"):
        await server.client.post("/api/v1/auth/register", json={"email": EMAIL, "password": password})
    rose = await rises(server, before)
    assert {name: rose[name] for name in rose if "registrations" in name} == {
        'tokenward_registrations_total{outcome="success"}': 1,
        'tokenward_registrations_total{outcome="exists"}': 1,
        'tokenward_registrations_total{outcome="weak_password"}': 1,
    }


async def test_refreshes_retries_and_thefts_are_told_apart(server: Server) -> None:
    first = (await signed_in(server))["refresh_token"]
    before = await scrape(server)
    second = (await server.client.refresh(first)).json["refresh_token"]
    await server.client.refresh(first)
    await server.client.refresh(second)
    assert (await server.client.refresh(first)).code == "invalid_grant"
    await server.client.refresh(second)
    await server.client.refresh("nothing of ours")
    rose = await rises(server, before)
    assert rose == {
        'tokenward_refreshes_total{outcome="rotated"}': 2,
        'tokenward_refreshes_total{outcome="retried"}': 1,
        'tokenward_refreshes_total{outcome="theft"}': 1,
        'tokenward_refreshes_total{outcome="ended"}': 1,
        'tokenward_refreshes_total{outcome="malformed"}': 1,
        'tokenward_events_total{event="session.refreshed"}': 2,
        'tokenward_events_total{event="session.refresh_retried"}': 1,
        'tokenward_events_total{event="session.reuse_detected"}': 1,
        'tokenward_access_tokens_issued_total{alg="ES256"}': 3,
        # The theft's record is seen with the next look at the log, which this scrape takes.
        'tokenward_revocations_total{scope="session"}': 1,
    }


async def test_coalesced_refreshes_are_an_outcome_too(server: Server) -> None:
    server.metrics.count_event("session.refresh_coalesced")
    assert (await scrape(server))['tokenward_refreshes_total{outcome="coalesced"}'] == 1


async def test_tokens_are_told_by_why_they_were_refused(server: Server) -> None:
    tokens = await signed_in(server)
    before = await scrape(server)
    access = tokens["access_token"]
    await server.client.get("/api/v1/users/me")
    await server.client.me("rubbish")
    await server.client.me(access[:-8] + "AAAAAAAA")
    await server.client.post("/api/v1/auth/logout", token=access)
    await server.client.me(access)
    server.clock.advance(7200)
    await server.client.me(access)
    rose = await rises(server, before)
    assert {name: rose[name] for name in rose if "refused" in name} == {
        'tokenward_tokens_refused_total{reason="missing"}': 1,
        'tokenward_tokens_refused_total{reason="malformed"}': 1,
        'tokenward_tokens_refused_total{reason="signature"}': 1,
        'tokenward_tokens_refused_total{reason="revoked"}': 1,
        'tokenward_tokens_refused_total{reason="expired"}': 1,
    }


async def test_a_revocation_by_a_command_is_counted_and_those_of_before_the_start_are_not(
    server: Server,
) -> None:
    tokens = await signed_in(server)
    async with beside(server) as command:
        await command.revocations.revoke_all(reason="test", actor="test", audit=command.audit)
    assert (await scrape(server))['tokenward_revocations_total{scope="all"}'] == 1
    await server.client.me(tokens["access_token"])
    async with beside(server) as later:
        assert later.revocations.revoked.applied == 1
        assert set(later.revocations.seen.values()) == {0}


async def test_commits_and_their_units_are_measured(server: Server) -> None:
    before = await scrape(server)
    await asyncio.gather(*(server.services.login_throttle.sweep(1) for _ in range(10)))
    after = await scrape(server)
    commits = after["tokenward_storage_commit_units_count"] - before["tokenward_storage_commit_units_count"]
    assert after["tokenward_storage_commit_units_sum"] - before["tokenward_storage_commit_units_sum"] == 10
    assert commits == 1
    assert (
        after["tokenward_storage_commit_seconds_count"] - before["tokenward_storage_commit_seconds_count"]
        == 1
    )
    assert after["tokenward_storage_units_waiting"] == 0
    assert after["tokenward_storage_database_bytes"] > 10_000
    assert after["tokenward_storage_free_bytes"] > 0


async def test_units_that_wait_are_seen_and_a_commit_that_fails_is_counted(server: Server) -> None:
    holder = connect(server.path)
    try:
        holder.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(server.services.login_throttle.sweep(1))
        await asyncio.sleep(0.05)
        assert (await scrape(server))["tokenward_storage_units_waiting"] == 1
        with pytest.raises(StorageUnavailable):
            await waiting
    finally:
        holder.close()
    found = await scrape(server)
    assert found["tokenward_storage_commit_failures_total"] == 1
    assert found["tokenward_storage_units_waiting"] == 0


async def test_keys_tell_their_states_and_when_they_are_due(server: Server) -> None:
    now = server.clock.now()
    found = await scrape(server)
    keys = {name: value for name, value in found.items() if name.startswith("tokenward_keys{")}
    assert keys == {
        'tokenward_keys{alg="ES256",state="pending",use="access"}': 1,
        'tokenward_keys{alg="ES256",state="active",use="access"}': 1,
        'tokenward_keys{alg="ES256",state="retiring",use="access"}': 0,
        'tokenward_keys{alg="HS256",state="active",use="refresh"}': 1,
        'tokenward_keys{alg="HS256",state="verify-only",use="refresh"}': 0,
    }
    rotation = server.services.settings.key_rotation_seconds
    due = 'tokenward_key_rotation_due_timestamp_seconds{alg="ES256",use="access"}'
    assert found[due] == int(now) + rotation
    await server.pass_time(rotation + 5)
    found = await scrape(server)
    assert found[due] == int(now) + 5 + 2 * rotation
    assert found['tokenward_keys{alg="ES256",state="retiring",use="access"}'] == 1
    since = 'tokenward_key_state_timestamp_seconds{alg="ES256",state="retiring",use="access"}'
    assert found[since] == int(now) + rotation + 5


async def test_a_ring_whose_standby_is_gone_says_so(server: Server) -> None:
    tamper(server.path, "DELETE FROM keys WHERE state = 'pending'")
    assert (await scrape(server))['tokenward_keys{alg="ES256",state="pending",use="access"}'] == 0


async def test_readiness_is_a_metric_that_is_answered_when_nothing_else_is(server: Server) -> None:
    assert (await scrape(server))["tokenward_ready"] == 1
    tamper(server.path, "DELETE FROM keys")
    assert (await server.client.get("/readyz")).status == 500
    assert (await scrape(server))["tokenward_ready"] == 0


async def test_a_server_that_stops_counts_what_it_says(server: Server) -> None:
    match = server.door._paths.find("/readyz")
    assert match is not None
    match.target["GET"].__self__._draining.begun = True  # type: ignore[attr-defined]
    assert (await server.client.get("/readyz")).code == "shutting_down"
    assert (await scrape(server))['tokenward_http_errors_total{code="shutting_down"}'] == 1


async def test_requests_in_flight_are_back_at_nothing_also_when_a_client_hangs_up(server: Server) -> None:
    await server.client.post("/api/v1/auth/login", body=b"{", hangs_up=True)
    assert server.metrics.in_flight == 0
    # The scrape sees itself.
    assert (await scrape(server))["tokenward_http_requests_in_flight"] == 1


async def test_upkeep_tells_when_each_task_last_succeeded(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    upkeep = Upkeep(server.services, server.log, server.metrics)
    name = 'tokenward_upkeep_last_success_timestamp_seconds{task="sweep"}'
    begun = server.clock.now()
    assert (await scrape(server))[name] == begun
    server.clock.advance(100)

    async def fails() -> None:
        raise StorageUnavailable(reason="test")

    await upkeep._step("sweep", fails)
    found = await scrape(server)
    assert found[name] == begun
    assert found['tokenward_upkeep_failures_total{task="sweep"}'] == 1
    await upkeep._step("sweep", upkeep.sweep)
    assert (await scrape(server))[name] == begun + 100


async def test_lost_log_lines_are_counted(server: Server) -> None:
    assert (await scrape(server))["tokenward_log_writes_lost_total"] == 0
    read, write = os.pipe()
    os.close(read)
    kept, server.log._descriptor = server.log._descriptor, write
    server.log.event("lost")
    server.log._descriptor = kept
    os.close(write)
    assert (await scrape(server))["tokenward_log_writes_lost_total"] == 1


@pytest.mark.parametrize(
    ("accept", "content_type", "ends"),
    [
        (b"", "text/plain; version=0.0.4; charset=utf-8", "\n"),
        (b"*/*", "text/plain; version=0.0.4; charset=utf-8", "\n"),
        (
            b"application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            "# EOF\n",
        ),
        # What is asked for never comes back in a header.
        (
            b"application/openmetrics-text;version=9\xff",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            "# EOF\n",
        ),
    ],
)
async def test_the_format_is_the_one_that_was_asked_for(
    server: Server, accept: bytes, content_type: str, ends: str
) -> None:
    answer = await server.client.get("/metrics", address=LOOPBACK, headers=[(b"accept", accept)])
    assert answer.header("content-type") == content_type
    assert answer.body.decode().endswith(ends)


async def test_a_label_never_holds_what_a_client_sent(server: Server) -> None:
    marks = ("markinpath", "markinmethod", "markinagent", "markinname", "markintoken", "markinorigin")
    await server.client.get(f"/{marks[0]}")
    await server.client.get(f"/api/v1/admin/accounts/{marks[0]}")
    await server.client.request(marks[1], "/api/v1/users/me")
    await server.client.get("/healthz", headers=[(b"user-agent", marks[2].encode())])
    await server.client.log_in(login=marks[3])
    await server.client.me(marks[4])
    await server.client.refresh(marks[4])
    await server.client.get("/healthz", headers=[(b"origin", marks[5].encode())])
    text = (await server.client.get("/metrics", address=LOOPBACK)).body.decode()
    assert [mark for mark in marks if mark in text] == []
