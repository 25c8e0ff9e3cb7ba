"""Metrics as the rooms of the server tell them, and their text as Prometheus reads it.

`prometheus-client` is loaded at the first scrape and writes the exposition formats.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from tokenward.server.observation.histogram import Histogram

if TYPE_CHECKING:
    from prometheus_client.core import Metric

_OPEN_METRICS = b"application/openmetrics-text"


class Family(NamedTuple):
    """All series of one metric: `name` without `_total`, the names of its labels, and a value for their values."""

    kind: Literal["counter", "gauge", "histogram"]
    name: str
    documentation: str
    labels: tuple[str, ...]
    samples: list[tuple[tuple[str, ...], float | Histogram]]


Source: TypeAlias = Callable[[], Iterable[Family]]


def counter(name: str, documentation: str, value: float) -> Family:
    """A counter without labels."""
    return Family("counter", name, documentation, (), [((), value)])


def counters(name: str, documentation: str, label: str, values: Mapping[str, float]) -> Family:
    """A counter with one label."""
    return Family(
        "counter", name, documentation, (label,), [((key,), value) for key, value in values.items()]
    )


def gauge(name: str, documentation: str, value: float) -> Family:
    """A gauge without labels."""
    return Family("gauge", name, documentation, (), [((), value)])


def histogram(name: str, documentation: str, value: Histogram) -> Family:
    """A histogram without labels."""
    return Family("histogram", name, documentation, (), [((), value)])


class _Collector:
    def __init__(self, sources: Iterable[Source]) -> None:
        self._sources = sources

    def collect(self) -> "Iterator[Metric]":
        """What prometheus-client asks a collector for."""
        for source in self._sources:
            for family in source():
                yield _metric(family)

    def describe(self) -> "list[Metric]":
        """Nothing beforehand: nothing else is registered beside it that could have the same names."""
        return []


def _metric(family: Family) -> "Metric":
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    kinds: dict[str, Any] = {
        "counter": CounterMetricFamily,
        "gauge": GaugeMetricFamily,
        "histogram": HistogramMetricFamily,
    }
    metric: Metric = kinds[family.kind](
        f"tokenward_{family.name}", family.documentation, labels=family.labels
    )
    add: Any = metric
    for labels, value in family.samples:
        if isinstance(value, Histogram):
            add.add_metric(labels, value.cumulated(), value.total)
        else:
            add.add_metric(labels, value)
    return metric


def exposition(sources: Iterable[Source], accept: bytes) -> tuple[bytes, bytes]:
    """Content type and text for an `Accept` header: OpenMetrics where it is named, else the text format."""
    from prometheus_client import CollectorRegistry
    from prometheus_client import exposition as plain
    from prometheus_client.openmetrics import exposition as open_metrics
    from prometheus_client.process_collector import ProcessCollector

    registry = CollectorRegistry()
    registry.register(_Collector(sources))
    ProcessCollector(registry=registry)
    if _OPEN_METRICS in accept.lower():
        text: bytes = open_metrics.generate_latest(registry)  # type: ignore[no-untyped-call]
        return open_metrics.CONTENT_TYPE_LATEST.encode(), text
    return plain.CONTENT_TYPE_PLAIN_0_0_4.encode(), plain.generate_latest(registry)
