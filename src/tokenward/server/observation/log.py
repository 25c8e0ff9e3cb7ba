"""The log: one JSON line on standard error for each event worth one.

No token, password or code goes into a line. A line may hold the `sub` of an account and the address of a client.
"""

import asyncio
import contextlib
import logging
import os
import select
import sys
from datetime import UTC, datetime

import msgspec

from tokenward.clock import Clock

_LIBRARY_LINES_A_MINUTE = 10


class Log:
    """Writes structured log lines to standard error, whole lines only, so that they never mix.

    `lost` counts the writes that nobody took: what was to be written then is gone.
    """

    def __init__(self, clock: Clock, descriptor: int | None = None) -> None:
        self._clock = clock
        self._descriptor = sys.stderr.fileno() if descriptor is None else descriptor
        self._lines: list[bytes] = []
        self.lost = 0

    def event(self, name: str, *, level: str = "info", **fields: object) -> None:
        """One line, written at once. `fields` must hold no token, password, code or cookie: that is not checked."""
        self._lines.append(self._encode(name, level, fields))
        self.flush()

    def event_soon(self, name: str, loop: asyncio.AbstractEventLoop, **fields: object) -> None:
        """One line of level info, written when this turn of the loop ends, in one write with all others of it.

        For what happens thousands of times a second: a write for each would cost more than the line is worth.
        """
        self._lines.append(self._encode(name, "info", fields))
        if len(self._lines) == 1:
            loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write what is still to be written."""
        lines, self._lines = self._lines, []
        chunk = b""
        for line in lines:
            if len(chunk) + len(line) > select.PIPE_BUF:
                self._write(chunk)
                chunk = b""
            chunk += line if len(line) <= select.PIPE_BUF else line[: select.PIPE_BUF - 1] + b"\n"
        self._write(chunk)

    def _write(self, chunk: bytes) -> None:
        # A log that cannot be written (a full disk, a closed pipe, a reader that stopped) must not take the server down
        # or hold it up: then the lines are lost. A pipe that is writable takes this much without waiting.
        if not chunk:
            return
        with contextlib.suppress(OSError):
            if select.select((), (self._descriptor,), (), 0)[1]:
                os.write(self._descriptor, chunk)
                return
        self.lost += 1

    def _encode(self, name: str, level: str, fields: dict[str, object]) -> bytes:
        at = datetime.fromtimestamp(self._clock.now(), UTC).isoformat(timespec="milliseconds")
        return msgspec.json.encode({"at": at, "level": level, "event": name, **fields}) + b"\n"


class LibraryHandler(logging.Handler):
    """Carries what libraries say through `logging` into the same log.

    At most ten lines a minute of each logger and level: the server program says something of every request that is
    not well formed, and whoever sends those could fill the disk. How many were left out stands in the next line.
    """

    def __init__(self, log: Log, clock: Clock) -> None:
        super().__init__(level=logging.WARNING)
        self._log = log
        self._clock = clock
        # For each logger and level: the minute, and what came in it.
        self._said: dict[tuple[str, int], tuple[int, int]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """One line for a library's record, with the kind of exception it carries but not its text."""
        who, minute = (record.name, record.levelno), int(self._clock.monotonic() // 60)
        since, count = self._said.get(who, (minute, 0))
        left_out = 0
        if since != minute:
            left_out, count = max(0, count - _LIBRARY_LINES_A_MINUTE), 0
        self._said[who] = (minute, count + 1)
        if count >= _LIBRARY_LINES_A_MINUTE:
            return
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        self._log.event(
            "library",
            level=record.levelname.lower(),
            logger=record.name,
            message=record.getMessage(),
            error=kind,
            **({"left_out": left_out} if left_out else {}),
        )
