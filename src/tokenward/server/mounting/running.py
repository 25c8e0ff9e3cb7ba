"""A mounted server while it runs: the services, the door over them, and the upkeep beside them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import NamedTuple

from tokenward.clock import Clock
from tokenward.server.accounts.application_claims import ApplicationClaims
from tokenward.server.app import build_door
from tokenward.server.endpoints.door import Door
from tokenward.server.endpoints.draining import Draining
from tokenward.server.endpoints.telemetry import Log, Metrics
from tokenward.server.mounting.application_log import ApplicationLog
from tokenward.server.services import Services, open_services
from tokenward.server.settings import Settings
from tokenward.server.storage.errors import StorageInUse
from tokenward.server.upkeep import Upkeep


class Running(NamedTuple):
    """What there is between start and end."""

    services: Services
    door: Door
    log: Log


@contextlib.asynccontextmanager
async def running(
    settings: Settings, claims: ApplicationClaims | None, clock: Clock | None = None
) -> AsyncIterator[Running]:
    """Open everything for one application, and close it in the opposite order.

    Nothing of the process or the event loop is changed: no signal handlers, no logging, no limits.

    Raises:
        ConfigurationError: a setting, the master key, the data folder or the clock is wrong; or another process serves
            this database.
    """
    async with contextlib.AsyncExitStack() as stack:
        if claims is not None:
            stack.callback(claims.close)
        try:
            services = await stack.enter_async_context(
                open_services(settings, serving=True, clock=clock, claims=claims)
            )
        except StorageInUse as error:
            msg = (
                f"{error.description} A mounted server is one process as well: start the application with one worker, "
                "or let `tokenward serve` run beside it and verify tokens in the workers."
            )
            raise StorageInUse(msg) from None
        log, metrics, draining = ApplicationLog(services.clock), Metrics(), Draining()
        door = build_door(services, log=log, metrics=metrics, draining=draining)
        upkeep = asyncio.create_task(Upkeep(services, log, metrics).run(), name="tokenward-upkeep")
        upkeep.add_done_callback(lambda task: _tell(task, log, draining))
        try:
            yield Running(services, door, log)
        finally:
            draining.begun = True
            upkeep.cancel()
            # Whatever ended it before was told then, and must not keep the storage from being closed.
            await asyncio.gather(upkeep, return_exceptions=True)


def _tell(upkeep: asyncio.Task[None], log: Log, draining: Draining) -> None:
    """Say that the upkeep ended by itself. `tokenward serve` stops then; an application is not ours to stop.

    From now on `/readyz` answers 503, so that whoever looks after the application starts it again.
    """
    if upkeep.cancelled():
        return
    draining.begun = True
    log.event(
        "upkeep_ended",
        level="error",
        error=type(upkeep.exception()).__name__,
        message="keys do not rotate and nothing is swept any more: start the application again",
    )
