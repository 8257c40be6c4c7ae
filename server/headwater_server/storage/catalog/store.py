"""The catalogue in PostgreSQL: opens snapshots, and puts the questions of each to the modules here."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from ...domain.catalog import AssetType, Dataset, DatasetVersion, Job, JobVersion, Namespace, Run, Write
from ...domain.catalog_places import (
    DatasetSet,
    JobPlace,
    JobVersionPlace,
    NamePlace,
    RunPlace,
    RunQuery,
    Slice,
    VersionPlace,
)
from ...domain.hiding import Deletion
from ...domain.model import DatasetKind
from ...domain.search_query import SearchQuery
from ..database import Connection, Database
from . import datasets, deletions, job_versions, jobs, labels, names, runs, search, told_writes, versions, writes
from .kinds import KindReader


class CatalogReader:
    """One snapshot; see `domain.catalog_ports` for what each question means."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._plans: dict[SearchQuery, list[search.SearchPlan]] = {}

    async def namespace(self, name: str) -> Namespace | None:
        """A namespace."""
        return await names.get_namespace(self._connection, name)

    async def has_namespace(self, name: str) -> bool:
        """Whether the namespace is known."""
        return await names.has_namespace(self._connection, name)

    async def namespaces(self, after: str, limit: int) -> list[Namespace]:
        """Namespaces in the order of their names."""
        return await names.list_namespaces(self._connection, after, limit)

    async def sets(self, datasets: Iterable[int]) -> dict[int, DatasetSet]:
        """The sets that datasets are in."""
        return await names.get_sets(self._connection, datasets)

    async def job_places(self, jobs: Iterable[int]) -> dict[int, JobPlace]:
        """Jobs by id."""
        return await names.get_jobs(self._connection, jobs)

    async def by_bare_name(self, name: str, limit: int) -> tuple[list[int], list[int]]:
        """The ids of datasets and of jobs that have a name."""
        return await names.find_by_bare_name(self._connection, name, limit)

    async def by_uri(self, uri: str, limit: int) -> list[int]:
        """The ids of datasets that may have a version of this name."""
        return await labels.find_by_uri(self._connection, uri, limit)

    async def places(self, asset: AssetType, namespace: str | None, after: NamePlace, limit: int) -> Slice:
        """Where datasets or jobs stand in the order of names."""
        found = await names.list_places(self._connection, asset, namespace, after, limit)
        return Slice(found, found[-1] if len(found) == limit else None)

    async def search(self, query: SearchQuery, after: NamePlace, limit: int) -> Slice:
        """Where assets stand that may fit."""
        if query not in self._plans:
            self._plans[query] = await search.plan_search(self._connection, query)
        return await search.search_places(self._connection, self._plans[query], after, limit)

    async def datasets(self, sets: Sequence[DatasetSet], now: datetime) -> list[Dataset]:
        """Datasets, in the order given."""
        return await datasets.load_datasets(self._connection, sets, now)

    async def dataset(self, dataset: DatasetSet, now: datetime, *, full: bool) -> Dataset:
        """All of a dataset."""
        return await datasets.load_dataset(self._connection, dataset, now, full=full)

    async def jobs(self, places: Sequence[JobPlace], now: datetime) -> list[Job]:
        """Jobs, in the order given."""
        return await jobs.load_jobs(self._connection, places, now)

    async def dataset_versions(
        self, dataset: DatasetSet, after: VersionPlace | None, limit: int
    ) -> list[tuple[VersionPlace, DatasetVersion]]:
        """The versions of a dataset, newest first."""
        return await versions.list_versions(self._connection, await self._versions(dataset), after, limit)

    async def dataset_version(self, dataset: DatasetSet, version: int) -> DatasetVersion | None:
        """A version of a dataset."""
        return await versions.get_version(self._connection, await self._versions(dataset), version)

    async def labelled_version(self, dataset: DatasetSet, label: str) -> DatasetVersion | None:
        """The newest version of a dataset that its producer named so."""
        return await versions.find_by_label(self._connection, await self._versions(dataset), label)

    async def writes(self, dataset: DatasetSet, after: RunPlace | None, limit: int) -> list[Write]:
        """The writes of a dataset, newest first."""
        found = await writes.list_writes(self._connection, dataset.members, after, limit)
        kind = await self._kind(dataset)
        known = [told_writes.KnownWrite(dataset, kind, write) for write in found]
        return await told_writes.tell_writes(self._connection, known)

    async def write(self, dataset: DatasetSet, run: uuid.UUID) -> Write | None:
        """What a run did to a dataset."""
        found = await writes.get_write(self._connection, dataset.members, run)
        if found is None:
            return None
        known = told_writes.KnownWrite(dataset, await self._kind(dataset), found)
        (write,) = await told_writes.tell_writes(self._connection, [known])
        return write

    async def has_field(self, dataset: DatasetSet, path: str) -> bool:
        """Whether lineage speaks of a field of the dataset."""
        return await names.has_field(self._connection, dataset.members, path)

    async def job_versions(
        self, job: JobPlace, after: JobVersionPlace | None, limit: int
    ) -> list[tuple[JobVersionPlace, JobVersion]]:
        """The versions of a job, newest first."""
        return await job_versions.list_versions(self._connection, job, after, limit)

    async def job_version(self, job: JobPlace, version: int) -> JobVersion | None:
        """A version of a job."""
        return await job_versions.get_version(self._connection, job, version)

    async def has_run(self, run: uuid.UUID) -> bool:
        """Whether the run is known."""
        return await runs.has_run(self._connection, run)

    async def runs(self, query: RunQuery, after: RunPlace | None, limit: int) -> list[Run]:
        """Runs, the last started first."""
        return await runs.list_runs(self._connection, query, after, limit)

    async def run(self, run: uuid.UUID) -> Run | None:
        """All of a run."""
        return await runs.get_run(self._connection, run)

    async def _kind(self, dataset: DatasetSet) -> DatasetKind:
        return (await KindReader().dataset_kinds(self._connection, [dataset]))[dataset.id]

    async def _versions(self, dataset: DatasetSet) -> versions.Versions:
        return await versions.find_versions(self._connection, dataset, await self._kind(dataset))


class CatalogStore:
    """Opens snapshots in one database, which may be a replica, and writes deletions to another."""

    def __init__(self, reads: Database, writes: Database) -> None:
        self._reads = reads
        self._writes = writes

    @asynccontextmanager
    async def reading(self, seconds: float) -> AsyncIterator[CatalogReader]:
        """A snapshot to ask for at most so many seconds; raises QueryTimeout or StoreUnavailable."""
        async with self._reads.reading(seconds) as connection:
            yield CatalogReader(connection)

    async def delete(self, asset: int, deletion: Deletion) -> bool:
        """Writes a deletion, or the taking back of one; whether the asset is known. Raises StoreUnavailable."""
        async with self._writes.transaction() as connection:
            sets = await names.get_sets(connection, [asset])
            if asset not in sets and asset not in await names.get_jobs(connection, [asset]):
                return False
            await deletions.add_deletion(connection, sets[asset].id if asset in sets else asset, deletion)
            return True
