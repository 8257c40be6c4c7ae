"""The way in, the same for both doors: what is no event is refused, the rest is in the spool before anyone hears yes.

An event is kept and delivered as its sender's own bytes: its identity is theirs. What the pod knows of its run travels
in an event beside it.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from headwater.errors import HeadwaterError
from headwater.events import MalformedEvent, to_open_lineage
from headwater.spool import Item
from headwater.v1.event_pb2 import Event

from .pod_event import PodEvents
from .reading import Mention, read_mention
from .refusals import invalid_event, stopping

REMEMBERED_RUNS = 10_000
READ_AT_ONCE = 500
"""After how many events others get their turn."""


class Keeper(Protocol):
    """Keeps events."""

    async def put(self, items: Sequence[Item]) -> None:
        """Keeps all of them or none; they are on disk when it returns. Raises Overloaded or Unavailable."""
        ...


@dataclass(frozen=True, slots=True)
class Read:
    """What was seen of an event: why it is refused, or the run that it is about, where it says so."""

    refusal: HeadwaterError | None = None
    mention: Mention | None = None


class Intake:
    """Takes events for a keeper."""

    def __init__(self, keeper: Keeper, pod_events: PodEvents, *, max_event_bytes: int, droppable: bool) -> None:
        self._keeper = keeper
        self._pod_events = pod_events
        self._says_something = pod_events.say_something
        self._max_event_bytes = max_event_bytes
        self._droppable = droppable
        self._runs: OrderedDict[str, None] = OrderedDict()
        self._is_stopping = False
        self.received: Counter[str] = Counter()
        """How many events came, by door."""

        self.refused: Counter[str] = Counter()
        """How many of them were no events, by door."""

    async def take(self, events: Sequence[Event], door: str) -> list[HeadwaterError | None]:
        """Keeps events; for each, why it is refused, None where it is safe.

        Raises Overloaded or Unavailable for all of them: then none is kept.
        """
        if self._is_stopping:
            raise stopping()
        read = await self._read(events)
        items: list[Item] = []
        new: list[str] = []
        for event, each in zip(events, read, strict=True):
            if each.refusal is None:
                items += self._items(event, each.mention, new)
        try:
            if items:
                await self._keeper.put(items)
        except BaseException:
            for run in new:
                self._runs.pop(run, None)
            raise
        self.received[door] += len(events)
        self.refused[door] += sum(each.refusal is not None for each in read)
        return [each.refusal for each in read]

    def stop(self) -> None:
        """Takes nothing more; what is being kept is kept."""
        self._is_stopping = True

    async def _read(self, events: Sequence[Event]) -> list[Read]:
        read = []
        for index, event in enumerate(events):
            if index % READ_AT_ONCE == READ_AT_ONCE - 1:
                await asyncio.sleep(0)
            read.append(self._read_one(event))
        return read

    def _read_one(self, event: Event) -> Read:
        try:
            return Read(mention=read_mention(to_open_lineage(event), self._max_event_bytes))
        except MalformedEvent as error:
            return Read(invalid_event(error.field, error.problem, "send one event of OpenLineage"))
        except HeadwaterError as error:
            return Read(error)

    def _items(self, event: Event, mention: Mention | None, new: list[str]) -> list[Item]:
        run = mention.run_id if mention else ""
        items = [Item(event.SerializeToString(), run, self._droppable)]
        if mention and self._says_something and self._is_first(run):
            beside = self._pod_events.event(mention)
            new.append(run)
            if beside is not None:
                items.append(Item(beside.SerializeToString(), run, self._droppable))
        return items

    def _is_first(self, run: str) -> bool:
        """Whether a run is mentioned for the first time, as far as that is remembered."""
        if run in self._runs:
            self._runs.move_to_end(run)
            return False
        self._runs[run] = None
        if len(self._runs) > REMEMBERED_RUNS:
            self._runs.popitem(last=False)
        return True
