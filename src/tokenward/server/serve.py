"""Serving: the listening socket, the server program, and the one line that says it is ready."""

import asyncio
import contextlib
import errno
import logging
import signal
import socket
import sys
from collections.abc import Iterator
from datetime import timedelta

import uvicorn
import uvloop

from tokenward.errors import ConfigurationError
from tokenward.jose import base64url
from tokenward.server.app import Services, create_app, load_master_key, open_services
from tokenward.server.audit import COMMAND_LINE
from tokenward.server.endpoints.connection import limited
from tokenward.server.endpoints.telemetry import LibraryHandler, Log, Metrics
from tokenward.server.keyring import ring as states
from tokenward.server.settings import Settings
from tokenward.server.upkeep import Upkeep

DEV_EMAIL = "dev@example.com"
_DRAIN_SECONDS = 10
_BACKLOG = 1024


class _Program(uvicorn.Server):
    """The server program, which says when it answers and ends without dying of the signal that ended it.

    It would raise the signal again once its connections are closed, and the database would not be.
    """

    url = ""

    def stop(self) -> None:
        """End as after SIGTERM: finish what is in flight first."""
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        sys.stdout.write(f"ready {self.url}\n")
        sys.stdout.flush()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is in flight and close the database.

    Prints `ready URL` once it answers; under `dev` before that an account and lines to try.

    Raises:
        ConfigurationError: the port, the data folder, the master key or the clock cannot be used.
    """
    listener = _listen(settings.host, settings.port)
    with contextlib.closing(listener), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        port: int = listener.getsockname()[1]
        runner.run(_serve(settings.listening_on(port), listener))


async def _serve(settings: Settings, listener: socket.socket) -> None:
    async with open_services(settings, serving=True) as services:
        log, metrics = Log(services.clock), Metrics()
        logging.basicConfig(handlers=[LibraryHandler(log)], level=logging.WARNING, force=True)
        if settings.dev:
            await _introduce(services)
        elif not settings.trusted_proxies:
            log.event(
                "no_trusted_proxies",
                level="warning",
                message="every client seems to have the address of the proxy that ends TLS: name it in trusted_proxies",
            )
        config = uvicorn.Config(
            create_app(services, log=log, metrics=metrics),
            http=limited(
                max_head_bytes=settings.max_header_bytes,
                head_timeout_seconds=settings.header_timeout_seconds,
                body_timeout_seconds=settings.body_timeout_seconds,
            ),
            ws="none",
            lifespan="off",
            interface="asgi3",
            access_log=False,
            log_config=None,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=settings.keep_alive_seconds,
            timeout_graceful_shutdown=_DRAIN_SECONDS,
        )
        program = _Program(config)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        program.url = f"http://{host}:{settings.port}"
        upkeep = asyncio.create_task(Upkeep(services, log, metrics).run())
        # Without it keys never rotate and nothing is swept; a server that ends is started again by its supervisor.
        upkeep.add_done_callback(lambda _: program.stop())
        try:
            await program.serve([listener])
        finally:
            upkeep.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await upkeep


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        msg = f"The host {host!r} is no address of this machine: {error.strerror}. Name another one with --host."
        raise ConfigurationError(msg) from None
    listener = socket.socket(family, kind, protocol)
    try:
        # A restart must not wait for connections of the last run to be forgotten.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # Two programs may bind a port with that option; only one may listen.
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise ConfigurationError(_why_not(error, host, port)) from None
    return listener


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} on {host} is in use by another program. Stop that program, or choose another port with "
            "--port (0 takes any free one)."
        )
    if error.errno == errno.EACCES:
        return f"Port {port} may not be used without more rights. Choose one above 1023 with --port."
    return f"Cannot listen on {host}, port {port}: {error.strerror}. Name others with --host and --port."


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
