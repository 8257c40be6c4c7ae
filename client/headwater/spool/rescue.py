"""What can still be read of a damaged spool file: SQLite stops at a damaged page, so it is read from both ends."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from .database import Database, connect_sqlite
from .items import Kept
from .line import ROW, whole_item

_DAMAGES = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def is_damage(error: Exception) -> bool:
    """Whether an error of SQLite says that the file is damaged or no database at all."""
    return isinstance(error, sqlite3.Error) and (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF in _DAMAGES


def put_aside(path: Path) -> Path:
    """Renames a damaged file, with its journal; gives its new name."""
    aside = path.with_name(f"{path.name}.damaged-{time.time_ns() // 1_000_000}")
    path.rename(aside)
    with suppress(FileNotFoundError):
        path.with_name(path.name + "-wal").rename(aside.with_name(aside.name + "-wal"))
    return aside


def readable_items(path: Path) -> Iterator[Kept]:
    """Gives the items before the first damage and after the last one, in order."""
    with closing(connect_sqlite(path)) as database, suppress(sqlite3.Error):
        last = 0
        with suppress(sqlite3.Error):
            for row in database.execute(ROW + "ORDER BY number"):
                last = row[0]
                if (item := whole_item(row)) is not None:
                    yield item
        for number in reversed(_numbers_from_the_end(database, last)):
            item = whole_item(database.execute(ROW + "WHERE number = ?", (number,)).fetchone())
            if item is not None:
                yield item


def _numbers_from_the_end(database: Database, last: int) -> list[int]:
    numbers = []
    with suppress(sqlite3.Error):
        for (number,) in database.execute("SELECT number FROM items ORDER BY number DESC"):
            if number <= last:
                break
            numbers.append(number)
    return numbers
