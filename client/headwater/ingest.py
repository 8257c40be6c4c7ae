"""The calls of IngestService: sending events. Every one can be repeated without a second effect."""

import json
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from .calling import Caller
from .listing import Listing
from .v1 import event_pb2
from .v1 import ingest_service_pb2 as api

AnyEvent: TypeAlias = (
    event_pb2.Event
    | event_pb2.RunEvent
    | event_pb2.DatasetEvent
    | event_pb2.JobEvent
    | bytes
    | str
    | Mapping[str, object]
)
"""An event: a message of the contract, or an OpenLineage event as JSON text or as what that is read into."""


class Ingest(Caller):
    """Sends events. An answer comes after the server has committed them."""

    async def write_event(self, event: AnyEvent, *, timeout_seconds: float | None = None) -> api.WriteEventResponse:
        """Writes one event. Raises InvalidEvent, TooLarge and TooOld where it is rejected.

        >>> await client.write_event(event.to_json())
        """
        request = api.WriteEventRequest(event=as_event(event))
        return await self._ask(request, api.WriteEventResponse, timeout_seconds)

    async def batch_write_events(
        self, events: Iterable[AnyEvent], *, timeout_seconds: float | None = None
    ) -> api.BatchWriteEventsResponse:
        """Writes up to 10,000 events in one request; `results` tells of each, in the same order, what became of it."""
        request = api.BatchWriteEventsRequest(events=map(as_event, events))
        return await self._ask(request, api.BatchWriteEventsResponse, timeout_seconds)

    def rejected_events(
        self, *, page_size: int = 0, timeout_seconds: float | None = None
    ) -> Listing[api.ListRejectedEventsResponse, api.RejectedEvent]:
        """Lists the events that the server rejected in the last days, newest first."""
        request, response = api.ListRejectedEventsRequest(page_size=page_size), api.ListRejectedEventsResponse
        return self._list(request, response, lambda page: page.rejected_events, timeout_seconds)


def as_event(event: AnyEvent) -> event_pb2.Event:
    """Gives the event as the contract's message. Raises TypeError for what is no event."""
    match event:
        case event_pb2.Event():
            return event
        case event_pb2.RunEvent():
            return event_pb2.Event(run_event=event)
        case event_pb2.DatasetEvent():
            return event_pb2.Event(dataset_event=event)
        case event_pb2.JobEvent():
            return event_pb2.Event(job_event=event)
        case bytes():
            return event_pb2.Event(open_lineage=event)
        case str():
            return event_pb2.Event(open_lineage=event.encode())
        case Mapping():
            return event_pb2.Event(open_lineage=json.dumps(dict(event)).encode())
    raise TypeError(f"{type(event).__name__} is no event")
