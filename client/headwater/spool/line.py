"""The line of items as a table: what is put comes last, what is delivered leaves at the front.

Its functions change the figures along with the table, within the caller's transaction.
"""

from collections.abc import Sequence
from typing import Any

from .database import Database
from .errors import SpoolDamaged
from .items import Figures, Item, Kept, checksum_seeds

_INSERT = (
    "INSERT INTO items (milliseconds, size, droppable, checksum, run, context, event) VALUES (?, ?, ?, ?, ?, ?, ?)"
)
ROW = "SELECT number, milliseconds, size, droppable, checksum, run, context, event FROM items "
"""Selects rows as `whole_item` reads them."""

_MEASURE = "SELECT COUNT(*), COALESCE(SUM(size), 0) FROM items WHERE number BETWEEN ? AND ?"
_NEWEST_DROPPABLE = (
    "SELECT number, milliseconds, size FROM items WHERE droppable = 1 AND number > ? ORDER BY number DESC"
)


def insert_items(database: Database, figures: Figures, items: Sequence[Item], milliseconds: int) -> None:
    """Puts items at the end of the line."""
    seeds = checksum_seeds(milliseconds)
    rows = [
        (milliseconds, each.size, each.droppable, each.checksum(seeds), encode(each.run), each.context, each.event)
        for each in items
    ]
    database.executemany(_INSERT, rows)
    figures.depth += len(rows)
    figures.size += sum(row[1] for row in rows)


def read_front(database: Database, most: int, most_bytes: int) -> tuple[list[Kept], list[int]]:
    """Gives the first items that are whole, and the numbers of corrupted ones among them.

    No more than `most` in all, and no whole ones beyond `most_bytes` save the first. Raises SpoolDamaged where the
    numbers do not ascend: what is taken out by its number would not be found.
    """
    kept: list[Kept] = []
    corrupted: list[int] = []
    size = last = 0
    for row in database.execute(ROW + "ORDER BY number LIMIT ?", (most,)):
        if row[0] <= last:
            raise SpoolDamaged(f"number {row[0]} stands behind number {last}")
        last = row[0]
        each = whole_item(row)
        if each is None:
            corrupted.append(row[0])
            continue
        size += each.item.size
        if kept and size > most_bytes:
            break
        kept.append(each)
    return kept, corrupted


def whole_item(row: Sequence[Any]) -> Kept | None:
    """Gives the item of a row; None where it is not what was put."""
    number, milliseconds, size, droppable, checksum, run, context, event = row
    try:
        item = Item(event, run.decode(errors="surrogatepass"), droppable == 1, context)
        is_whole = item.size == size and item.checksum(checksum_seeds(milliseconds)) == checksum
    except (AttributeError, TypeError, ValueError):  # damage can also change the type of a value
        return None
    return Kept(number, milliseconds, item) if is_whole else None


def delete_items(database: Database, figures: Figures, first: int, last: int) -> None:
    """Takes the items of these numbers, and all between them, out of the line.

    Raises SpoolDamaged where there is none.
    """
    count, size = database.execute(_MEASURE, (first, last)).fetchone()
    if not count and first <= last:
        raise SpoolDamaged(f"number {first} is read, and is not found")
    database.execute("DELETE FROM items WHERE number BETWEEN ? AND ?", (first, last))
    figures.depth -= count
    figures.size -= size


def newest_droppable(database: Database, after: int, needed: int) -> list[tuple[int, int]]:
    """Gives the newest droppable items that take the bytes needed, number and time; none where all of them do not."""
    items, found = [], 0
    for number, milliseconds, size in database.execute(_NEWEST_DROPPABLE, (after,)):
        items.append((number, milliseconds))
        found += size
        if found >= needed:
            return items
    return []


def measure_line(database: Database, figures: Figures) -> None:
    """Counts what waits."""
    figures.depth, figures.size = database.execute("SELECT COUNT(*), COALESCE(SUM(size), 0) FROM items").fetchone()


def oldest_item(database: Database) -> int | None:
    """Gives when the first item was put; None where the line is empty."""
    row = database.execute("SELECT milliseconds FROM items ORDER BY number LIMIT 1").fetchone()
    return row[0] if row else None


def encode(text: str) -> bytes:
    """Gives a text as the tables hold it."""
    return text.encode(errors="surrogatepass")


def decode(text: bytes) -> str:
    """Gives back a text of the tables, readable also where it is damaged."""
    return bytes(text).decode(errors="replace")
