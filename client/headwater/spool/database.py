"""The SQLite database of a spool: how it is opened, so that what is committed survives a power cut, and its tables."""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from .errors import SpoolUnusable
from .items import Figures

SCHEMA_VERSION = 1
COUNTS = ("delivered", "rejected", "dropped", "corrupted", "forgotten")
"""The figures that outlive the process, as columns of the table of that name."""

# Everything that is not a number is a BLOB: a damaged text would break the reading of its row. What is small comes
# first, so that it is read without the pages of a large event. Only droppable items pay for the index, which finds the
# newest of them when there is no room.
_SCHEMA = """
CREATE TABLE items (
    number INTEGER PRIMARY KEY, milliseconds INTEGER NOT NULL, size INTEGER NOT NULL, droppable INTEGER NOT NULL,
    checksum INTEGER NOT NULL, run BLOB NOT NULL, context BLOB NOT NULL, event BLOB NOT NULL
);
CREATE INDEX droppable_items ON items (number, milliseconds, size) WHERE droppable = 1;
CREATE TABLE dead_letters (
    number INTEGER PRIMARY KEY, milliseconds INTEGER NOT NULL, size INTEGER NOT NULL, droppable INTEGER NOT NULL,
    reason BLOB NOT NULL, field BLOB NOT NULL, message BLOB NOT NULL,
    run BLOB NOT NULL, context BLOB NOT NULL, event BLOB NOT NULL
);
CREATE TABLE gaps (
    number INTEGER PRIMARY KEY, dropped INTEGER NOT NULL,
    since_milliseconds INTEGER NOT NULL, until_milliseconds INTEGER NOT NULL
);
CREATE TABLE counts (
    delivered INTEGER NOT NULL, rejected INTEGER NOT NULL, dropped INTEGER NOT NULL, corrupted INTEGER NOT NULL,
    forgotten INTEGER NOT NULL
);
INSERT INTO counts VALUES (0, 0, 0, 0, 0);
"""


class Cursor(Protocol):
    """Is the answer to a statement."""

    def __iter__(self) -> Iterator[Any]: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...


class Database(Protocol):
    """Is a connection to SQLite, as far as a spool needs one."""

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Cursor: ...
    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> object: ...
    def close(self) -> object: ...


class Connect(Protocol):
    """Opens the database of a path, in autocommit mode."""

    def __call__(self, path: Path, /) -> Database: ...


def connect_sqlite(path: Path) -> Database:
    """Opens it with the standard library, for use from one thread after the other."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.text_factory = bytes
    return connection


def open_database(path: Path, connect: Connect) -> Database:
    """Opens the database, and makes its tables where it is new. Raises SpoolUnusable for that of a later Headwater."""
    is_new = not path.exists()
    path.touch(mode=0o600)  # events are nobody else's; the journal is made with the same rights
    database = connect(path)
    try:
        # EXCLUSIVE comes first: then WAL needs no shared memory, and SQLite's WAL-reset bug (3.7.0 to 3.51.2; two
        # connections that write to one file) cannot happen. FULL syncs the WAL with every commit.
        for setting in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL", "mmap_size = 0",
                        "journal_size_limit = 16777216"):  # fmt: skip
            database.execute(f"PRAGMA {setting}").fetchall()
        _make_tables(path, database)
    except BaseException:
        database.close()
        raise
    if is_new:
        _sync_folder(path.parent)
    return database


def read_counts(database: Database, figures: Figures) -> None:
    """Reads the counts that outlive the process."""
    row = database.execute("SELECT delivered, rejected, dropped, corrupted, forgotten FROM counts").fetchone()
    for name, count in zip(COUNTS, row, strict=True):
        setattr(figures, name, count)


def write_counts(database: Database, before: Figures, now: Figures) -> None:
    """Writes these counts, where they changed."""
    counts = [getattr(now, name) for name in COUNTS]
    if counts != [getattr(before, name) for name in COUNTS]:
        change = "UPDATE counts SET delivered = ?, rejected = ?, dropped = ?, corrupted = ?, forgotten = ?"
        database.execute(change, counts)


def _make_tables(path: Path, database: Database) -> None:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise SpoolUnusable(f"{path} was made by a later Headwater: use that, or name another file")
    if version == 0:
        database.execute("BEGIN IMMEDIATE")
        for statement in _SCHEMA.split(";"):
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        database.execute("COMMIT")


def _sync_folder(folder: Path) -> None:
    """Has the name of a new file survive a power cut: syncing the file alone does not promise that."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
