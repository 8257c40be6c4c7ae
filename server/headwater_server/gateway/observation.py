"""Counts and times requests, and answers those that fail in a way nobody expected."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..usecases.failures import report_failure
from .errors import to_response

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""The bounds between which durations are counted."""
GONE = 499
"""Stands for the answer to a client that did not wait for one."""


class RequestMetrics:
    """What is counted of HTTP requests, by the name of the endpoint."""

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ("endpoint", "status")
        self.requests = Counter("headwater_http_requests", "Requests that were answered.", labels, registry=registry)
        self.seconds = Histogram(
            "headwater_http_request_seconds", "How long they took.", ("endpoint",), buckets=SECONDS, registry=registry
        )


class Observation:
    """The outermost part of the application."""

    def __init__(self, app: ASGIApp, metrics: RequestMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        started, status = time.perf_counter(), 0

        async def watched_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched_send)
        except ClientDisconnect:
            status = GONE
        except Exception as error:  # noqa: BLE001  nobody above would tell the client
            answer = to_response(report_failure(error, repr(scope["path"])))
            if status == 0:
                await answer(scope, receive, watched_send)
        finally:
            endpoint = getattr(scope.get("endpoint"), "__name__", "unknown")
            self._metrics.requests.labels(endpoint, status).inc()
            self._metrics.seconds.labels(endpoint).observe(time.perf_counter() - started)
