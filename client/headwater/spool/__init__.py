"""Events kept on disk until the server has committed them. Needs POSIX.

    async with Spool(SpoolFile(folder / "operator.spool")) as spool, Client() as client, Delivery(spool, client):
        await spool.adopt_orphans()
        await spool.put([Item(event.SerializeToString(), run=run_id)])  # safe from here on

`put` returns once its items survive kill -9 and a power cut. `Delivery` takes them to the server, in order, at least
once, and for as long as that takes; what the server refuses becomes a dead letter and never holds the others up. A
program without an event loop uses `SpoolFile` itself. Where two processes need a spool, each has a file of its own.
"""

from .batching import Batching
from .delivery import Delivery, DeliveryState, Pace, Writer, read_event
from .errors import SpoolError, SpoolFull, SpoolTaken, SpoolUnusable
from .gap_event import gap_events, gap_facets
from .items import DeadLetter, Figures, Gap, Item, Kept, Limits, Put, Refusal
from .spool import Spool
from .spool_file import SpoolFile

__all__ = [
    "Batching",
    "DeadLetter",
    "Delivery",
    "DeliveryState",
    "Figures",
    "Gap",
    "Item",
    "Kept",
    "Limits",
    "Pace",
    "Put",
    "Refusal",
    "Spool",
    "SpoolError",
    "SpoolFile",
    "SpoolFull",
    "SpoolTaken",
    "SpoolUnusable",
    "Writer",
    "gap_events",
    "gap_facets",
    "read_event",
]
