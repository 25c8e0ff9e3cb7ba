"""Upkeep: what the server does beside its requests."""

import asyncio
from collections.abc import Awaitable, Callable

from tokenward.errors import Error
from tokenward.server.endpoints.telemetry import Log, Metrics
from tokenward.server.observation.metrics import UpkeepTask
from tokenward.server.revocation.log import DROP_MARGIN_SECONDS, LONGEST_TOKEN_SECONDS
from tokenward.server.services import Services
from tokenward.server.storage.units import Unit

_UPKEEP_EVERY_SECONDS = 1.0
_SWEEP_EVERY_SECONDS = 30.0
_SWEEP_ROWS = 500
_DAY_SECONDS = 86_400
_SET_BACK_SECONDS = 5.0
_TASKS = ("watch_clock", "rotate_keys", "maintain_storage", "sweep")


class Upkeep:
    """Rotates keys, copies the write-ahead log, sweeps rows and watches the clock, in the background."""

    def __init__(self, services: Services, log: Log, metrics: Metrics) -> None:
        self._services = services
        self._log = log
        self._metrics = metrics
        self._swept_at = services.clock.monotonic()
        self._more = False
        self._wall = services.clock.now() - services.clock.monotonic()
        self._tasks = metrics.upkeep
        for name in _TASKS:
            self._tasks[name] = UpkeepTask(services.clock.now())

    async def run(self) -> None:
        """Go on until cancelled. A step that fails is logged and tried again with the next round."""
        while True:
            await asyncio.sleep(_UPKEEP_EVERY_SECONDS)
            await self._step("watch_clock", self.watch_clock)
            await self._step("rotate_keys", self._services.rotation.run_due)
            await self._step("maintain_storage", self._services.storage.maintain)
            if self.may_sweep():
                await self._step("sweep", self.sweep)

    def may_sweep(self) -> bool:
        """Whether it is time to sweep: twice a minute, or at once where the last sweep left something."""
        since = self._services.clock.monotonic() - self._swept_at
        return since >= _SWEEP_EVERY_SECONDS or (self._more and since >= 0)

    async def _step(self, name: str, step: Callable[[], Awaitable[None]]) -> None:
        try:
            await step()
        except Error as error:
            self._tasks[name].failures += 1
            self._log.event(
                "upkeep_failed", level="error", step=name, reason=error.reason or error.description
            )
        else:
            self._tasks[name].succeeded_at = self._services.clock.now()

    async def watch_clock(self) -> None:
        """Say it once and loudly when the wall clock is set back, since expiry is judged by it."""
        wall = self._services.clock.now() - self._services.clock.monotonic()
        if wall > self._wall + _SET_BACK_SECONDS:
            # It may be put right soon, and what was swept meanwhile would be missing: revocations, say, whose tokens
            # only seemed to have expired. So nothing is swept until no token of before can be alive.
            self._swept_at = self._services.clock.monotonic() + LONGEST_TOKEN_SECONDS + DROP_MARGIN_SECONDS
            self._metrics.count_event("clock.set_forward")
            self._log.event("clock.set_forward", level="warning", seconds=round(wall - self._wall))
        if wall < self._wall - _SET_BACK_SECONDS:
            self._metrics.count_event("clock.set_back")
            self._log.event("clock.set_back", level="error", seconds=round(self._wall - wall))
        self._wall = wall

    async def sweep(self) -> None:
        """Delete what nobody needs any more, a few hundred rows at a time, so that nobody waits for it."""
        services = self._services
        self._swept_at = services.clock.monotonic()
        self._more = False
        before = int(services.clock.now()) - services.settings.audit_retention_days * _DAY_SECONDS
        audit = services.storage.audit.sweep(before=before, limit=_SWEEP_ROWS)
        swept = (
            await services.sessions.sweep(_SWEEP_ROWS),
            await services.revocations.sweep(_SWEEP_ROWS),
            await services.login_throttle.sweep(_SWEEP_ROWS),
            (await services.storage.apply(Unit("sweep_audit", (audit,)))).counts[0],
        )
        # A table that has more is looked at again in a second, so that no rate of writing outruns the sweep.
        self._more = max(swept) >= _SWEEP_ROWS
