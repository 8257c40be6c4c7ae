"""What has to outlive the operator beside its events: which runs it left unfinished, which ones pods told, until when
it was there, and which runs of schedules it has accounted for.

So a run whose object goes while nobody watches is ended after the restart, what pods have told is not told again by
their Workflow, and what may have come and gone meanwhile is known. SQLite without a sync for each change: what a power
cut takes is seen again in the cluster. A damaged file is put aside, since most of what it said can be seen again too.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import UUID

import msgspec

from .observation import Observation
from .stand_ins import ToldRun

_SCHEMA = """
CREATE TABLE IF NOT EXISTS open_objects (uid TEXT PRIMARY KEY, resource TEXT NOT NULL, entry BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS told_runs (run TEXT PRIMARY KEY, workflow TEXT NOT NULL, ended_at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS told_runs_by_workflow ON told_runs (workflow);
CREATE TABLE IF NOT EXISTS accounts (
    uid TEXT PRIMARY KEY, until TEXT NOT NULL, missed INTEGER NOT NULL, ended INTEGER
);
CREATE TABLE IF NOT EXISTS watched (only INTEGER PRIMARY KEY CHECK (only = 1), until TEXT NOT NULL);
"""


logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OpenObject:
    """An object with a run that has not ended: what it showed last, and when."""

    uid: str
    resource: str
    namespace: str
    name: str
    seen_at: datetime
    observations: tuple[Observation, ...]


@dataclass(frozen=True, slots=True)
class Account:
    """What is accounted for of a schedule: all runs up to that of a time.

    `missed` is how many nobody saw, and `ended` how many had ended by then as the schedule counts them, if it does.
    """

    uid: str
    until: datetime
    missed: int
    ended: int | None


class Ledger:
    """The unfinished runs on disk. Used from one thread; what it writes is small and not synced.

    What cannot be written raises OSError, and nothing of it is written.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._database = _open(path)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise OSError(f"{path} cannot be used: {error}") from error
            aside = path.with_name(f"{path.name}.damaged")
            path.replace(aside)
            logger.warning("%s is damaged (%s): it is now %s, and a new one is begun", path, error, aside)
            self._database = _open(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    @property
    def watched_until(self) -> datetime | None:
        """Until when an operator is known to have watched; None where none did."""
        row = self._database.execute("SELECT until FROM watched").fetchone()
        return datetime.fromisoformat(row[0]) if row else None

    def open_objects(self) -> list[OpenObject]:
        """The objects that were left with an unfinished run; those of an operator of another build are passed over."""
        found = []
        for (entry,) in self._database.execute("SELECT entry FROM open_objects"):
            try:
                found.append(msgspec.json.decode(entry, type=OpenObject))
            except msgspec.DecodeError:
                continue
        return found

    def told_runs(self, after: datetime) -> list[ToldRun]:
        """The runs that pods had told to their end after a time; those that ended before are let go."""
        with self._writing():
            self._database.execute("DELETE FROM told_runs WHERE ended_at < ?", (_sortable(after),))
        rows = self._database.execute("SELECT run, workflow, ended_at FROM told_runs ORDER BY ended_at, run")
        return [ToldRun(UUID(run), UUID(workflow), datetime.fromisoformat(ended)) for run, workflow, ended in rows]

    def note_told(self, told: Iterable[ToldRun], forgotten: Iterable[UUID]) -> None:
        """Writes down which runs pods have told to their end, and which Workflows are gone."""
        with self._writing():
            self._database.executemany(
                "INSERT OR REPLACE INTO told_runs VALUES (?, ?, ?)",
                [(str(each.run_id), str(each.workflow), _sortable(each.ended_at)) for each in told],
            )
            self._database.executemany("DELETE FROM told_runs WHERE workflow = ?", [(str(each),) for each in forgotten])

    def accounts(self) -> dict[str, Account]:
        """The accounts of the schedules by their UIDs."""
        rows = self._database.execute("SELECT uid, until, missed, ended FROM accounts")
        return {uid: Account(uid, datetime.fromisoformat(until), missed, ended) for uid, until, missed, ended in rows}

    def keep(self, accounts: Iterable[Account]) -> None:
        """Writes accounts down."""
        rows = [(each.uid, each.until.isoformat(), each.missed, each.ended) for each in accounts]
        if rows:
            with self._writing():
                self._database.executemany("INSERT OR REPLACE INTO accounts VALUES (?, ?, ?, ?)", rows)

    def forget(self, uid: str) -> None:
        """Forgets the account of a schedule that is gone."""
        with self._writing():
            self._database.execute("DELETE FROM accounts WHERE uid = ?", (uid,))

    def note(self, opened: Iterable[OpenObject], closed: Iterable[str], now: datetime | None = None) -> None:
        """Writes down which objects have an unfinished run, which UIDs have none any more, and that it is `now`."""
        with self._writing():
            self._database.executemany(
                "INSERT OR REPLACE INTO open_objects VALUES (?, ?, ?)",
                [(each.uid, each.resource, msgspec.json.encode(each)) for each in opened],
            )
            self._database.executemany("DELETE FROM open_objects WHERE uid = ?", [(uid,) for uid in closed])
            until = (now or datetime.now(UTC)).isoformat()
            self._database.execute("INSERT OR REPLACE INTO watched VALUES (1, ?)", (until,))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            with self._database:
                self._database.execute("BEGIN")
                yield
        except sqlite3.Error as error:
            raise OSError(f"the ledger cannot be written: {error}") from error


def _open(path: Path) -> sqlite3.Connection:
    """Opens the file. Raises sqlite3.Error, and leaves nothing open then."""
    database = sqlite3.connect(path, isolation_level=None)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.executescript(_SCHEMA)
        for table in ("open_objects", "told_runs", "accounts", "watched"):
            database.execute(f"SELECT COUNT(*) FROM {table}")  # noqa: S608 (a name of ours)
    except sqlite3.Error:
        database.close()
        raise
    return database


def _sortable(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds")
