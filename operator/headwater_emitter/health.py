"""What the emitter says of itself: /healthz for probes and people, /metrics for Prometheus.

/healthz answers 200 for as long as the emitter lives, whatever it says: only a liveness probe may ask it, to have a
frozen emitter started again. It must gate neither a pod's start nor its readiness, least of all on the server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .http_server import json_response

PREFIX = "headwater_emitter_"


@dataclass(frozen=True, slots=True)
class Figure:
    """One number to tell: its name without the prefix, what it means, and its value, by door where it has one each."""

    name: str
    meaning: str
    value: float | Mapping[str, float]
    is_counter: bool = False


class Health:
    """Answers with what `report` and `figures` say at the moment."""

    def __init__(self, report: Callable[[], Mapping[str, object]], figures: Callable[[], Iterable[Figure]]) -> None:
        self._report = report
        self._registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._registry)
        self._registry.register(_Figures(figures))

    def routes(self) -> list[Route]:
        """The paths that are served."""
        return [Route("/healthz", self._healthz), Route("/metrics", self._metrics)]

    async def _healthz(self, _: Request) -> Response:
        return json_response(self._report())

    async def _metrics(self, _: Request) -> Response:
        return Response(generate_latest(self._registry), headers={"content-type": "text/plain; version=0.0.4"})


class _Figures(Collector):
    def __init__(self, figures: Callable[[], Iterable[Figure]]) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        for each in self._figures():
            family = CounterMetricFamily if each.is_counter else GaugeMetricFamily
            if isinstance(each.value, Mapping):
                by_door = family(PREFIX + each.name, each.meaning, labels=["door"])
                for door, value in sorted(each.value.items()):
                    by_door.add_metric([door], value)
                yield by_door
            else:
                yield family(PREFIX + each.name, each.meaning, value=each.value)
