"""The counters of one process, as plain integers: a guarded request should not pay for a lock.

A label holds a route of ours or a name from a closed list (`events`), never an account, an address, or anything else
that a client sent. What the other rooms count by themselves is read out of them at a scrape: see `add_source`.
"""

import platform
from collections import defaultdict
from collections.abc import Iterator

from tokenward import __version__
from tokenward.protocol.errors import ERROR_CODES
from tokenward.server.observation import families
from tokenward.server.observation.events import CONNECTIONS_REFUSED, EVENTS, TOKENS_REFUSED, Event
from tokenward.server.observation.families import Family, Source
from tokenward.server.observation.histogram import Histogram

# Upper bounds in seconds. Below a millisecond are the hot ways, above 25 ms the password hash.
_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class ConnectionCounts:
    """The connections that are open, and how many were refused before a request came of them."""

    __slots__ = ("open", "refused")

    def __init__(self) -> None:
        self.open = 0
        self.refused = dict.fromkeys(CONNECTIONS_REFUSED, 0)


class UpkeepTask:
    """When a task of the upkeep last succeeded, in UTC seconds, and how often it failed."""

    __slots__ = ("failures", "succeeded_at")

    def __init__(self, at: float) -> None:
        self.succeeded_at = at
        self.failures = 0


class Metrics:
    """The counters of one process."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.connections = ConnectionCounts()
        self.upkeep: dict[str, UpkeepTask] = {}
        self._answers: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._durations: defaultdict[str, Histogram] = defaultdict(lambda: Histogram(_BOUNDS))
        self._events: dict[str, int] = dict.fromkeys(EVENTS, 0)
        self._errors = dict.fromkeys(ERROR_CODES, 0)
        self._tokens_refused = dict.fromkeys(TOKENS_REFUSED, 0)
        self._gauges: dict[str, tuple[str, float]] = {}
        self._sources: list[Source] = [self._families]

    def count_answer(self, route: str, status: int, seconds: float) -> None:
        """One answer. `route` must be a path of ours, never one that a client made up."""
        self._answers[route, status] += 1
        self._durations[route].observe(seconds)

    def count_event(self, event: Event) -> None:
        """One event of the product, such as `session.refreshed`. A new one is added to `events.Event` first."""
        self._events[event] += 1

    def count_error(self, code: str) -> None:
        """One answer that was an error; `code` is one of `protocol.errors`."""
        self._errors[code] += 1

    def count_token_refused(self, kind: str) -> None:
        """One request without an access token that counts; `kind` is one of `events.TOKENS_REFUSED`."""
        self._tokens_refused[kind] += 1

    def counted(self, event: Event) -> int:
        """How often an event was counted."""
        return self._events[event]

    def set_gauge(self, name: str, documentation: str, value: float) -> None:
        """The present value of something, such as when the certificate expires."""
        self._gauges[name] = (documentation, value)

    def add_source(self, source: Source) -> None:
        """Ask `source` too at each scrape, for what another room counts by itself. No two may have one name."""
        self._sources.append(source)

    def exposition(self, accept: bytes = b"") -> tuple[bytes, bytes]:
        """Content type and text of the exposition format that an `Accept` header asks for."""
        return families.exposition(self._sources, accept)

    def _families(self) -> Iterator[Family]:
        labels = {(__version__, platform.python_version()): 1.0}
        yield Family(
            "gauge", "build_info", "What runs: always 1.", ("version", "python_version"), list(labels.items())
        )
        yield from self._http_families()
        yield families.counters(
            "events", "Events of accounts, sessions, clock and storage.", "event", self._events
        )
        yield families.counters(
            "tokens_refused",
            "Requests whose access token was missing or refused, by why.",
            "reason",
            self._tokens_refused,
        )
        yield from self._upkeep_families()
        for name, (documentation, value) in self._gauges.items():
            yield families.gauge(name, documentation, value)

    def _http_families(self) -> Iterator[Family]:
        yield Family(
            "counter",
            "http_requests",
            "Requests answered, by route and status.",
            ("route", "status"),
            [((route, str(status)), count) for (route, status), count in self._answers.items()],
        )
        yield Family(
            "histogram",
            "http_request_duration_seconds",
            "Seconds from the head of a request to its answer, by route.",
            ("route",),
            [((route,), durations) for route, durations in self._durations.items()],
        )
        yield families.counters(
            "http_errors", "Requests answered with an error, by its code.", "code", self._errors
        )
        yield families.gauge(
            "http_requests_in_flight", "Requests that are being answered, this one included.", self.in_flight
        )
        yield families.gauge("http_connections", "Connections that are open.", self.connections.open)
        yield families.counters(
            "http_connections_refused",
            "Connections closed because of a request that did not come, or not as HTTP.",
            "reason",
            self.connections.refused,
        )

    def _upkeep_families(self) -> Iterator[Family]:
        yield Family(
            "gauge",
            "upkeep_last_success_timestamp_seconds",
            "When a task of the upkeep last succeeded, in UTC seconds; before that, when it began.",
            ("task",),
            [((name,), task.succeeded_at) for name, task in self.upkeep.items()],
        )
        failures = {name: task.failures for name, task in self.upkeep.items()}
        yield families.counters("upkeep_failures", "Tasks of the upkeep that failed.", "task", failures)
