"""The graph in PostgreSQL, asked through snapshots that hold at least the position that the asker names."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import NamedTuple

from ...domain.catalog import Run
from ...domain.errors import InvalidField
from ...domain.graph_assets import GraphAsset
from ...domain.lineage_pages import LinkPlace, LinkQuery, ListedLink
from ...domain.lineage_ports import Ahead, FieldLinkRecord, LeftRecord, Readers, ReadRecord, RunRecord, Uses
from ...domain.model import DatasetKind, JobKind, Transformation
from ...domain.versions import WriteRecord
from ...domain.walk import Edge
from ..catalog.kinds import KindReader
from ..catalog.runs import get_run
from ..database import Connection, Database
from ..graph.snapshots import read_position
from .assets import get_assets
from .field_links import get_field_links, get_fields_of, get_transformations, page_field_links
from .links import get_dataset_users, get_job_ends, get_links, page_links
from .lookahead import Lookahead
from .moments import Moment
from .namespaces import Namespaces
from .pages import Way
from .runs import get_left, get_readers, get_reads, get_run_links, get_runs, get_version_writes, get_writes
from .schemas import has_field
from .search import list_links

REPLICA_WAIT_SECONDS = 0.25
"""How long a replica is given to catch up before the primary is asked."""
_RETRY_SECONDS = 0.02
_POSITION = """
SELECT (pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1)::text,
    $1::text IS NULL OR CASE WHEN pg_is_in_recovery()
        THEN $1::text::xid8 < pg_snapshot_xmin(pg_current_snapshot())
        ELSE pg_visible_in_snapshot($1::text::xid8, pg_current_snapshot()) END
"""
"""The newest transaction that a snapshot surely holds with all before it, and whether it surely holds a given one: a
replica does not tell which transactions go on, only that there are none before the first."""


class Memory(NamedTuple):
    """What a process remembers of what never changes."""

    kinds: KindReader
    namespaces: Namespaces

    @classmethod
    def new(cls) -> Memory:
        """Nothing is remembered yet."""
        return cls(KindReader(), Namespaces())


class LineageStore:
    """Opens snapshots: of a replica where there is one, unless it lags behind the position that is asked for."""

    def __init__(self, primary: Database, replica: Database | None = None) -> None:
        self._primary = primary
        self._replica = replica
        self._memory = Memory.new()

    @asynccontextmanager
    async def snapshot(self, seconds: float, min_position: str = "") -> AsyncIterator[GraphSnapshot]:
        """A snapshot for at most so many seconds that holds a position, as a write returned it.

        Raises InvalidField where there is no such position, QueryTimeout or StoreUnavailable.
        """
        asked = read_position(min_position)
        wanted = None if asked is None else str(asked)
        patience = time.monotonic() + min(REPLICA_WAIT_SECONDS, seconds / 2)
        while True:
            is_last = self._replica is None or time.monotonic() >= patience
            database = self._primary if self._replica is None or (wanted and is_last) else self._replica
            async with database.reading(seconds) as connection:
                position, is_held = await connection.fetchrow(_POSITION, wanted) or ("0", False)
                if is_held:
                    yield GraphSnapshot(connection, self._memory, position)
                    return
            if database is self._primary:
                raise InvalidField("min_position", "is not of this store", "send the position that a write returned")
            await asyncio.sleep(_RETRY_SECONDS)


class GraphSnapshot:
    """One state of the store; `position` is the last one in the graph's history that it surely holds."""

    def __init__(self, connection: Connection, memory: Memory, position: str) -> None:
        self._connection = connection
        self._memory = memory
        self.position = position

    def at(self, moment: datetime | None, at_once: int = 0) -> GraphReader:
        """The graph as it was at a time; as it is for None. It gives so many links at once at most."""
        return GraphReader(self._connection, self._memory, Moment(moment), at_once)


