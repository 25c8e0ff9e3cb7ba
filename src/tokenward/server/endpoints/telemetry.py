"""What the server says of itself: one JSON line for each event worth one, and counters for Prometheus.

Counters are plain integers here, since a guarded request should not pay for a lock; `prometheus-client` is loaded at
the first scrape and writes the exposition format. No token, password or code goes into a line or a label; a line
may hold the `sub` of an account and the address of a client, a label neither.
"""

import asyncio
import contextlib
import logging
import os
import select
import sys
from bisect import bisect_left
from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from tokenward.clock import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

# Upper bounds in seconds. Below a millisecond are the hot ways, above 25 ms the password hash.
_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

_LIBRARY_LINES_A_MINUTE = 10


class Log:
    """Writes structured log lines to standard error, whole lines only, so that they never mix."""

    def __init__(self, clock: Clock, descriptor: int | None = None) -> None:
        self._clock = clock
        self._descriptor = sys.stderr.fileno() if descriptor is None else descriptor
        self._lines: list[bytes] = []

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
        with contextlib.suppress(OSError):
            if chunk and select.select((), (self._descriptor,), (), 0)[1]:
                os.write(self._descriptor, chunk)

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


class Metrics:
    """The counters of one process."""

    def __init__(self) -> None:
        self._answers: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._buckets: dict[str, list[int]] = {}
        self._events: defaultdict[str, int] = defaultdict(int)
        self._gauges: dict[str, tuple[str, float]] = {}

    def count_answer(self, route: str, status: int, seconds: float) -> None:
        """One answer. `route` must be a path of ours, never one that a client made up."""
        self._answers[route, status] += 1
        self._seconds[route] += seconds
        buckets = self._buckets.get(route)
        if buckets is None:
            buckets = self._buckets[route] = [0] * (len(_BOUNDS) + 1)
        buckets[bisect_left(_BOUNDS, seconds)] += 1

    def count_event(self, event: str) -> None:
        """One event of the product, such as `session.refreshed`."""
        self._events[event] += 1

    def set_gauge(self, name: str, documentation: str, value: float) -> None:
        """The present value of something, such as the head of the revocation log."""
        self._gauges[name] = (documentation, value)

    def collect(self) -> "Iterator[Metric]":
        """What prometheus-client asks a collector for."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        answers = CounterMetricFamily(
            "tokenward_http_answers", "HTTP answers by path and status.", labels=["path", "status"]
        )
        for (route, status), count in self._answers.items():
            answers.add_metric([route, str(status)], count)
        yield answers
        durations = HistogramMetricFamily(
            "tokenward_http_seconds", "Seconds from request head to answer, by path.", labels=["path"]
        )
        for route, buckets in self._buckets.items():
            durations.add_metric([route], _cumulate(buckets), self._seconds[route])
        yield durations
        events = CounterMetricFamily(
            "tokenward_events", "Events of accounts, sessions and tokens.", labels=["event"]
        )
        for event, count in self._events.items():
            events.add_metric([event], count)
        yield events
        for name, (documentation, value) in self._gauges.items():
            yield GaugeMetricFamily(f"tokenward_{name}", documentation, value=value)

    def describe(self) -> "list[Metric]":
        """Nothing beforehand: the families depend on what happened."""
        return []

    def exposition(self) -> tuple[bytes, bytes]:
        """Content type and text of the exposition format."""
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
        from prometheus_client.process_collector import ProcessCollector

        registry = CollectorRegistry()
        registry.register(self)
        ProcessCollector(registry=registry)
        return CONTENT_TYPE_LATEST.encode(), generate_latest(registry)


def _cumulate(buckets: list[int]) -> list[tuple[str, float]]:
    total, cumulated = 0, []
    for bound, count in zip((*map(str, _BOUNDS), "+Inf"), buckets, strict=True):
        total += count
        cumulated.append((bound, float(total)))
    return cumulated
