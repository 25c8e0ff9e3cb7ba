"""Traces with the real OpenTelemetry SDK: which spans there are, what stands in them, and whose trace they join."""

import ipaddress
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from tests.flows.servers import Installation, installation
from tests.server.building import ADDRESS, EMAIL, PASSWORD, Server, run_server, signed_in

from tokenward.clock import FakeClock
from tokenward.server.endpoints.messages import Request, Response
from tokenward.server.tracing import TracedLog

PROXY = "10.0.0.9"
TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
TRACEPARENT = (b"traceparent", f"00-{TRACE}-{CALLER}-01".encode())


@pytest.fixture(scope="module")
def exporter() -> InMemorySpanExporter:
    """What the SDK of this process exports to; a process can be given one only once."""
    made = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(made))
    trace.set_tracer_provider(provider)
    return made


@pytest.fixture
def spans(exporter: InMemorySpanExporter) -> InMemorySpanExporter:
    exporter.clear()
    return exporter


@pytest.fixture
async def traced(tmp_path: Path, spans: InMemorySpanExporter) -> AsyncIterator[Server]:
    networks = (ipaddress.ip_network("10.0.0.0/8"),)
    async with run_server(tmp_path, tracing=True, trusted_proxies=networks) as server:
        yield server


def by_name(spans: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in spans.get_finished_spans()}


