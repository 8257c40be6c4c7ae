"""Items and events as the spool's tests put them."""

from collections.abc import Iterable, Sequence

from headwater.spool import Item, Put, SpoolFile, SpoolFull
from headwater.v1 import event_pb2


def item(text: str, run: str = "r", *, droppable: bool = False, size: int = 0) -> Item:
    """Makes an item whose event is a text; with a size, an item that takes so many bytes."""
    made = Item(event_pb2.Event(open_lineage=text.encode()).SerializeToString(), run, droppable)
    return made._replace(context=bytes(max(0, size - made.size)))


def text_of(event: event_pb2.Event | bytes) -> str:
    """Gives the text of an event that `item` made."""
    message = event_pb2.Event.FromString(event) if isinstance(event, bytes) else event
    return message.open_lineage.decode()


def put(file: SpoolFile, *items: Item, may_drop: bool = True) -> int:
    """Puts items; gives how many were dropped. Raises SpoolFull."""
    (outcome,) = file.put([Put(items, may_drop)])
    if isinstance(outcome, SpoolFull):
        raise outcome
    return outcome


def waiting(file: SpoolFile) -> list[str]:
    """Gives the texts of what waits."""
    return [text_of(each.item.event) for each in file.peek(1_000_000, 2**40)]


def texts(events: Iterable[event_pb2.Event]) -> list[str]:
    """Gives the texts of events."""
    return [text_of(each) for each in events]


def first_seen(names: Sequence[str]) -> list[str]:
    """Gives the names without repetitions, in the order in which each came first."""
    return list(dict.fromkeys(names))
