"""What machines ask: whether the process lives, whether it is ready, and what it counted."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response


class ProbeEndpoints:
    """Answers probes. `gate` raises why the server is not ready."""

    def __init__(self, gate: Callable[[], None], registry: CollectorRegistry) -> None:
        self._gate = gate
        self._registry = registry

    async def healthz(self, _: Request) -> Response:
        """Says that the process lives, whatever the store does: to start it again would not help."""
        return PlainTextResponse("ok\n")

    async def readyz(self, _: Request) -> Response:
        """Says whether events and questions are taken."""
        self._gate()
        return PlainTextResponse("ready\n")

    async def metrics(self, _: Request) -> Response:
        """What was counted, for Prometheus."""
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)
