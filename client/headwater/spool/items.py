"""What a spool holds and says of itself. Values only: nothing here knows of files or calls."""

import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

ROW_BYTES = 96
"""What an item takes beside its own bytes, about (measured with SQLite 3.40: 40 to 110)."""


class Item(NamedTuple):
    """Is one event to keep until the server has it. A tuple: there are many, and a frozen dataclass takes five times
    as long to make."""

    event: bytes
    """A serialised `headwater.v1.Event`. The spool never looks into it."""

    run: str = ""
    """What the event is about: items of one run are delivered in the order in which they were put."""

    droppable: bool = False
    """Whether it may be dropped when the spool is full, as for a pipeline that is not critical."""

    context: bytes = b""
    """What its sender adds beside the event, for whoever delivers it."""

    @property
    def size(self) -> int:
        """How many bytes of the spool it takes."""
        return len(self.event) + len(self.context) + len(self.run) + ROW_BYTES

    def checksum(self, seeds: "Seeds") -> int:
        """Gives the CRC32 of the item as it was put at the time of the seeds."""
        run = self.run.encode(errors="surrogatepass")
        return zlib.crc32(self.event, zlib.crc32(self.context, zlib.crc32(run, seeds[self.droppable])))


Seeds = tuple[int, int]
"""The CRC32 of what comes before an item's run in its checksum, for one that is not droppable and for one that is."""


def checksum_seeds(milliseconds: int) -> Seeds:
    """Gives what the checksums of all items begin with that are put at a time."""
    return zlib.crc32(b"%d 0 " % milliseconds), zlib.crc32(b"%d 1 " % milliseconds)


@dataclass(frozen=True, slots=True)
class Kept:
    """Is an item in the spool."""

    number: int
    """Its place in the line; a later item has a greater one."""

    milliseconds: int
    """When it was put, in milliseconds since 1970."""

    item: Item


@dataclass(frozen=True, slots=True)
class Put:
    """Asks to keep items, all or none; save that `may_drop` allows to drop the droppable ones for want of room."""

    items: Sequence[Item]
    may_drop: bool = True

    @property
    def size(self) -> int:
        """How many bytes of the spool they take."""
        return sum(item.size for item in self.items)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Says why an item is set aside."""

    reason: str
    """The name of an `ErrorReason` without its prefix, or CORRUPTED, UNREADABLE, or a gRPC status."""

    field: str
    """The field that the reason is about; empty where there is none."""

    message: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Is an item that was set aside: it is not sent again."""

    milliseconds: int
    """When it was put, in milliseconds since 1970."""

    item: Item
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Gap:
    """Says that items were dropped for want of room."""

    number: int
    dropped: int
    """How many."""

    since_milliseconds: int
    """When the first was put."""

    until_milliseconds: int
    """When the last was dropped."""


@dataclass(slots=True)
class Figures:
    """Counts what is in a spool, and what became of what was. The counts from `delivered` on outlive the process."""

    depth: int = 0
    """How many items wait."""

    size: int = 0
    """How many bytes they take."""

    oldest_milliseconds: int | None = None
    """When the first item in the line was put; None where the line is empty."""

    dead_letters: int = 0
    """How many dead letters are kept."""

    dead_letter_size: int = 0
    """How many bytes they take."""

    gaps: int = 0
    """How many gaps nobody was told of."""

    delivered: int = 0
    rejected: int = 0
    """How many items became dead letters, corrupted ones aside."""

    dropped: int = 0
    corrupted: int = 0
    forgotten: int = 0
    """How many dead letters had to make room for later ones."""

    @property
    def oldest_seconds(self) -> float:
        """How long the first item has waited; 0 where the line is empty."""
        if self.oldest_milliseconds is None:
            return 0.0
        return max(0.0, time.time() - self.oldest_milliseconds / 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Says how large a spool may grow. The file takes up to a quarter more."""

    max_bytes: int = 512 * 2**20
    """What the waiting items may take."""

    max_dead_letter_bytes: int = 16 * 2**20
    """What dead letters may take; the oldest make room for new ones."""
