"""The one registry of metrics: what counts declares its own beside it, and all are written here.

Names follow Prometheus: base units, `_total` on counters, never a label of instrument, order or
user, whose number has no bound. Floats are allowed here and only here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

PREFIX = "alphapanda_"
CONTENT_TYPE = CONTENT_TYPE_LATEST
BUCKETS = (50e-6, 200e-6, 1e-3, 5e-3, 20e-3, 0.1, 0.5, 2.0, 10.0)
REGISTRY = CollectorRegistry()
disable_created_metrics()  # type: ignore[no-untyped-call]  # a time of making for each would double what is sent


def counter(name: str, text: str, labels: Sequence[str] = ()) -> Counter:
    """Declare what only grows; `_total` is put behind its name."""
    return Counter(PREFIX + name, text, labels, registry=REGISTRY)


def gauge(name: str, text: str, labels: Sequence[str] = ()) -> Gauge:
    """Declare what goes up and down."""
    return Gauge(PREFIX + name, text, labels, registry=REGISTRY)


def histogram(name: str, text: str, labels: Sequence[str] = ()) -> Histogram:
    """Declare times in seconds, from 50 us to 10 s."""
    return Histogram(PREFIX + name, text, labels, registry=REGISTRY, buckets=BUCKETS)


class Scraped(Collector):
    """Metrics that are made when somebody asks, from what others have found."""

    def __init__(self, make: Callable[[], Iterable[Metric]]) -> None:
        self._make = make
        REGISTRY.register(self)

    def collect(self) -> Iterable[Metric]:
        """Return the metrics of now."""
        return self._make()

    def describe(self) -> Iterable[Metric]:
        """Return none: what there is depends on what was found."""
        return ()

    def close(self) -> None:
        """Let go of the registry."""
        REGISTRY.unregister(self)


def exposition() -> bytes:
    """Return all metrics in Prometheus' text format."""
    return generate_latest(REGISTRY)
