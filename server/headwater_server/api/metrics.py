"""Counts and times calls, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import product

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from ..usecases.ingest import Outcome
from ..usecases.sampling import Sampling

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""The bounds between which durations are counted."""


class CallMetrics:
    """What is counted of gRPC calls; a method is written `headwater.v1.IngestService/WriteEvent`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        calls = Counter("headwater_grpc_calls", "Calls that ended.", ("method", "code"), registry=registry)
        seconds = Histogram(
            "headwater_grpc_call_seconds", "How long calls took.", ("method",), buckets=SECONDS, registry=registry
        )
        open_calls = Gauge("headwater_grpc_open_calls", "Calls that go on.", ("method",), registry=registry)
        # What is counted by labels is remembered by them: prometheus_client takes long to find it, many times a call.
        self._calls, self._seconds, self._open = cache(calls.labels), cache(seconds.labels), cache(open_calls.labels)

    def begin(self, method: str) -> None:
        """Counts a call that begins."""
        self._open(method).inc()

    def end(self, method: str, code: str, seconds: float) -> None:
        """Counts a call that ended."""
        self._open(method).dec()
        self._calls(method, code).inc()
        self._seconds(method).observe(seconds)


class EventMetrics(Collector):
    """Counts events by door and by what became of them; `counts` is what ingestion keeps."""

    def __init__(self, counts: Mapping[tuple[str, Outcome], int], doors: Iterable[str]) -> None:
        self._counts = counts
        self._doors = tuple(doors)

    def collect(self) -> Iterator[CounterMetricFamily]:
        """The counts as they are now."""
        family = CounterMetricFamily("headwater_events", "Events that were answered.", labels=["door", "outcome"])
        for door, outcome in product(self._doors, Outcome):
            family.add_metric([door, outcome.name.lower()], self._counts[door, outcome])
        yield family


class SamplingMetrics(Collector):
    """Counts the successful runs of which this server dropped the text of the events."""

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling

    def collect(self) -> Iterator[CounterMetricFamily]:
        """The count as it is now."""
        about = "Successful runs that were left out of the sample of their pipeline."
        yield CounterMetricFamily("headwater_sampled_out_runs", about, value=self._sampling.dropped_runs)
