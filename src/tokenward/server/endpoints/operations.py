"""What operators and their programs ask: is it alive, is it ready, what has it done."""

from ipaddress import IPv4Network, IPv6Network
from typing import Literal

import msgspec

from tokenward.errors import Error
from tokenward.protocol.errors import NOT_FOUND, SHUTTING_DOWN, STORAGE_UNAVAILABLE
from tokenward.server.endpoints.documentation.described import Access, Text, described
from tokenward.server.endpoints.draining import Draining
from tokenward.server.endpoints.error_responses import NotFound, problem
from tokenward.server.endpoints.messages import NO_STORE, Request, Response, json_response
from tokenward.server.endpoints.security import BearerGuard, is_within
from tokenward.server.endpoints.telemetry import Metrics
from tokenward.server.keyring.ring import KeyRing


class ShuttingDown(Error):
    """The server was told to stop."""

    code = SHUTTING_DOWN
    status = 503
    description = "This server is about to stop. Send requests to another one."


class Health(msgspec.Struct):
    """The process answers."""

    status: Literal["ok"]


class Readiness(msgspec.Struct):
    """The server may be sent requests."""

    status: Literal["ready"]


class OperationsEndpoints:
    """Health, readiness and metrics."""

    def __init__(
        self,
        *,
        guard: BearerGuard,
        ring: KeyRing,
        metrics: Metrics,
        metrics_networks: tuple[IPv4Network | IPv6Network, ...],
        draining: Draining,
    ) -> None:
        self._guard = guard
        self._ring = ring
        self._metrics = metrics
        self._metrics_networks = metrics_networks
        self._draining = draining

    @described("healthz", access=Access.ANYBODY, answer=Health("ok"))
    async def healthz(self, _: Request) -> Response:
        """The process answers. A supervisor restarts it when this fails, so it asks nothing of the storage."""
        return json_response(Health("ok"))

    @described(
        "readyz",
        access=Access.ANYBODY,
        answer=Readiness("ready"),
        refuses=(STORAGE_UNAVAILABLE, SHUTTING_DOWN),
    )
    async def readyz(self, request: Request) -> Response:
        """The storage can be read, there are keys to sign with, and no stop is near; a load balancer asks this.

        Raises:
            StorageUnavailable, NoSigningKey: it should not be sent requests now.
        """
        if self._draining.begun:
            # No failure, so not one that is raised and logged at each look.
            self._metrics.count_error(SHUTTING_DOWN)
            return problem(ShuttingDown(), request.id)
        await self._check_ready()
        return json_response(Readiness("ready"))

    async def _check_ready(self) -> None:
        await self._guard.catch_up()
        self._ring.active_refresh_key()
        self._ring.signing_key("")

    @described(
        "metrics",
        access=Access.ANYBODY,
        answer=Text(
            ("text/plain", "application/openmetrics-text"),
            'tokenward_http_requests_total{route="/readyz",status="200"} 12.0',
        ),
        refuses=(NOT_FOUND,),
    )
    async def metrics(self, request: Request) -> Response:
        """Prometheus exposition, for the networks in the settings only; elsewhere there is nothing here.

        OpenMetrics for an `Accept` header that names it, else the text format. Answered also when nothing else is:
        then `tokenward_ready` is 0.
        """
        if not is_within(request.address, self._metrics_networks):
            raise NotFound
        ready = not self._draining.begun
        try:
            await self._check_ready()
        except Error:
            ready = False
        self._metrics.set_gauge("ready", "Whether /readyz says that it should be sent requests.", ready)
        content_type, text = self._metrics.exposition(request.header(b"accept"))
        return Response(200, text, content_type, NO_STORE)
