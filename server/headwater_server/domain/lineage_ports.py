"""What questions about lineage need of a store."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from .catalog import DatasetVersion
from .lineage_pages import LinkPlace, LinkRow
from .model import AssetName, DatasetKind, JobKind, RunState, Transformation


@dataclass(frozen=True, slots=True)
class GraphAsset:
    """A dataset or a job as a node: the id that it is shown under, and all of its names by their ids."""

    id: int
    names: Mapping[int, AssetName]
    is_job: bool
    is_hidden: bool

    @property
    def name(self) -> AssetName:
        """The name that it is shown under."""
        return self.names[self.id]


class LinkRecord(NamedTuple):
    """A stored link, seen from one of its ends. Times are in microseconds since 1970."""

    near: int
    far: int
    job: int
    inferred: bool
    since: int
    until: int


class FieldLinkRecord(NamedTuple):
    """A stored link between fields, seen from the field `near`: the field at its other end by dataset and path."""

    near: int
    far: int
    far_path: str
    job: int
    transformation: int
    since: int
    until: int


class UseRecord(NamedTuple):
    """A dataset that a job reads or writes, or a job that it is linked with; seen from either as `near`."""

    near: int
    far: int
    since: int
    until: int


@dataclass(frozen=True, slots=True)
class Uses:
    """Uses in the order of their far ends; not whole where there are more than can be given."""

    records: list[UseRecord]
    is_whole: bool


class RunRecord(NamedTuple):
    """A run: its job, how it does, and when it started and ended."""

    run: uuid.UUID
    job: int
    state: RunState
    started: datetime
    ended: datetime | None
    job_version: int | None


class WriteRecord(NamedTuple):
    """What a successful run did to a dataset, which is spoken of by the id that it is shown under."""

    dataset: int
    run: uuid.UUID
    job: int
    time: datetime


class ReadRecord(NamedTuple):
    """That a run read a dataset: the write that it read, where one is known."""

    run: RunRecord
    dataset: int
    write: WriteRecord | None


class LeftRecord(NamedTuple):
    """The version that a write left behind, and its label; empty where its producer named none."""

    version: int | None
    label: str


@dataclass(frozen=True, slots=True)
class RunUse:
    """What a run read and wrote: versions by dataset, None where none is known; and its links, with their job's id."""

    record: RunRecord
    inputs: Mapping[int, int | None]
    outputs: Mapping[int, int | None]
    links: Collection[tuple[int, int, bool]]


class GraphReader(Protocol):
    """One snapshot of the graph, asked at one time. Every question raises QueryTimeout or StoreUnavailable."""

    async def assets(self, datasets: Collection[int], jobs: Collection[int]) -> dict[int, GraphAsset]:
        """Datasets and jobs by the id asked for; an id among `datasets` may be a job's. Unknown ones are left out."""

    async def dataset_kinds(self, datasets: Iterable[GraphAsset]) -> dict[int, DatasetKind]:
        """The kinds of datasets, by their ids."""

    async def job_kinds(self, jobs: Iterable[GraphAsset]) -> dict[int, JobKind]:
        """The kinds of jobs, by their ids; those not known are left out."""

    async def links(self, ids: Collection[int], *, upstream: bool, exclude_inferred: bool) -> list[LinkRecord] | None:
        """The links that lead on from datasets or jobs, in no order; None where they are too many to be given at once."""

    def page_links(
        self, ids: Collection[int], *, upstream: bool, exclude_inferred: bool, among: Collection[int] | None
    ) -> AsyncIterator[list[LinkRecord]]:
        """The links that lead on, page by page in the order of their far ends; only to those in `among`, where given."""

    async def job_ends(self, jobs: Collection[int], *, upstream: bool) -> Uses:
        """What jobs read (upstream) or write, and the jobs that they are linked with."""

    async def dataset_users(self, datasets: Collection[int], *, upstream: bool) -> Uses:
        """The jobs that write (upstream) or read datasets."""

    async def fields_of(self, datasets: Collection[int]) -> dict[int, tuple[int, str]]:
        """The fields of datasets that have links: dataset and path by id."""

    async def has_field(self, datasets: Collection[int], path: str) -> bool:
        """Whether a dataset has, or ever had, a field."""

    async def field_links(
        self, ids: Collection[int], *, upstream: bool, exclude_indirect: bool
    ) -> list[FieldLinkRecord] | None:
        """The links that lead on from fields, in no order; None where they are too many to be given at once."""

    def page_field_links(
        self, ids: Collection[int], *, upstream: bool, exclude_indirect: bool, among: Collection[int] | None
    ) -> AsyncIterator[list[FieldLinkRecord]]:
        """The links that lead on, page by page in the order of their far ends; only to those in `among`, where given."""

    async def transformations(self, ids: Iterable[int]) -> dict[int, tuple[Transformation, ...]]:
        """How fields are made of others, by id."""