class GraphReader:
    """The graph at a time; see `domain.lineage_ports`."""

    def __init__(self, connection: Connection, memory: Memory, moment: Moment, at_once: int) -> None:
        self._connection = connection
        self._kinds = memory.kinds
        self._namespaces = memory.namespaces
        self._moment = moment
        self._at_once = at_once
        self._ahead = Lookahead()

    def ahead(self) -> Ahead:
        """What a walk will likely meet soon."""
        return self._ahead.take_met()

    async def assets(self, datasets: Collection[int], jobs: Collection[int]) -> dict[int, GraphAsset]:
        """Datasets and jobs by the id asked for."""
        return await get_assets(self._connection, self._namespaces, datasets, jobs, self._moment)

    async def dataset_kinds(self, datasets: Iterable[GraphAsset]) -> dict[int, DatasetKind]:
        """The kinds of datasets, by their ids."""
        return await self._kinds.dataset_kinds(self._connection, datasets)

    async def job_kinds(self, jobs: Iterable[GraphAsset]) -> dict[int, JobKind]:
        """The kinds of jobs, by their ids."""
        return await self._kinds.job_kinds(self._connection, jobs)

    async def links(self, ids: Collection[int], *, upstream: bool, exclude_inferred: bool) -> list[Edge[int]] | None:
        """The links that lead on; None where they are too many."""
        return await get_links(
            self._connection, self._ahead, ids, self._way(upstream), exclude_inferred=exclude_inferred
        )

    def page_links(
        self, ids: Collection[int], *, upstream: bool, exclude_inferred: bool, among: Collection[int] | None
    ) -> AsyncIterator[list[Edge[int]]]:
        """The links that lead on, page by page."""
        way = self._way(upstream)
        return page_links(self._connection, ids, way, exclude_inferred=exclude_inferred, among=among)

    async def job_ends(self, jobs: Collection[int], *, upstream: bool) -> Uses:
        """What jobs read or write."""
        return await get_job_ends(self._connection, jobs, self._way(upstream))

    async def dataset_users(self, datasets: Collection[int], *, upstream: bool) -> Uses:
        """The jobs that write or read datasets."""
        return await get_dataset_users(self._connection, datasets, self._way(upstream))

    async def fields_of(self, datasets: Collection[int]) -> dict[int, tuple[int, str]]:
        """The fields of datasets that have links."""
        return await get_fields_of(self._connection, datasets)

    async def field_links(
        self, ids: Collection[int], *, upstream: bool, exclude_indirect: bool
    ) -> list[FieldLinkRecord] | None:
        """The links that lead on from fields; None where they are too many."""
        way = self._way(upstream)
        return await get_field_links(self._connection, self._ahead, ids, way, exclude_indirect=exclude_indirect)

    def page_field_links(
        self, ids: Collection[int], *, upstream: bool, exclude_indirect: bool, among: Collection[int] | None
    ) -> AsyncIterator[list[FieldLinkRecord]]:
        """The links that lead on from fields, page by page."""
        way = self._way(upstream)
        return page_field_links(self._connection, ids, way, exclude_indirect=exclude_indirect, among=among)

    async def has_field(self, datasets: Collection[int], path: str) -> bool:
        """Whether a dataset has, or ever had, a field."""
        return await has_field(self._connection, datasets, path)

    async def list_links(self, query: LinkQuery, after: LinkPlace, limit: int) -> list[ListedLink]:
        """Links of one dataset or job past a place."""
        return await list_links(self._connection, query, self._way(query.upstream), after, limit)

    async def run(self, run: uuid.UUID) -> Run | None:
        """All of a run."""
        return await get_run(self._connection, run)

    async def run_links(self, run: uuid.UUID) -> list[Edge[int]]:
        """The links that follow from what a run read and wrote."""
        return await get_run_links(self._connection, run)

    async def runs(self, runs: Collection[uuid.UUID]) -> dict[uuid.UUID, RunRecord]:
        """Runs by id."""
        return await get_runs(self._connection, runs)

    async def reads(self, runs: Collection[RunRecord]) -> list[ReadRecord]:
        """The writes that runs read."""
        return await get_reads(self._connection, runs)

    async def writes(self, runs: Collection[RunRecord]) -> list[WriteRecord]:
        """What runs wrote."""
        return await get_writes(self._connection, runs)

    async def readers(self, writes: Sequence[WriteRecord], limit: int) -> Readers:
        """The runs that read writes."""
        return await get_readers(self._connection, writes, limit)

    async def left_behind(self, writes: Sequence[WriteRecord]) -> list[LeftRecord]:
        """The version that each write left behind."""
        return await get_left(self._connection, self._kinds, writes)

    async def version_writes(self, dataset: GraphAsset, version: int | None, limit: int) -> list[WriteRecord] | None:
        """The last writes that left a version behind."""
        return await get_version_writes(self._connection, self._kinds, dataset, version, limit)

    async def transformations(self, ids: Iterable[int]) -> dict[int, tuple[Transformation, ...]]:
        """How fields are made of others, by id."""
        return await get_transformations(self._connection, ids)

    def _way(self, upstream: bool) -> Way:
        return Way(upstream, self._moment, self._at_once)