def attributes(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


def trace_id(span: ReadableSpan) -> str:
    return trace.format_trace_id(span.context.trace_id)


async def test_a_sign_in_is_a_span_with_a_span_for_each_thing_that_takes_long(
    traced: Server, spans: InMemorySpanExporter
) -> None:
    await traced.account()
    spans.clear()
    answer = await traced.client.log_in()
    found = by_name(spans)
    assert list(found) == [
        "password.verify",
        "storage.commit",
        "access_token.issue",
        "POST /api/v1/auth/login",
    ]
    server = found["POST /api/v1/auth/login"]
    assert server.kind is trace.SpanKind.SERVER
    assert server.parent is None
    assert attributes(server) == {
        "http.request.method": "POST",
        "url.scheme": "http",
        "http.route": "/api/v1/auth/login",
        "http.response.status_code": 200,
        "tokenward.request_id": answer.header("x-request-id"),
    }
    for name in ("password.verify", "storage.commit", "access_token.issue"):
        assert found[name].parent == server.context
        assert found[name].kind is trace.SpanKind.INTERNAL
    assert set(attributes(found["password.verify"])) == {"tokenward.wait_seconds", "tokenward.hash_seconds"}
    assert attributes(found["storage.commit"]) == {
        "db.system.name": "sqlite",
        "tokenward.unit": "start_session",
        "tokenward.applied": True,
    }
    assert attributes(found["access_token.issue"]) == {"tokenward.alg": "ES256"}


async def test_registering_and_refreshing_are_traced_too(traced: Server, spans: InMemorySpanExporter) -> None:
    tokens = await signed_in(traced)
    spans.clear()
    await traced.client.refresh(tokens["refresh_token"])
    assert list(by_name(spans)) == ["storage.commit", "access_token.issue", "POST /api/v1/auth/refresh"]
    assert attributes(by_name(spans)["storage.commit"])["tokenward.unit"] == "rotate"
    spans.clear()
    await traced.client.post("/api/v1/auth/register", json={"email": "b@example.com", "password": PASSWORD})
    assert {"password.hash", "POST /api/v1/auth/register"} <= set(by_name(spans))


async def test_a_refusal_is_no_error_of_the_servers_and_has_its_code(
    traced: Server, spans: InMemorySpanExporter
) -> None:
    await traced.client.me("rubbish")
    (span,) = spans.get_finished_spans()
    assert span.status.status_code is trace.StatusCode.UNSET
    assert attributes(span)["http.response.status_code"] == 401
    assert attributes(span)["tokenward.error_code"] == "invalid_token"
    assert "error.type" not in attributes(span)


async def test_a_failure_is_an_error_without_the_text_of_the_exception(
    traced: Server, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(_: Request) -> Response:
        msg = "with the password in it"
        raise RuntimeError(msg)

    methods = traced.door._paths.find("/healthz")
    assert methods is not None
    monkeypatch.setitem(methods[1], "GET", fails)
    assert (await traced.client.get("/healthz")).status == 500
    (span,) = spans.get_finished_spans()
    assert span.status.status_code is trace.StatusCode.ERROR
    assert attributes(span)["error.type"] == "500"
    assert "password" not in span.to_json()


async def test_nothing_that_a_client_sent_stands_in_a_span(
    traced: Server, spans: InMemorySpanExporter
) -> None:
    tokens = await signed_in(traced)
    access = tokens["access_token"]
    await traced.client.get("/api/v1/users/me/sessions", token=access, query=b"limit=markinquery")
    await traced.client.request("DELETE", "/api/v1/users/me/sessions/markinpath", token=access)
    await traced.client.get("/markinpath")
    await traced.client.request("MARKINMETHOD", "/api/v1/users/me")
    await traced.client.log_in("markinpassword", login="markinname")
    await traced.client.get(
        "/healthz", headers=[(b"user-agent", b"markinagent"), (b"baggage", b"a=markinbaggage")]
    )
    text = "".join(span.to_json() for span in spans.get_finished_spans())
    assert "mark" not in text.lower()
    for personal in (ADDRESS, EMAIL, PASSWORD, access, tokens["refresh_token"], tokens["user"]["id"]):
        assert personal not in text
    names = [span.name for span in spans.get_finished_spans() if span.kind is trace.SpanKind.SERVER]
    assert "GET" in names
    assert "HTTP" in names
    assert "DELETE /api/v1/users/me/sessions/{sid}" in names


async def test_what_was_wrong_with_a_password_stands_in_no_span(
    traced: Server, spans: InMemorySpanExporter
) -> None:
    await traced.account()
    spans.clear()
    await traced.client.log_in("wrong")
    found = by_name(spans)
    assert attributes(found["POST /api/v1/auth/login"])["tokenward.error_code"] == "invalid_credentials"
    # The exception passes through it, and its text is for the log only.
    assert found["password.verify"].events == ()
    assert found["password.verify"].status.status_code is trace.StatusCode.UNSET
    assert "wrong" not in "".join(span.to_json() for span in found.values())


async def test_a_trusted_proxys_trace_goes_on_here(traced: Server, spans: InMemorySpanExporter) -> None:
    headers = [TRACEPARENT, (b"tracestate", b"vendor=1"), (b"x-forwarded-for", b"203.0.113.5")]
    await traced.client.get("/healthz", address=PROXY, headers=headers)
    (span,) = spans.get_finished_spans()
    assert trace_id(span) == TRACE
    assert span.parent is not None
    assert trace.format_span_id(span.parent.span_id) == CALLER
    assert span.links == ()
    assert span.context.trace_state.get("vendor") == "1"


async def test_anybody_elses_trace_is_a_link_and_decides_nothing(
    traced: Server, spans: InMemorySpanExporter
) -> None:
    await traced.client.get("/healthz", headers=[TRACEPARENT, (b"tracestate", b"a=markinstate")])
    # Not sampled, says whoever wants to be seen by nobody.
    await traced.client.get("/healthz", headers=[(b"traceparent", f"00-{TRACE}-{CALLER}-00".encode())])
    found = spans.get_finished_spans()
    assert len(found) == 2
    for span in found:
        assert trace_id(span) != TRACE
        assert span.parent is None
        assert [trace.format_trace_id(link.context.trace_id) for link in span.links] == [TRACE]
        assert [trace.format_span_id(link.context.span_id) for link in span.links] == [CALLER]
        assert "mark" not in span.to_json()


@pytest.mark.parametrize(
    "headers",
    [
        [(b"traceparent", b"rubbish")],
        [(b"traceparent", b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01")],
        [(b"traceparent", b"\xff\xfe")],
        [TRACEPARENT, TRACEPARENT],
        [(b"tracestate", b"vendor=1")],
    ],
)
async def test_a_trace_context_that_is_none_is_none(
    traced: Server, spans: InMemorySpanExporter, headers: list[tuple[bytes, bytes]]
) -> None:
    assert (await traced.client.get("/healthz", address=PROXY, headers=headers)).status in (200, 400)
    (span,) = spans.get_finished_spans()
    assert span.parent is None
    assert span.links == ()


async def test_what_the_server_does_by_itself_is_no_trace(
    traced: Server, spans: InMemorySpanExporter
) -> None:
    await traced.services.sessions.sweep(10)
    await traced.services.rotation.run_due()
    await traced.account()
    assert spans.get_finished_spans() == ()


async def test_a_log_line_names_the_trace_of_its_request(
    traced: Server, spans: InMemorySpanExporter, tmp_path: Path
) -> None:
    path = tmp_path / "traced.log"
    with path.open("wb") as file:
        log = TracedLog(FakeClock(), file.fileno())
        traced.door._log = log
        await traced.client.me("rubbish")
        log.event("outside")
    refused, outside = map(json.loads, path.read_text().splitlines())
    (span,) = spans.get_finished_spans()
    assert refused["trace_id"] == trace_id(span)
    assert refused["span_id"] == trace.format_span_id(span.context.span_id)
    assert refused["request_id"] == attributes(span)["tokenward.request_id"]
    assert "trace_id" not in outside


async def test_off_there_is_no_span(server: Server, spans: InMemorySpanExporter) -> None:
    await signed_in(server)
    assert spans.get_finished_spans() == ()


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Installation]:
    with installation(tmp_path) as made:
        yield made


def test_off_opentelemetry_is_not_even_imported() -> None:
    code = (
        "import sys, tokenward.server.serve; "
        "sys.exit(any(name.startswith('opentelemetry') or name == 'tokenward.server.tracing' for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_server_that_traces_to_nowhere_says_so_once(here: Installation) -> None:
    here.settings["TRACING"] = "true"
    server = here.start()
    assert server.stop() == 0
    assert [line["event"] for line in server.log()] == ["tracing_goes_nowhere", "no_trusted_proxies"]


def run_without_opentelemetry(
    here: Installation, folder: Path, *arguments: str
) -> "subprocess.CompletedProcess[str]":
    """Run a command as on a Python in which OpenTelemetry is not installed: an empty package is found before it."""
    hidden = folder / "hidden" / "opentelemetry"
    hidden.mkdir(parents=True)
    (hidden / "__init__.py").write_text("")
    return subprocess.run(
        [sys.executable, "-c", "from tokenward.cli import main; main()", *arguments],
        env=here.environment() | {"PYTHONPATH": str(hidden.parent)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_where_opentelemetry_is_missing_the_server_says_what_to_install(
    here: Installation, tmp_path: Path
) -> None:
    here.settings["TRACING"] = "true"
    done = run_without_opentelemetry(here, tmp_path, "serve")
    assert done.returncode == 1
    assert "pip install 'tokenward[telemetry]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not here.data.exists()


def test_a_command_beside_a_server_that_traces_needs_no_opentelemetry(
    here: Installation, tmp_path: Path
) -> None:
    here.start()
    here.settings["TRACING"] = "true"
    assert run_without_opentelemetry(here, tmp_path, "accounts", "list").returncode == 0
