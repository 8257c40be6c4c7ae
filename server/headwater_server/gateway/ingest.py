"""OpenLineage over HTTP: one event, or an array of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ..usecases.access import authorize
from ..usecases.ingest import EventOutcome, Ingestion
from .batches import split_batch
from .bodies import BodyReader
from .callers import caller_of
from .errors import json_response

DOOR = "http"
LARGE_BYTES = 1 << 20
"""From which size on a batch is taken apart in a thread, so that others need not wait for it."""


class IngestEndpoints:
    """Takes events as OpenLineage's clients send them. `gate` raises what all are refused with while not ready."""

    def __init__(self, ingestion: Ingestion, bodies: BodyReader, gate: Callable[[], None]) -> None:
        self._ingestion = ingestion
        self._bodies = bodies
        self._gate = gate

    async def write_event(self, request: Request) -> Response:
        """Writes one event; a rejected one is an error."""
        self._gate()
        async with self._bodies.read(request) as body:
            authorize(caller_of(request), "IngestService/WriteEvent")
            outcome = await self._ingestion.write([body], sender_of(request), DOOR)
        (result,) = outcome.results
        if result.error:
            raise result.error
        return Response(status_code=201)

    async def write_events(self, request: Request) -> Response:
        """Writes an array of events; where some were rejected, the answer says which and why."""
        self._gate()
        async with self._bodies.read(request) as body:
            authorize(caller_of(request), "IngestService/BatchWriteEvents")
            split_here = len(body) < LARGE_BYTES
            events = split_batch(body) if split_here else await asyncio.to_thread(split_batch, body)
            results = (await self._ingestion.write(events, sender_of(request), DOOR)).results if events else ()
        if any(result.error for result in results):
            return json_response(msgspec.json.encode(_summary(results)))
        return Response(status_code=204)


def sender_of(request: Request) -> str:
    """Who sends: the identity; where nobody is asked for one, the network address."""
    if identity := caller_of(request).identity:
        return identity
    return request.client.host if request.client else ""


def _summary(results: Sequence[EventOutcome]) -> dict[str, object]:
    failed = [
        {"index": index, "reason": f"{result.error.reason}: {result.error.message}", "retriable": False}
        for index, result in enumerate(results)
        if result.error
    ]
    counts = {
        "received": len(results),
        "successful": len(results) - len(failed),
        "failed": len(failed),
        "retriable": 0,
        "non_retriable": len(failed),
    }
    return {"status": "partial_success", "summary": counts, "failed_events": failed}
