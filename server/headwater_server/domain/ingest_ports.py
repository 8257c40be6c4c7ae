"""What writing events needs of a store."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from .batch import BatchChange
from .event import Event
from .model import RunReference
from .run_merge import RunMerge
from .run_reports import Reports
from .statement import Statement


class Conflict(Exception):
    """A transaction met another one: try it again."""


class Unstorable(Exception):
    """The store refuses a value: not the store's fault, and no use to try again."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """An event that was rejected: who sent it, and why. `body` may be cut; `body_size` is its whole size in bytes."""

    received: datetime
    sender: str
    reason: str
    field: str
    message: str
    body: bytes
    body_size: int


class IngestTransaction(Protocol):
    """One transaction that writes a batch of events, in these steps."""

    async def add_names(self, statements: Iterable[Statement], references: Iterable[RunReference]) -> None:
        """Writes the names that statements, parents and roots speak of. Raises IdCollision."""

    async def lock_jobs(self, jobs: Iterable[int]) -> None:
        """Makes sure that nobody else changes the runs of these jobs before this transaction ends."""

    async def archive(self, events: Sequence[tuple[Event, str]], received: datetime) -> set[bytes]:
        """Keeps events that were not kept before, each with who sent it; their identities."""

    async def position(self) -> str:
        """The position in the graph's history that this transaction makes."""

    async def runs(self, asked: Iterable[uuid.UUID]) -> dict[uuid.UUID, RunMerge]:
        """Those of the runs that are known, their jobs locked."""

    async def statements(self, asked: Iterable[int]) -> dict[int, Statement]:
        """Statements that were written before."""

    async def add_reports(self, reports: Reports) -> Reports:
        """Adds to the reports of runs; those that grew by it, whole. Nobody else adds to these before this transaction
        ends. A report that grew is to be told to its ancestors.
        """

    async def apply(self, change: BatchChange) -> None:
        """Writes what a batch changes."""


class IngestStore(Protocol):
    """A store that events are written to."""

    def transaction(self) -> AbstractAsyncContextManager[IngestTransaction]:
        """A transaction that commits at its end, one at a time.

        Raises Conflict where it has to be tried again, Unstorable, or StoreUnavailable.
        """

    async def position(self) -> str:
        """A position in the graph's history that holds all that is committed. Raises StoreUnavailable."""

    async def close(self) -> None:
        """Ends what goes on beside the transactions."""

    async def reject(self, rejections: Sequence[Rejection]) -> None:
        """Keeps rejected events."""

    async def rejections(
        self, limit: int, after: tuple[datetime, uuid.UUID] | None
    ) -> list[tuple[uuid.UUID, Rejection]]:
        """Rejected events, newest first, past a place in the list."""
