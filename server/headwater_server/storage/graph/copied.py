"""Reads what PostgreSQL copies out in binary: rows of numbers straight into arrays, with no object for a row.

They are parsed in a thread: there are millions, and others have to be answered meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..database import Connection

HEADER_BYTES = 19
"""A signature of 11 bytes, flags, and the length of an extension that there is not."""
TRAILER_BYTES = 2
ROW_HEADER_BYTES = 6
"""Of a row of one column: the number of columns, and the length of the only one."""
PARSED_BYTES = 1 << 20
"""How much is gathered before it is parsed."""
_WIDTHS = {"bigint": ">i8", "integer": ">i4", "boolean": "?"}


Numbers: TypeAlias = NDArray[Any]


class Column(NamedTuple):
    """A column by its SQL type; what is read of it is packed part by part, so that little is held as it came."""

    type: str
    pack: Callable[[Numbers], Numbers] | None = None


class OutOfRoom(Exception):
    """More was read than there is room for."""


class Room:
    """How many bytes may still be taken."""

    def __init__(self, size: int) -> None:
        self._left = size

    def take(self, size: int) -> None:
        """Takes some; raises OutOfRoom."""
        self._left -= size
        if self._left < 0:
            raise OutOfRoom


async def copy_numbers(connection: Connection, query: str, columns: Sequence[Column], room: Room) -> list[Numbers]:
    """The columns of a query's rows, none of them null. Raises OutOfRoom."""
    kind = np.dtype(
        [("count", ">i2")]
        + [(part, at) for i, c in enumerate(columns) for part, at in ((f"l{i}", ">i4"), (f"v{i}", _WIDTHS[c.type]))]
    )
    found: list[list[Numbers]] = [[] for _ in columns]
    held = bytearray()
    skipped = HEADER_BYTES

    def parse() -> None:
        rows = np.frombuffer(held, kind, (len(held) - TRAILER_BYTES) // kind.itemsize)
        for i, (column, parts) in enumerate(zip(columns, found, strict=True)):
            read = rows[f"v{i}"]
            numbers = read.astype(read.dtype.newbyteorder("="))
            parts.append(column.pack(numbers) if column.pack else numbers)
            room.take(parts[-1].nbytes)

    async def gather(data: bytes) -> None:
        nonlocal skipped, held
        held += data[skipped:]
        skipped = max(0, skipped - len(data))
        if len(held) >= PARSED_BYTES:
            await asyncio.to_thread(parse)
            held = held[(len(held) - TRAILER_BYTES) // kind.itemsize * kind.itemsize :]

    await _copy(connection, query, gather)
    parse()
    return [_joined(parts) for parts in found]


def _joined(parts: list[Numbers]) -> Numbers:
    """All parts as one, which then are no longer held."""
    whole = np.concatenate(parts)
    parts.clear()
    return whole


async def copy_texts(connection: Connection, query: str, lengths: NDArray[np.int32], room: Room) -> bytes:
    """The only column of a query's rows, one behind the other in UTF-8; `lengths` are how long each is."""
    ends = np.cumsum(lengths + ROW_HEADER_BYTES, dtype=np.int64)
    parts: list[bytes] = []
    held = bytearray()
    row = taken = 0
    skipped = HEADER_BYTES

    def strip() -> int:
        """Takes the texts of whole rows; how many bytes these are."""
        nonlocal row, taken
        last = int(np.searchsorted(ends, taken + len(held), side="right"))
        size = int(ends[last - 1]) - taken if last > row else 0
        starts = ends[row:last] - lengths[row:last] - ROW_HEADER_BYTES - taken
        kept = np.ones(size, np.bool_)
        for offset in range(ROW_HEADER_BYTES):
            kept[starts + offset] = False
        parts.append(np.frombuffer(held, np.uint8, size)[kept].tobytes())
        room.take(len(parts[-1]))
        row, taken = last, taken + size
        return size

    async def gather(data: bytes) -> None:
        nonlocal skipped, held
        held += data[skipped:]
        skipped = max(0, skipped - len(data))
        if len(held) >= PARSED_BYTES:
            held = held[await asyncio.to_thread(strip) :]

    await _copy(connection, query, gather)
    strip()
    return b"".join(parts)


async def _copy(connection: Connection, query: str, gather: Any) -> None:
    await connection.copy_from_query(query, output=gather, format="binary")
