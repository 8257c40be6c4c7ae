"""What an event states about a job and its datasets: content that many events of one job repeat.

A statement is content-addressed: two events that say the same have the same statement, so a store keeps it once. It
leaves out what changes from run to run: input and output facets, and the version that a producer names (see
`StatedLabel`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from . import ids
from .facets import ColumnLineageFacet, DatasetLineageFacet, JobLineageFacet
from .model import AssetName, SchemaField

CODE_FACETS = frozenset({"sql", "sourceCodeLocation", "sourceCode"})
"""The job facets whose change makes a job version."""
DECLARED = "headwater_declared"
"""The facet of an input or output that was declared beforehand, rather than seen by whoever sends the event."""


class Role(IntEnum):
    """How a statement speaks of a dataset."""

    INPUT = 1
    OUTPUT = 2
    SUBJECT = 3


class StatedLabel(NamedTuple):
    """The version of a dataset that an event names."""

    role: Role
    dataset: int
    label: str


@dataclass(frozen=True, slots=True)
class Content:
    """The facets of an asset in one event, whole: `json` is an object of them, each byte for byte."""

    id: int
    json: bytes


@dataclass(frozen=True, slots=True)
class Schema:
    """A list of fields; `id` is a hash of it."""

    id: int
    fields: tuple[SchemaField, ...]


@dataclass(frozen=True, slots=True)
class StatedDataset:
    """What a statement says of one dataset.

    `facets` are the names of the facets it has, so that a facet that is there and empty differs from none. `dropped`,
    `previous` and `symlinks` are what the lifecycle and symlinks facets say.
    """

    id: int
    name: AssetName
    role: Role
    content: Content
    facets: frozenset[str]
    schema: Schema | None = None
    column_lineage: ColumnLineageFacet | None = None
    lineage: DatasetLineageFacet | None = None
    symlinks: tuple[AssetName, ...] = ()
    previous: AssetName | None = None
    dropped: bool = False

    @property
    def is_declared(self) -> bool:
        """Whether it counts only while nobody reports what was really read and written; see `run_reports`."""
        return DECLARED in self.facets

    @property
    def aliases(self) -> tuple[AssetName, ...]:
        """The other names that it is said to have or to have had."""
        return (self.previous, *self.symlinks) if self.previous else self.symlinks


@dataclass(frozen=True, slots=True)
class StatedJob:
    """What a statement says of its job. `code` holds a hash of each facet that makes a job version: by facet name."""

    id: int
    name: AssetName
    content: Content
    facets: frozenset[str]
    lineage: JobLineageFacet | None = None
    code: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """What an event states. `source` is the JSON text it can be parsed from again.

    `owner` is its job, or the dataset that it is about. `mentioned` are the names of all datasets in it, those in
    facets included; `mentioned_jobs` of all other jobs.
    `declares_io`: it holds an input or output that was declared. `reports_io`: it says of its own what is read or
    written. `concerns_run`: it has anything to do with a run's datasets or code. `read_schemas` are the schemas of the
    inputs that were not declared, `drops` the datasets that are dropped, `symlinks` pairs of alias and dataset.
    """

    id: int
    job: StatedJob | None
    datasets: tuple[StatedDataset, ...]
    source: bytes
    mentioned: dict[int, AssetName]
    mentioned_jobs: dict[int, AssetName]
    owner: int = field(init=False)
    declares_io: bool = field(init=False)
    reports_io: bool = field(init=False)
    concerns_run: bool = field(init=False)
    read_schemas: tuple[tuple[int, Schema], ...] = field(init=False)
    drops: tuple[int, ...] = field(init=False)
    symlinks: tuple[tuple[int, int], ...] = field(init=False)

    def __post_init__(self) -> None:
        """Works out once what is asked for with every event."""
        job, datasets = self.job, self.datasets
        derived = {
            "owner": job.id if job else datasets[0].id if datasets else 0,
            "declares_io": any(dataset.is_declared for dataset in datasets),
            "reports_io": bool(job and job.lineage) or any(not dataset.is_declared for dataset in datasets),
            "concerns_run": bool(datasets or (job and (job.code or job.lineage or job.facets & CODE_FACETS))),
            "read_schemas": tuple(
                (dataset.id, dataset.schema)
                for dataset in datasets
                if dataset.role is Role.INPUT and dataset.schema is not None and not dataset.is_declared
            ),
            "drops": tuple(dataset.id for dataset in datasets if dataset.dropped),
            "symlinks": tuple(
                (ids.dataset_id(*alias), dataset.id) for dataset in datasets for alias in dataset.aliases
            ),
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)
