"""What machines ask: whether the process lives, whether it is ready, and what it counted."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from ..domain.permissions import METRICS
from ..usecases.access import require
from .callers import caller_of
from .figures import Figures


class ProbeEndpoints:
    """Answers probes. `gate` raises why the server is not ready."""

    def __init__(self, gate: Callable[[], None], figures: Figures) -> None:
        self._gate = gate
        self._figures = figures

    async def healthz(self, _: Request) -> Response:
        """Says that the process lives, whatever the store does: to start it again would not help."""
        return PlainTextResponse("ok\n")

    async def readyz(self, _: Request) -> Response:
        """Says whether events and questions are taken."""
        self._gate()
        return PlainTextResponse("ready\n")

    async def metrics(self, request: Request) -> Response:
        """What was counted, for Prometheus; raises PermissionDenied."""
        require(caller_of(request), METRICS)
        return await self.open_metrics(request)

    async def open_metrics(self, _: Request) -> Response:
        """The same for anyone, where nobody is asked who calls."""
        return Response(await self._figures.text(), media_type=CONTENT_TYPE_LATEST)
