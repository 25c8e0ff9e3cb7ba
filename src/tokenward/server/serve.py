"""Serving: the listening socket, the server program, and the one line that says it is ready."""

import asyncio
import contextlib
import logging
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import urlsplit

import uvicorn
import uvloop

from tokenward.clock import SystemClock
from tokenward.jose import base64url
from tokenward.server.app import build_door
from tokenward.server.audit import COMMAND_LINE
from tokenward.server.endpoints.connection import limited
from tokenward.server.endpoints.draining import Draining
from tokenward.server.endpoints.telemetry import LibraryHandler, Log, Metrics
from tokenward.server.keyring import ring as states
from tokenward.server.services import Services, load_master_key, open_services
from tokenward.server.settings import Settings
from tokenward.server.transport.certificate import ServedCertificate
from tokenward.server.transport.listeners import Listeners, open_listeners
from tokenward.server.transport.program import ServerProgram
from tokenward.server.upkeep import Upkeep

DEV_EMAIL = "dev@example.com"
# Each connection is an open file, and systems commonly allow 1,024 unless they are asked for more.
_OPEN_FILES = 65_536


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is in flight and close the database.

    Prints `ready URL` once it answers; under `dev` before that an account and lines to try.

    Raises:
        ConfigurationError: the port, the certificate, the data folder, the master key or the clock cannot be used.
    """
    _allow_open_files()
    certificate = _certificate(settings)
    with (
        open_listeners(settings, os.environ) as listeners,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(_serve(settings.listening_on(listeners.port or settings.port), listeners, certificate))


def _allow_open_files() -> None:
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if most == resource.RLIM_INFINITY else min(most, _OPEN_FILES)
    if now != resource.RLIM_INFINITY and now < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _certificate(settings: Settings) -> ServedCertificate | None:
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    # Behind a proxy clients see the proxy's certificate, and ours may bear a name that only the proxy knows.
    host = "" if settings.trusted_proxies else urlsplit(settings.issuer).hostname or ""
    return ServedCertificate(settings.tls_cert, settings.tls_key, host=host, clock=SystemClock())


def _open_log(services: Services) -> Log:
    if not services.settings.tracing:
        return Log(services.clock)
    from tokenward.server.tracing import TracedLog, goes_nowhere

    log = TracedLog(services.clock)
    if goes_nowhere():
        log.event(
            "tracing_goes_nowhere",
            level="warning",
            message="no OpenTelemetry SDK was set up: start the server with opentelemetry-instrument",
        )
    return log


async def _serve(settings: Settings, listeners: Listeners, certificate: ServedCertificate | None) -> None:
    async with open_services(settings, serving=True) as services:
        log, metrics, draining = _open_log(services), Metrics(), Draining()
        logging.basicConfig(handlers=[LibraryHandler(log, services.clock)], level=logging.WARNING, force=True)
        if settings.dev:
            await _introduce(services)
        elif not settings.trusted_proxies and certificate is None and listeners.are_tcp:
            log.event(
                "no_trusted_proxies",
                level="warning",
                message="every client seems to have the address of the proxy that ends TLS: name it in trusted_proxies",
            )
        config = uvicorn.Config(
            build_door(services, log=log, metrics=metrics, draining=draining),
            http=limited(
                max_head_bytes=settings.max_header_bytes,
                head_timeout_seconds=settings.header_timeout_seconds,
                body_timeout_seconds=settings.body_timeout_seconds,
                draining=draining,
                counts=metrics.connections,
            ),
            ws="none",
            lifespan="off",
            interface="asgi3",
            access_log=False,
            log_config=None,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=settings.keep_alive_seconds,
        )
        program = ServerProgram(
            config,
            url=listeners.url,
            draining=draining,
            log=log,
            tls=None if certificate is None else certificate.context,
            handshake_seconds=settings.header_timeout_seconds,
            delay_seconds=settings.drain_delay_seconds,
        )
        upkeep = asyncio.create_task(Upkeep(services, log, metrics).run())
        # Without it keys never rotate and nothing is swept; a server that ends is started again by its supervisor.
        upkeep.add_done_callback(lambda _: program.stop())
        try:
            async with _kept_fresh(certificate, log, metrics):
                await program.serve(list(listeners.sockets))
        finally:
            upkeep.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await upkeep


@contextlib.asynccontextmanager
async def _kept_fresh(
    certificate: ServedCertificate | None, log: Log, metrics: Metrics
) -> AsyncIterator[None]:
    """Take a new certificate when its files change, or at SIGHUP."""
    if certificate is None:
        yield
        return
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, certificate.reload, log)
    watching = asyncio.create_task(certificate.watch(log, metrics))
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching


async def _introduce(services: Services) -> None:
    """Make the account of `dev` if it is not there, and print how to try the server with it."""
    settings = services.settings
    # The password follows from the master key of this data folder: the same at every start, and stored nowhere.
    material = base64url.encode(load_master_key(settings).derive("dev-account-password") * 2).decode()
    password = material[: max(20, settings.password_min_length)]
    if await services.accounts.find_by_login(DEV_EMAIL) is None:
        await services.accounts.create(
            email=DEV_EMAIL, password=password, name="Dev", roles=("admin",), actor=COMMAND_LINE
        )
    base = settings.issuer
    sys.stdout.write(
        f"""
Tokenward in development mode: plain HTTP, this machine only, data in {settings.data}
{_algorithm_note(services)}
  account   {DEV_EMAIL}
  password  {password}

Try:
  curl -s {base}/api/v1/auth/login -H 'content-type: application/json' \\
    -d '{{"email": "{DEV_EMAIL}", "password": "{password}"}}'
  curl -s {base}/api/v1/users/me -H 'authorization: Bearer ACCESS_TOKEN'
  curl -s {base}/api/v1/auth/refresh -H 'content-type: application/json' -d '{{"refresh_token": "REFRESH_TOKEN"}}'
  curl -s -X POST {base}/api/v1/auth/logout -H 'authorization: Bearer ACCESS_TOKEN'

"""
    )


def _algorithm_note(services: Services) -> str:
    wanted = services.settings.access_token_algorithm
    signing = services.ring.signing_key(wanted).alg
    if signing == wanted:
        return f"Access tokens are signed with {wanted}."
    pending = next(key for key in services.ring.in_state(states.ACCESS, states.PENDING) if key.alg == wanted)
    wait = timedelta(seconds=max(0, services.rotation.signs_from(pending) - int(services.clock.now())))
    return (
        f"Access tokens are signed with {signing} for another {wait}: verifiers must be able to know the {wanted} key "
        "first. A fresh data folder starts with it at once."
    )
