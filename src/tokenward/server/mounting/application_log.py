"""The log of a mounted server: the application's, under the name `tokenward`."""

import asyncio
import logging

from tokenward.clock import Clock
from tokenward.server.endpoints.telemetry import Log

_LOGGER = logging.getLogger("tokenward")
_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_STANDARD_ERROR = 2


class ApplicationLog(Log):
    """Gives each line, in the same JSON, to the logger `tokenward`. What becomes of it is the application's to say.

    An application that sets up nothing sees warnings and errors on standard error, as Python does it.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock, _STANDARD_ERROR)

    def event(self, name: str, *, level: str = "info", **fields: object) -> None:
        """One line, if the application wants lines of this level."""
        self._tell(name, level, fields)

    def event_soon(self, name: str, loop: asyncio.AbstractEventLoop, **fields: object) -> None:
        """As `event`: what the application does with a line is not ours to gather."""
        self._tell(name, "info", fields)

    def _tell(self, name: str, level: str, fields: dict[str, object]) -> None:
        number = _LEVELS[level]
        if _LOGGER.isEnabledFor(number):
            _LOGGER.log(number, "%s", self._encode(name, level, fields).decode().rstrip("\n"))
