"""The graph in PostgreSQL, asked through snapshots that hold at least the position that the asker names."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from datetime import datetime

import msgspec

from ...domain.errors import InvalidField
from ...domain.lineage_ports import FieldLinkRecord, GraphAsset, LinkRecord, Uses
from ...domain.model import DatasetKind, JobKind, Transformation
from ..database import Connection, Database
from .assets import get_assets
from .kinds import KindReader
from .links import (
    Way,
    get_dataset_users,
    get_field_links,
    get_fields_of,
    get_job_ends,
    get_links,
    page_field_links,
    page_links,
)
from .moments import Moment

REPLICA_WAIT_SECONDS = 0.25
"""How long a replica is given to catch up before the primary is asked."""
_RETRY_SECONDS = 0.02
_MAX_POSITION = 2**63 - 1
_POSITION = """
SELECT (pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1)::text,
    $1::text IS NULL OR pg_visible_in_snapshot($1::text::xid8, pg_current_snapshot())
"""
"""The newest transaction that a snapshot surely holds with all before it, and whether it holds a given one."""

_transformations = msgspec.msgpack.Decoder(tuple[Transformation, ...])


class LineageStore:
    """Opens snapshots: of a replica where there is one, unless it lags behind the position that is asked for."""

    def __init__(self, primary: Database, replica: Database | None = None) -> None:
        self._primary = primary
        self._replica = replica
        self._kinds = KindReader()

    @asynccontextmanager
    async def snapshot(self, seconds: float, min_position: str = "") -> AsyncIterator[GraphSnapshot]:
        """A snapshot for at most so many seconds that holds a position, as a write returned it.

        Raises InvalidField where there is no such position, QueryTimeout or StoreUnavailable.
        """
        wanted = _checked(min_position)
        patience = time.monotonic() + min(REPLICA_WAIT_SECONDS, seconds / 2)
        while True:
            is_last = self._replica is None or time.monotonic() >= patience
            database = self._primary if self._replica is None or (wanted and is_last) else self._replica
            async with database.reading(seconds) as connection:
                position, is_held = await connection.fetchrow(_POSITION, wanted) or ("0", False)
                if is_held:
                    yield GraphSnapshot(connection, self._kinds, position)
                    return
            if database is self._primary:
                raise InvalidField("min_position", "is not of this store", "send the position that a write returned")
            await asyncio.sleep(_RETRY_SECONDS)


class GraphSnapshot:
    """One state of the store; `position` is the last one in the graph's history that it surely holds."""

    def __init__(self, connection: Connection, kinds: KindReader, position: str) -> None:
        self._connection = connection
        self._kinds = kinds
        self.position = position

    def at(self, moment: datetime | None) -> GraphReader:
        """The graph as it was at a time; as it is for None."""
        return GraphReader(self._connection, self._kinds, Moment(moment))


class GraphReader:
    """The graph at a time; see `domain.lineage_ports`."""

    def __init__(self, connection: Connection, kinds: KindReader, moment: Moment) -> None:
        self._connection = connection
        self._kinds = kinds
        self._moment = moment

    async def assets(self, datasets: Collection[int], jobs: Collection[int]) -> dict[int, GraphAsset]:
        """Datasets and jobs by the id asked for."""
        return await get_assets(self._connection, datasets, jobs, self._moment)

    async def dataset_kinds(self, datasets: Iterable[GraphAsset]) -> dict[int, DatasetKind]:
        """The kinds of datasets, by their ids."""
        return await self._kinds.dataset_kinds(self._connection, datasets)

    async def job_kinds(self, jobs: Iterable[GraphAsset]) -> dict[int, JobKind]:
        """The kinds of jobs, by their ids."""
        return await self._kinds.job_kinds(self._connection, jobs)

    async def links(self, ids: Collection[int], *, upstream: bool, exclude_inferred: bool) -> list[LinkRecord] | None:
        """The links that lead on; None where they are too many."""
        return await get_links(self._connection, ids, self._way(upstream), exclude_inferred=exclude_inferred)

    def page_links(
        self, ids: Collection[int], *, upstream: bool, exclude_inferred: bool, among: Collection[int] | None
    ) -> AsyncIterator[list[LinkRecord]]:
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
        return await get_field_links(self._connection, ids, self._way(upstream), exclude_indirect=exclude_indirect)

    def page_field_links(
        self, ids: Collection[int], *, upstream: bool, exclude_indirect: bool, among: Collection[int] | None
    ) -> AsyncIterator[list[FieldLinkRecord]]:
        """The links that lead on from fields, page by page."""
        way = self._way(upstream)
        return page_field_links(self._connection, ids, way, exclude_indirect=exclude_indirect, among=among)

    async def transformations(self, ids: Iterable[int]) -> dict[int, tuple[Transformation, ...]]:
        """How fields are made of others, by id."""
        rows = await self._connection.fetch(
            "SELECT transformation_id, body FROM transformations WHERE transformation_id = ANY($1::bigint[])", list(ids)
        )
        return {row[0]: _transformations.decode(row[1]) for row in rows}

    def _way(self, upstream: bool) -> Way:
        return Way(upstream, self._moment)


def _checked(position: str) -> str | None:
    """The position, where one is asked for. Raises InvalidField where it can be none."""
    if not position:
        return None
    if not (
        position.isascii() and position.isdigit() and 0 < int(position[:20]) <= _MAX_POSITION and len(position) < 20
    ):
        raise InvalidField("min_position", "is no position", "send the position that a write returned")
    return position
