"""The operator's HTTP: whether it lives, whether it watches, and its metrics."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from headwater.program.values import Address

PREFIX = "headwater_operator_"


@dataclass(frozen=True, slots=True)
class Figure:
    """One number to tell: its name without the prefix, what it means, and its value, by label where it has one."""

    name: str
    meaning: str
    value: float | dict[str, float]
    is_counter: bool = False
    label: str = ""


class _Figures(Collector):
    def __init__(self, figures: Callable[[], Iterable[Figure]], prefix: str) -> None:
        self._figures = figures
        self._prefix = prefix

    def collect(self) -> Iterator[Metric]:
        for each in self._figures():
            family = CounterMetricFamily if each.is_counter else GaugeMetricFamily
            if isinstance(each.value, dict):
                labelled = family(self._prefix + each.name, each.meaning, labels=[each.label])
                for label, value in sorted(each.value.items()):
                    labelled.add_metric([label], value)
                yield labelled
            else:
                yield family(self._prefix + each.name, each.meaning, value=each.value)


@contextlib.asynccontextmanager
async def serving(
    address: Address,
    figures: Callable[[], Iterable[Figure]],
    unready: Callable[[], str],
    *,
    prefix: str = PREFIX,
    further: Iterable[Collector] = (),
) -> AsyncIterator[Address]:
    """Serves inside of the block; gives where. `unready` says why the operator is not ready, nothing where it is.

    `further` metrics are told as they are. Raises OSError where the address is taken.
    """
    registry = _registry([_Figures(figures, prefix), *further])

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        reason = unready()
        return web.Response(text=f"{reason or 'ok'}\n", status=503 if reason else 200)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": "text/plain; version=0.0.4"})

    application = web.Application()
    application.add_routes([
        web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics),
    ])  # fmt: skip
    runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, address.host, address.port)
        await site.start()
        port = runner.addresses[0][1]
        yield Address(address.host, port)
    finally:
        await runner.cleanup()


def _registry(collectors: Iterable[Collector]) -> CollectorRegistry:
    """A registry of collectors, and of what is known of the process."""
    registry = CollectorRegistry()
    for of_process in (ProcessCollector, PlatformCollector, GCCollector):
        of_process(registry=registry)
    for each in collectors:
        registry.register(each)
    return registry
