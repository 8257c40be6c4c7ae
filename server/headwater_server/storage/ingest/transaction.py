"""One transaction that writes a batch of events: see `usecases.ingest` for what it is for."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import asyncpg

from ...domain.batch import BatchChange
from ...domain.errors import StoreUnavailable
from ...domain.event import Event
from ...domain.ingest_ports import Conflict, Rejection, Unstorable
from ...domain.job_links import Head
from ...domain.model import AssetName, RunReference
from ...domain.run_merge import RunMerge
from ...domain.run_reports import Reports
from ...domain.statement import Statement
from ..database import Connection, Database
from ..event_bodies import BodyCompressor
from ..kept_bodies import BodyKeeper
from ..pipelines.sampling import add_candidates
from . import archive, assets, content, io_sets, links, names, run_reports, runs
from .rows import Known, KnownRows

RETRIED = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
"""What PostgreSQL ends a transaction with that may well succeed when it is tried again."""
REFUSED = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.ProgramLimitExceededError)
"""What PostgreSQL says of values that it does not take."""
_POSITION = "SELECT pg_current_xact_id()::text"
"""The number of the transaction that asks; one by itself is over when it is answered."""


class IngestStore:
    """Opens transactions that write events. What a transaction adds is remembered when it commits."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known = Known()
        self._bodies: BodyKeeper | None = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[IngestTransaction]:
        """A transaction; raises Conflict where it has to be tried again, Unstorable, or StoreUnavailable."""
        try:
            async with self._database.transaction() as connection:
                if self._bodies is None:
                    compressor = BodyCompressor()
                    await compressor.prepare(connection)
                    self._bodies = BodyKeeper(compressor)
                known = self._known.begin()
                yield IngestTransaction(connection, known, self._bodies)
        except BaseException as error:
            if isinstance(error, RETRIED):
                raise Conflict from error
            if isinstance(error, REFUSED):
                raise Unstorable from error
            if isinstance(error, (asyncpg.PostgresError, TimeoutError)):
                raise StoreUnavailable from error
            raise
        known.commit()
        self._bodies.compressor.train_if_ready(self._database)

    async def position(self) -> str:
        """A position in the graph's history that holds all that is committed. Raises StoreUnavailable."""
        async with self._database.connection() as connection:
            return str(await connection.fetchval(_POSITION))

    async def close(self) -> None:
        """Ends what goes on beside the transactions."""
        if self._bodies:
            await self._bodies.compressor.close()

    async def reject(self, rejections: Sequence[Rejection]) -> None:
        """Keeps rejected events."""
        async with self._database.transaction() as connection:
            await archive.add_rejections(connection, rejections)

    async def rejections(
        self, limit: int, after: tuple[datetime, uuid.UUID] | None
    ) -> list[tuple[uuid.UUID, Rejection]]:
        """Rejected events, newest first, past a place in the list."""
        async with self._database.reading(30) as connection:
            return await archive.list_rejections(connection, limit, after)


class IngestTransaction:
    """The steps of writing a batch, in their order."""

    def __init__(self, connection: Connection, known: KnownRows, bodies: BodyKeeper) -> None:
        self._connection = connection
        self._known = known
        self._bodies = bodies
        self._created: dict[uuid.UUID, datetime] = {}
        self._heads: dict[int, Head | None] = {}
        self._position: str | None = None

    async def add_names(self, statements: Iterable[Statement], references: Iterable[RunReference]) -> None:
        """Writes the names that statements, parents and roots speak of. Raises IdCollision."""
        by_id = {statement.id: statement for statement in statements}
        datasets: dict[int, AssetName] = {}
        jobs = {reference.job_id: reference.job for reference in references}
        for key in self._known.missing("statement_names", by_id):
            statement = by_id[key]
            datasets |= statement.mentioned
            jobs |= statement.mentioned_jobs
            if statement.job:
                jobs[statement.job.id] = statement.job.name
        await assets.add_names(self._connection, self._known, datasets, jobs)

    async def lock_jobs(self, jobs: Iterable[int]) -> None:
        """Makes sure that nobody else changes the runs of these jobs before this transaction ends."""
        unlocked = set(jobs) - self._heads.keys()
        if unlocked:
            self._heads.update(await assets.lock_jobs(self._connection, unlocked))

    async def archive(self, events: Sequence[tuple[Event, str]], received: datetime) -> set[bytes]:
        """Keeps events that were not kept before, each with who sent it; their identities."""
        senders = {
            sender: await assets.add_sender(self._connection, self._known, sender)
            for sender in {sender for _, sender in events}
        }
        arrivals = [(event, senders[sender]) for event, sender in events]
        new, self._position = await archive.add_events(self._connection, self._known, arrivals, received, self._bodies)
        return new

    async def position(self) -> str:
        """The position in the graph's history that this transaction makes."""
        return self._position or str(await self._connection.fetchval(_POSITION))

    async def runs(self, asked: Iterable[uuid.UUID]) -> dict[uuid.UUID, RunMerge]:
        """Those of the runs that are known, their jobs locked."""
        wanted = list(asked)
        stored = await runs.get_runs(self._connection, wanted)
        unlocked = {run.job for run in stored.merges.values()} - self._heads.keys()
        if unlocked:
            await self.lock_jobs(unlocked)
            stored = await runs.get_runs(self._connection, wanted)  # they may have changed before they were locked
        self._created |= stored.created
        return stored.merges

    async def statements(self, asked: Iterable[int]) -> dict[int, Statement]:
        """Statements that were written before."""
        return await content.get_statements(self._connection, asked)

    async def add_reports(self, reports: Reports) -> Reports:
        """Adds to the reports of runs; those that grew by it."""
        return await run_reports.add_reports(self._connection, self._known, reports)

    async def apply(self, change: BatchChange) -> None:
        """Writes what a batch changes."""
        connection, known = self._connection, self._known
        await content.add_observations(connection, known, list(change.observations.values()))
        await content.add_versions(connection, known, change.versions)
        await io_sets.add_io_sets(connection, known, change.io_sets())
        await io_sets.add_version_sets(connection, known, [r.facts.versions for r in change.runs if r.facts.versions])
        await content.add_job_versions(connection, known, change.job_versions)
        await content.add_declared_versions(connection, change.job_versions)
        await io_sets.add_declarations(connection, change)
        await runs.put_runs(connection, change.runs, self._created)
        await links.update_links(connection, change, self._heads)
        await content.add_disputes(connection, change)
        await content.add_drops(connection, change)
        await add_candidates(connection, change.left_out)
        await names.add_symlinks(connection, known, change.symlinks)
