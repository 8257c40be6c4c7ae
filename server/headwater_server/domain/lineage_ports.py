"""What questions about lineage need of a store."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from .catalog import Run
from .graph_assets import GraphAsset
from .lineage_pages import LinkPlace, LinkQuery, ListedLink
from .memory_graph import MemoryGraph
from .model import DatasetKind, JobKind, RunState, Transformation
from .versions import WriteRecord
from .walk import Edge


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
    """A dataset that a job reads or writes, or a job that it is linked with; seen from either as `near`.

    `stater` is the job that says so, most often the same.
    """

    near: int
    far: int
    stater: int
    since: int
    until: int


@dataclass(frozen=True, slots=True)
class Uses:
    """Uses in the order of their far ends; not whole where there are more than can be given."""

    records: list[UseRecord]
    is_whole: bool


class RunRecord(NamedTuple):
    """A run: its job, how it does, and when it started."""

    run: uuid.UUID
    job: int
    state: RunState
    started: datetime


class ReadRecord(NamedTuple):
    """That a run read what a write left behind."""

    run: RunRecord
    write: WriteRecord


class LeftRecord(NamedTuple):
    """The version that a write left behind, where one is known, and its label; empty where its producer named none."""

    version: int | None
    label: str


@dataclass(frozen=True, slots=True)
class Readers:
    """The runs that read writes, the first started first; not whole where there are more than were asked for."""

    reads: list[ReadRecord]
    is_whole: bool


class Ahead(NamedTuple):
    """Datasets and jobs at the ends of links, and the jobs of links, that a walk will likely meet."""

    ends: set[int]
    jobs: set[int]


class GraphReader(Protocol):
    """One snapshot of the graph, asked at one time. Every question raises QueryTimeout or StoreUnavailable."""

    def ahead(self) -> Ahead:
        """What was read ahead of a walk since this was last asked; it may be asked about at once."""

    async def assets(self, datasets: Collection[int], jobs: Collection[int]) -> dict[int, GraphAsset]:
        """Datasets and jobs by the id asked for; an id among `datasets` may be a job's. Unknown ones are left out."""

    async def dataset_kinds(self, datasets: Iterable[GraphAsset]) -> dict[int, DatasetKind]:
        """The kinds of datasets, by their ids."""

    async def job_kinds(self, jobs: Iterable[GraphAsset]) -> dict[int, JobKind]:
        """The kinds of jobs, by their ids; those not known are left out."""

    async def links(self, ids: Collection[int], *, upstream: bool, exclude_inferred: bool) -> list[Edge[int]] | None:
        """The links that lead on from datasets or jobs, in no order; None where they are too many to give at once.

        Their ends are ids as they are stored, here and below.
        """

    def page_links(
        self, ids: Collection[int], *, upstream: bool, exclude_inferred: bool, among: Collection[int] | None
    ) -> AsyncIterator[list[Edge[int]]]:
        """The links that lead on, page by page in the order of far ends; only to those in `among`, where given."""

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
        """The links that lead on, page by page in the order of far ends; only to those in `among`, where given."""

    async def list_links(self, query: LinkQuery, after: LinkPlace, limit: int) -> list[ListedLink]:
        """Links of one dataset or job past a place, in the order of places."""

    async def run(self, run: uuid.UUID) -> Run | None:
        """All of a run; None where it is not known."""

    async def run_links(self, run: uuid.UUID) -> list[Edge[int]]:
        """The links that follow from what a run read and wrote, from their sources to their targets."""

    async def runs(self, runs: Collection[uuid.UUID]) -> dict[uuid.UUID, RunRecord]:
        """Runs by id; unknown ones are left out."""

    async def reads(self, runs: Collection[RunRecord]) -> list[ReadRecord]:
        """The writes that runs read; a dataset whose write is not known is left out.

        A write's dataset is the name that was written, here and below: one of the ids of a `GraphAsset`.
        """

    async def writes(self, runs: Collection[RunRecord]) -> list[WriteRecord]:
        """What runs wrote; nothing where they did not succeed."""

    async def readers(self, writes: Sequence[WriteRecord], limit: int) -> Readers:
        """The runs that read writes."""

    async def left_behind(self, writes: Sequence[WriteRecord]) -> list[LeftRecord]:
        """The version that each write left behind, in the order given."""

    async def version_writes(self, dataset: GraphAsset, version: int | None, limit: int) -> list[WriteRecord] | None:
        """The last writes that left a version behind, newest first; the one in force for None.

        None where the dataset has no such version.
        """

    async def transformations(self, ids: Iterable[int]) -> dict[int, tuple[Transformation, ...]]:
        """How fields are made of others, by id."""


class GraphSnapshot(Protocol):
    """One state of the store."""

    @property
    def position(self) -> str:
        """The last position in the graph's history that the snapshot surely holds."""

    def at(self, moment: datetime | None, at_once: int = 0) -> GraphReader:
        """The graph as it was at a time; as it is for None. It gives so many links at once at most."""


class LineageStore(Protocol):
    """Opens snapshots of the graph."""

    def snapshot(self, seconds: float, min_position: str = "") -> AbstractAsyncContextManager[GraphSnapshot]:
        """A snapshot for at most so many seconds that holds a position, as a write returned it.

        Raises InvalidField where there is no such position, QueryTimeout or StoreUnavailable.
        """


class ExactGraph(Protocol):
    """A graph in memory, and the store in the very state that it is of.

    Every question raises QueryTimeout or StoreUnavailable.
    """

    @property
    def graph(self) -> MemoryGraph:
        """The graph."""

    async def hidden(self, nodes: Collection[int], as_of: datetime | None) -> dict[int, bool]:
        """Of nodes, whether they are hidden at a time; None is now."""

    async def kinds(self, nodes: Iterable[int]) -> dict[int, int]:
        """The kinds of nodes: numbers of `DatasetKind` or `JobKind`, 0 for none."""


class GraphMemory(Protocol):
    """Holds the graph in memory."""

    async def fresh(self, min_position: str = "") -> MemoryGraph | None:
        """The graph with all that was committed before the call; None where it is not there, or lacks a position.

        Raises InvalidField where there is no such position.
        """

    def want_fields(self) -> None:
        """Has fields read, or read again, in a while: they were not there for a question, or out of date."""

    def exact(self, seconds: float) -> AbstractAsyncContextManager[ExactGraph | None]:
        """The graph beside the store in the same state, for at most so many seconds; None where it is not there."""
