"""The way in, the same for both doors: what is no event is refused, the rest is in the spool before anyone hears yes.

An event is kept and delivered as its sender's own bytes: its identity is theirs. What the pod knows of its run travels
in an event beside it.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, Protocol, TypeAlias, TypeVar

from headwater.errors import HeadwaterError
from headwater.events import MalformedEvent, to_open_lineage
from headwater.spool import Item
from headwater.v1.event_pb2 import Event

from .pod_event import PodEvents
from .reading import Mention, read_mention
from .refusals import invalid_event, stopping

T = TypeVar("T")
Seen: TypeAlias = Mention | HeadwaterError | None
"""What was seen of an event: the run that it is about, where it says so, or why it is refused."""

REMEMBERED_RUNS = 10_000
READ_AT_ONCE = 500
"""After how many events others get their turn."""


class Keeper(Protocol):
    """Keeps events."""

    async def put(self, items: Sequence[Item]) -> None:
        """Keeps all of them or none; they are on disk when it returns. Raises Overloaded or Unavailable."""
        ...


class Form(NamedTuple, Generic[T]):
    """How events come."""

    text: Callable[[T], bytes]
    """Gives the JSON text of one. Raises MalformedEvent."""

    event: Callable[[T], bytes]
    """Gives it as a serialised `headwater.v1.Event`."""


def as_event(text: bytes) -> bytes:
    """A JSON text as a serialised Event: what protobuf writes, without the message in between and its two copies."""
    head, left = [_OPEN_LINEAGE_TAG], len(text)
    while left > 0x7F:
        head.append(left & 0x7F | 0x80)
        left >>= 7
    head.append(left)
    return bytes(head) + text


_OPEN_LINEAGE_TAG = Event.OPEN_LINEAGE_FIELD_NUMBER << 3 | 2
MESSAGES: Form[Event] = Form(to_open_lineage, Event.SerializeToString)
TEXTS: Form[bytes] = Form(bytes, as_event)


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

    async def take(self, events: Sequence[T], door: str, form: Form[T]) -> list[HeadwaterError | None]:
        """Keeps events; for each, why it is refused, None where it is safe.

        Raises Overloaded or Unavailable for all of them: then none is kept.
        """
        if self._is_stopping:
            raise stopping()
        seen = await self._read(events, form)
        refusals = [each if isinstance(each, HeadwaterError) else None for each in seen]
        items: list[Item] = []
        new: list[str] = []
        for event, each in zip(events, seen, strict=True):
            if not isinstance(each, HeadwaterError):
                self._add(items, new, form.event(event), each)
        try:
            if items:
                await self._keeper.put(items)
        except BaseException:
            for run in new:
                self._runs.pop(run, None)
            raise
        self.received[door] += len(events)
        self.refused[door] += len(refusals) - refusals.count(None)
        return refusals

    def stop(self) -> None:
        """Takes nothing more; what is being kept is kept."""
        self._is_stopping = True

    async def _read(self, events: Sequence[T], form: Form[T]) -> list[Seen]:
        seen: list[Seen] = []
        for index, event in enumerate(events):
            if index % READ_AT_ONCE == READ_AT_ONCE - 1:
                await asyncio.sleep(0)
            try:
                seen.append(read_mention(form.text(event), self._max_event_bytes))
            except MalformedEvent as error:
                seen.append(invalid_event(error.field, error.problem, "send one event of OpenLineage"))
            except HeadwaterError as error:
                seen.append(error)
        return seen

    def _add(self, items: list[Item], new: list[str], event: bytes, mention: Mention | None) -> None:
        """Adds the items of an event, and its run to those that are new."""
        run = mention.run_id if mention else ""
        items.append(Item(event, run, self._droppable))
        if mention and self._says_something and self._is_first(run):
            beside = self._pod_events.event(mention)
            new.append(run)
            if beside is not None:
                items.append(Item(as_event(beside), run, self._droppable))

    def _is_first(self, run: str) -> bool:
        """Whether a run is mentioned for the first time, as far as that is remembered."""
        if run in self._runs:
            self._runs.move_to_end(run)
            return False
        self._runs[run] = None
        if len(self._runs) > REMEMBERED_RUNS:
            self._runs.popitem(last=False)
        return True
