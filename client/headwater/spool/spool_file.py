"""One spool in one SQLite file: a line of items that survives kill -9 and power cuts, its dead letters and its gaps.

Blocking, and for one thread at a time; `Spool` is its asyncio face. Knows neither what items mean nor who takes them.
"""

import logging
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

from .database import COUNTS, Connect, Database, connect_sqlite, open_database, read_counts, write_counts
from .dead_letters import forget_oldest, insert_dead_letter, measure_dead_letters, read_dead_letters, set_aside
from .errors import SpoolDamaged, SpoolError, SpoolFull, SpoolUnusable
from .gaps import delete_gap, insert_gap, measure_gaps, read_gaps, widen_gap
from .items import DeadLetter, Figures, Gap, Item, Kept, Limits, Put, Refusal
from .line import delete_items, insert_items, measure_line, newest_droppable, oldest_item, read_front
from .ownership import Ownership
from .rescue import is_damage, put_aside, readable_items

CORRUPTED = Refusal("CORRUPTED", "", "the item is not what was put: its checksum differs")
STEP_ITEMS = 500
"""How many items of another file are taken over in one transaction."""

_log = logging.getLogger(__name__)


class SpoolFile:
    """Is a spool that this process owns. Raises SpoolTaken where another does, and SpoolUnusable.

    Once `put` returns, its items are on disk. `peek` gives the first of the line, which stay there until `settle` says
    what became of them. All methods raise SpoolUnusable where the file cannot be read or written.

        with SpoolFile(Path("/var/lib/headwater/nightly.spool")) as spool:
            spool.put([Put([Item(event.SerializeToString(), run=run_id)])])
    """

    def __init__(self, path: Path, limits: Limits | None = None, connect: Connect = connect_sqlite) -> None:
        self.path = path
        self.limits = limits or Limits()
        self.figures = Figures()
        """What is in the spool now: replaced with each commit, never changed."""

        self._peeked = 0
        self._gap: int | None = None
        self._connect = connect
        self._ownership = Ownership(path)
        try:
            with self._failures_named():
                self._open()
        except BaseException:
            self._ownership.release()
            raise

    def put(self, puts: Sequence[Put]) -> list[int | SpoolFull]:
        """Keeps the items of all puts in one transaction; all are on disk when it returns.

        Gives for each put how many of its items were dropped, or the SpoolFull because of which none was kept. Raises
        SpoolFull where the disk itself is full; then nothing of any put is kept.
        """
        now = _now()
        with self._changing() as figures:
            items = [item for put in puts for item in put.items]
            if figures.size + sum(item.size for item in items) > self.limits.max_bytes:
                return [self._keep(figures, put, now) for put in puts]
            insert_items(self._database, figures, items, now)
            return [0] * len(puts)

    def peek(self, most: int, most_bytes: int) -> list[Kept]:
        """Gives the first items of the line: `most` at the most, of `most_bytes` in all, but one where there is any.

        Those that are not what was put become dead letters on the way. A damaged file is put aside, and what it still
        holds is rescued.
        """
        while True:
            try:
                kept, corrupted = self._read_front(most, most_bytes)
            except SpoolDamaged as error:
                self._rescue(error)
                continue
            self._peeked = max([self._peeked, *(each.number for each in kept)])
            if kept or not corrupted:
                return kept

    def _read_front(self, most: int, most_bytes: int) -> tuple[list[Kept], list[int]]:
        with self._failures_named():
            kept, corrupted = read_front(self._database, most, most_bytes)
        if corrupted:
            with self._changing() as figures:
                for number in corrupted:
                    set_aside(self._database, figures, number, CORRUPTED)
                    delete_items(self._database, figures, number, number)
                    figures.corrupted += 1
        return kept, corrupted

    def settle(self, items: Sequence[Kept], refusals: Mapping[int, Refusal]) -> None:
        """Takes the first items from the line: those that the server has, and those that it will never take.

        `refusals` names the latter by their number; they become dead letters.
        """
        with self._changing() as figures:
            for number, refusal in refusals.items():
                set_aside(self._database, figures, number, refusal)
            delete_items(self._database, figures, *_ends(items))
            figures.rejected += len(refusals)
            figures.delivered += len(items) - len(refusals)

    def take_over(self, items: Sequence[Kept]) -> None:
        """Keeps items of another spool, with their times, also where there is no room for them."""
        with self._changing() as figures:
            for each in items:
                insert_items(self._database, figures, [each.item], each.milliseconds)

    def remove(self, items: Sequence[Kept]) -> None:
        """Takes the first items from the line: another spool has them now."""
        with self._changing() as figures:
            delete_items(self._database, figures, *_ends(items))

    def gaps(self) -> list[Gap]:
        """Gives the gaps of which nobody was told. What is dropped from now on makes another."""
        self._gap = None
        with self._failures_named():
            return read_gaps(self._database)

    def tell(self, gap: Gap, item: Item | None) -> None:
        """Puts an item that tells of a gap in its place; None where there is nothing to tell."""
        with self._changing() as figures:
            delete_gap(self._database, figures, gap)
            insert_items(self._database, figures, [item] if item else [], _now())

    def dead_letters(self) -> Iterator[DeadLetter]:
        """Gives the dead letters, oldest first."""
        with self._failures_named():
            yield from read_dead_letters(self._database)

    def inherit(self, letters: Iterable[DeadLetter], gaps: Iterable[Gap], counts: Figures) -> None:
        """Takes over what another spool had to say beside its items."""
        with self._changing() as figures:
            for letter in letters:
                insert_dead_letter(self._database, figures, letter)
            for gap in gaps:
                insert_gap(self._database, figures, gap)
            for name in COUNTS:
                setattr(figures, name, getattr(figures, name) + getattr(counts, name))

    def close(self) -> None:
        """Closes the file, and gives it free."""
        try:
            self._database.close()
        finally:
            self._ownership.release()

    def delete(self) -> None:
        """Closes the file, and removes it with all that it holds."""
        self._database.close()
        for suffix in ("-wal", ""):  # SQLite leaves the first where it could not close properly
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        self._ownership.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> None:
        try:
            self._database, self.figures = self._opened()
        except sqlite3.Error as error:
            if not is_damage(error):
                raise
            self._start_again(error)

    def _rescue(self, error: Exception) -> None:
        with self._failures_named():
            with suppress(sqlite3.Error):
                self._database.close()
            self._start_again(error)

    def _start_again(self, error: Exception) -> None:
        """Puts the damaged file aside, and begins another one with what can be read of it."""
        aside = put_aside(self.path)
        self._peeked, self._gap = 0, None
        self._database, self.figures = self._opened()
        for items in _batched(readable_items(aside)):
            self.take_over(items)
        rescued = self.figures.depth
        _log.error("%s is damaged (%s): it is now %s; %d items were rescued", self.path, error, aside, rescued)

    def _opened(self) -> tuple[Database, Figures]:
        database, figures = open_database(self.path, self._connect), Figures()
        try:
            for measure in (measure_line, measure_dead_letters, measure_gaps, read_counts):
                measure(database, figures)
            figures.oldest_milliseconds = oldest_item(database)
        except BaseException:
            database.close()
            raise
        return database, figures

    def _keep(self, figures: Figures, put: Put, milliseconds: int) -> int | SpoolFull:
        needed = sum(item.size for item in put.items if not (item.droppable and put.may_drop))
        if put.may_drop:
            self._make_room(figures, needed)
        room = self.limits.max_bytes - figures.size - needed
        if room < 0:
            takes = f"{figures.size:,} of {self.limits.max_bytes:,} bytes wait for the server"
            return SpoolFull(f"{self.path} has no room for {needed:,} bytes: {takes}")
        items = []
        for item in put.items:
            if item.droppable and put.may_drop:
                room -= item.size
            if room >= 0 or not item.droppable:
                items.append(item)
        insert_items(self._database, figures, items, milliseconds)
        self._drop(figures, len(put.items) - len(items), milliseconds)
        return len(put.items) - len(items)

    def _make_room(self, figures: Figures, needed: int) -> None:
        """Drops the newest of the droppable items where that makes the room that is needed.

        What was peeked may be on its way, and stays.
        """
        missing = figures.size + needed - self.limits.max_bytes
        if missing > 0:
            for number, milliseconds in newest_droppable(self._database, self._peeked, missing):
                delete_items(self._database, figures, number, number)
                self._drop(figures, 1, milliseconds)

    def _drop(self, figures: Figures, dropped: int, since_milliseconds: int) -> None:
        if not dropped:
            return
        figures.dropped += dropped
        gap = Gap(self._gap or 0, dropped, since_milliseconds, _now())
        if self._gap is None:
            self._gap = insert_gap(self._database, figures, gap)
        else:
            widen_gap(self._database, gap)

    @contextmanager
    def _changing(self) -> Iterator[Figures]:
        """Is a transaction; the figures that it gives are to be changed along with the tables."""
        figures = replace(self.figures)
        with self._failures_named():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield figures
                forget_oldest(self._database, figures, self.limits.max_dead_letter_bytes)
                figures.oldest_milliseconds = oldest_item(self._database)
                write_counts(self._database, self.figures, figures)
                self._database.execute("COMMIT")
            except BaseException:
                self._gap = None
                with suppress(sqlite3.Error):  # where the commit failed, SQLite may have rolled back itself
                    self._database.execute("ROLLBACK")
                raise
        self.figures = figures

    @contextmanager
    def _failures_named(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
                raise SpoolFull(f"{self.path} cannot grow: the disk is full") from error
            if is_damage(error):
                raise SpoolDamaged(f"{self.path} is damaged: {error}") from error
            raise SpoolUnusable(f"{self.path} cannot be used: {error}") from error
        except SpoolError:
            raise
        except OSError as error:
            raise SpoolUnusable(f"{self.path} cannot be used: {error.strerror}") from error


def _batched(items: Iterator[Kept]) -> Iterator[list[Kept]]:
    while batch := [*islice(items, STEP_ITEMS)]:
        yield batch


def _ends(items: Sequence[Kept]) -> tuple[int, int]:
    return (items[0].number, items[-1].number) if items else (0, -1)


def _now() -> int:
    return time.time_ns() // 1_000_000
