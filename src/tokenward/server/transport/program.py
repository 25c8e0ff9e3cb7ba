"""The server program: it listens, says when it is ready, and drains when it is told to stop."""

import asyncio
import contextlib
import os
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import uvicorn

from tokenward.server.endpoints.draining import Draining
from tokenward.server.endpoints.telemetry import Log
from tokenward.server.transport.supervisor import READY, STOPPING, tell_supervisor

_BACKLOG = 1024
# Together under the 10 s after which supervisors commonly kill.
_DRAIN_SECONDS = 8.0
_AFTER_CUT_SECONDS = 1.0
_TURN_SECONDS = 0.02
# A client that never says goodbye in TLS is not waited for.
_TLS_GOODBYE_SECONDS = 2.0


class ServerProgram(uvicorn.Server):
    """The server program, which says when it answers and ends without dying of the signal that ended it.

    It would raise the signal again once its connections are closed, and the database would not be.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        url: str,
        draining: Draining,
        log: Log,
        tls: ssl.SSLContext | None,
        handshake_seconds: float,
        delay_seconds: float,
    ) -> None:
        super().__init__(config)
        self._url = url
        self._draining = draining
        self._log = log
        self._tls = tls
        self._handshake_seconds = handshake_seconds
        self._delay_seconds = delay_seconds

    def stop(self) -> None:
        """End as after SIGTERM: finish what is in flight first."""
        self._draining.begun = True
        self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM or SIGINT: not ready from now on. A second SIGINT waits for nobody."""
        self._draining.begun = True
        super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        loop = asyncio.get_running_loop()

        def connection() -> asyncio.Protocol:
            kind: Any = self.config.http_protocol_class
            made: asyncio.Protocol = kind(config=self.config, server_state=self.server_state, app_state={})
            return made

        self.servers = [await self._listen(loop, connection, one) for one in sockets or ()]
        self.started = True
        sys.stdout.write(f"ready {self._url}\n")
        sys.stdout.flush()
        tell_supervisor(READY, os.environ)

    async def _listen(
        self, loop: asyncio.AbstractEventLoop, connection: Callable[[], asyncio.Protocol], one: socket.socket
    ) -> Any:
        if one.family == socket.AF_UNIX:
            return await loop.create_unix_server(connection, sock=one, backlog=_BACKLOG)
        if self._tls is None:
            return await loop.create_server(connection, sock=one, backlog=_BACKLOG)
        return await loop.create_server(
            connection,
            sock=one,
            backlog=_BACKLOG,
            ssl=self._tls,
            # A slow handshake holds a connection as a slow head does.
            ssl_handshake_timeout=self._handshake_seconds,
            ssl_shutdown_timeout=_TLS_GOODBYE_SECONDS,
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Refuse what is new, finish what is in flight, and cut off what does not end in time."""
        tell_supervisor(STOPPING, os.environ)
        self._draining.begun = True
        await self._wait(lambda: False, self._delay_seconds)
        self._draining.closed = True
        for server in self.servers:
            server.close()
        for one in sockets or ():
            one.close()
        state = self.server_state
        for connection in list(state.connections):
            connection.shutdown()
        await self._wait(lambda: not state.connections and not state.tasks, _DRAIN_SECONDS)
        cut = list(state.connections)
        for connection in cut:
            transport: Any = connection.transport
            transport.abort()
        if cut:
            self._log.event("drain.cut_off", level="warning", connections=len(cut))
        await self._wait(lambda: not state.tasks, _AFTER_CUT_SECONDS)

    async def _wait(self, done: Callable[[], bool], seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not done() and not self.force_exit:  # noqa: ASYNC110 - connections set no event
                    await asyncio.sleep(_TURN_SECONDS)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals in the loop, and give them back at the end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
