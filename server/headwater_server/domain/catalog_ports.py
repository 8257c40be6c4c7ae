"""What the catalogue needs of a store."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from .catalog import AssetType, Dataset, DatasetVersion, Job, JobVersion, Namespace, Run, Write
from .catalog_places import (
    DatasetSet,
    JobPlace,
    JobVersionPlace,
    NamePlace,
    RunPlace,
    RunQuery,
    Slice,
    VersionPlace,
)
from .hiding import Deletion
from .search_query import SearchQuery


class CatalogReader(Protocol):
    """One snapshot of the store. Any question raises QueryTimeout or StoreUnavailable; what is unknown is left out, or
    None. `now` is the present time: deletions after it do not count yet.
    """

    async def namespace(self, name: str) -> Namespace | None:
        """A namespace."""

    async def has_namespace(self, name: str) -> bool:
        """Whether the namespace is known."""

    async def namespaces(self, after: str, limit: int) -> list[Namespace]:
        """Namespaces past a name, in the order of their names."""

    async def sets(self, datasets: Iterable[int]) -> dict[int, DatasetSet]:
        """The sets that datasets are in, by the id that was asked for."""

    async def job_places(self, jobs: Iterable[int]) -> dict[int, JobPlace]:
        """Jobs by id."""

    async def by_bare_name(self, name: str, limit: int) -> tuple[list[int], list[int]]:
        """The ids of datasets and of jobs that have a name in any namespace; at most so many of each."""

    async def by_uri(self, uri: str, limit: int) -> list[int]:
        """The ids of datasets that may have a version that its producer named by a URI; at most so many."""

    async def places(self, asset: AssetType, namespace: str | None, after: NamePlace, limit: int) -> Slice:
        """Where the datasets or jobs of a namespace, or of all, stand past a place, in the order of names."""

    async def search(self, query: SearchQuery, after: NamePlace, limit: int) -> Slice:
        """Where assets stand past a place that may fit, in the order of names: all that fit are among them.

        The slice may end early, or be empty, though there is more: see `Slice.resume`.
        """

    async def datasets(self, datasets: Sequence[DatasetSet], now: datetime) -> list[Dataset]:
        """Datasets, in the order given, without the ordinals of their versions."""

    async def dataset(self, dataset: DatasetSet, now: datetime, *, full: bool) -> Dataset:
        """All of a dataset; in full with the facets that change with each run."""

    async def jobs(self, jobs: Sequence[JobPlace], now: datetime) -> list[Job]:
        """Jobs, in the order given."""

    async def dataset_versions(
        self, dataset: DatasetSet, after: VersionPlace | None, limit: int
    ) -> list[tuple[VersionPlace, DatasetVersion]]:
        """The versions of a dataset past a place, newest first."""

    async def dataset_version(self, dataset: DatasetSet, version: int) -> DatasetVersion | None:
        """A version of a dataset by its id."""

    async def labelled_version(self, dataset: DatasetSet, label: str) -> DatasetVersion | None:
        """The newest version of a dataset that its producer named so."""

    async def writes(self, dataset: DatasetSet, after: RunPlace | None, limit: int) -> list[Write]:
        """The writes of a dataset past a place, newest first."""

    async def write(self, dataset: DatasetSet, run: uuid.UUID) -> Write | None:
        """What a run did to a dataset."""

    async def has_field(self, dataset: DatasetSet, path: str) -> bool:
        """Whether lineage speaks of a field of the dataset."""

    async def job_versions(
        self, job: JobPlace, after: JobVersionPlace | None, limit: int
    ) -> list[tuple[JobVersionPlace, JobVersion]]:
        """The versions of a job past a place, newest first."""

    async def job_version(self, job: JobPlace, version: int) -> JobVersion | None:
        """A version of a job by its id."""

    async def has_run(self, run: uuid.UUID) -> bool:
        """Whether the run is known."""

    async def runs(self, query: RunQuery, after: RunPlace | None, limit: int) -> list[Run]:
        """Runs past a place, the last started first, without what they read and wrote and what only events tell."""

    async def run(self, run: uuid.UUID) -> Run | None:
        """All of a run."""


class CatalogStore(Protocol):
    """A store that the catalogue is read from."""

    def reading(self, seconds: float) -> AbstractAsyncContextManager[CatalogReader]:
        """A snapshot to ask for at most so many seconds; raises QueryTimeout or StoreUnavailable."""

    async def delete(self, asset: int, deletion: Deletion) -> bool:
        """Writes a deletion of a dataset or a job, or the taking back of one, once for the same time.

        Whether the asset is known: else nothing is written. Raises StoreUnavailable.
        """
