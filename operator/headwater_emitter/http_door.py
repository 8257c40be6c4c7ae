"""OpenLineage over HTTP: one event, or an array of them, answered as the server answers.

Yes means here that the events are safe on this disk, and will be taken to the server for as long as that takes.
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from headwater.errors import HeadwaterError

from .http_bodies import Bodies, read_events
from .http_server import json_response
from .intake import TEXTS, Intake

DOOR = "http"


class HttpDoor:
    """Takes events as OpenLineage's clients send them."""

    def __init__(self, intake: Intake, *, max_request_bytes: int) -> None:
        self._intake = intake
        self._bodies = Bodies(max_request_bytes)

    def routes(self) -> list[Route]:
        """The paths that are served."""
        return [
            Route("/api/v1/lineage", self.write_event, methods=["POST"]),
            Route("/api/v1/lineage/batch", self.write_events, methods=["POST"]),
        ]

    async def write_event(self, request: Request) -> Response:
        """Takes one event; one that is refused is an error."""
        async with self._bodies.read(request) as body:
            (refusal,) = await self._intake.take([body], DOOR, TEXTS)
        if refusal:
            raise refusal
        return Response(status_code=201)

    async def write_events(self, request: Request) -> Response:
        """Takes an array of events; where some were refused, the answer says which and why."""
        async with self._bodies.read(request) as body:
            events = await read_events(body)
            refusals = await self._intake.take(events, DOOR, TEXTS) if events else []
        if any(refusals):
            return json_response(_summary(refusals))
        return Response(status_code=204)


def _summary(refusals: Sequence[HeadwaterError | None]) -> dict[str, object]:
    failed = [
        {"index": index, "reason": f"{refusal.reason}: {refusal.message}", "retriable": False}
        for index, refusal in enumerate(refusals)
        if refusal
    ]
    counts = {
        "received": len(refusals),
        "successful": len(refusals) - len(failed),
        "failed": len(failed),
        "retriable": 0,
        "non_retriable": len(failed),
    }
    return {"status": "partial_success", "summary": counts, "failed_events": failed}
