"""Has the events of a message written, whichever form they came in."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from headwater.events import MalformedEvent, to_open_lineage
from headwater.v1.event_pb2 import Event

from ..domain.errors import InvalidEvent
from ..usecases.ingest import Ingestion, WriteOutcome

DOOR = "grpc"


class MessageWriter:
    """Writes events of one sender."""

    def __init__(self, ingestion: Ingestion, sender: str) -> None:
        self._ingestion = ingestion
        self._sender = sender

    async def write(self, events: Iterable[Event]) -> WriteOutcome:
        """What became of each event. Raises Overloaded, ShuttingDown or StoreUnavailable for all of them.

        An event that cannot be OpenLineage is given to ingestion as its protobuf bytes, so that it is rejected and
        listed there like any other; its sender is told here what is wrong with it.
        """
        bodies: list[bytes] = []
        malformed: dict[int, InvalidEvent] = {}
        for index, event in enumerate(events):
            try:
                bodies.append(to_open_lineage(event))
            except MalformedEvent as error:
                malformed[index] = InvalidEvent(error.field, error.problem, "send one event of OpenLineage")
                bodies.append(event.SerializeToString())
        outcome = await self._ingestion.write(bodies, self._sender, DOOR)
        results = list(outcome.results)
        for index, reason in malformed.items():
            results[index] = dataclasses.replace(results[index], error=reason)
        return dataclasses.replace(outcome, results=results)
