"""What the catalogue tells of assets: the answers to questions, as they hold when they are asked.

Datasets, jobs and runs are spoken of by name here, for this is what is shown; a dataset by the name that its set is
shown under.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from .model import AssetName, DatasetKind, JobKind, RunState, SchemaField


class AssetType(IntEnum):
    """What an asset is; the numbers are those of `headwater.v1.AssetType`."""

    DATASET = 1
    JOB = 2


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace, and how many datasets and jobs are in it."""

    name: str
    dataset_count: int
    job_count: int


@dataclass(frozen=True, slots=True)
class Facet:
    """A facet, byte for byte as it was sent, and the time of the event that said it."""

    name: str
    json: bytes
    time: datetime


@dataclass(frozen=True, slots=True)
class Owner:
    """Who owns an asset; the type is empty where not given."""

    owner: str
    type: str


@dataclass(frozen=True, slots=True)
class Tag:
    """Marks an asset, or the field of it whose path is given."""

    key: str
    value: str
    field: str
    source: str


@dataclass(frozen=True, slots=True)
class DatasetVersion:
    """One state of a dataset. `ordinal` is its place among the versions, from 1; 0 where it was not asked for."""

    dataset: AssetName
    version: int
    label: str
    fields: tuple[SchemaField, ...]
    time: datetime
    run: uuid.UUID | None
    ordinal: int = 0


@dataclass(frozen=True, slots=True)
class Write:
    """What one successful run did to one dataset; `version` is the state that it left behind, where one is known."""

    dataset: AssetName
    run: uuid.UUID
    job: AssetName
    time: datetime
    version: int | None
    label: str


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset. `deleted` says since when it is hidden; `facets` are empty unless asked for."""

    name: AssetName
    aliases: tuple[AssetName, ...]
    kind: DatasetKind
    description: str
    owners: tuple[Owner, ...]
    tags: tuple[Tag, ...]
    created: datetime | None
    updated: datetime | None
    deleted: datetime | None
    latest_version: DatasetVersion | None
    latest_write: Write | None
    facets: tuple[Facet, ...] = ()


@dataclass(frozen=True, slots=True)
class CodeLocation:
    """Where the code of a job is; what is not known is empty."""

    type: str
    url: str
    repository: str
    path: str
    commit: str
    branch: str
    tag: str


@dataclass(frozen=True, slots=True)
class JobVersion:
    """One state of a job: its code, inputs and outputs."""

    job: AssetName
    version: int
    code_location: CodeLocation | None
    sql: str
    inputs: tuple[AssetName, ...]
    outputs: tuple[AssetName, ...]
    time: datetime


@dataclass(frozen=True, slots=True)
class RunDataset:
    """A dataset as a run read or wrote it; `declared` where the reader itself named the version."""

    dataset: AssetName
    version: int | None
    label: str
    write: uuid.UUID | None = None
    declared: bool = False
    facets: tuple[Facet, ...] = ()


@dataclass(frozen=True, slots=True)
class RunError:
    """Why a run failed."""

    message: str
    language: str
    stack_trace: str


@dataclass(frozen=True, slots=True)
class Run:
    """A run. What its events alone tell (error, tags, facets), and what it read and wrote, is left out of lists."""

    run: uuid.UUID
    external_id: str
    job: AssetName
    state: RunState
    started: datetime
    ended: datetime | None
    nominal_start: datetime | None
    nominal_end: datetime | None
    parent: uuid.UUID | None
    root: uuid.UUID | None
    job_version: int | None
    error: RunError | None = None
    inputs: tuple[RunDataset, ...] = ()
    outputs: tuple[RunDataset, ...] = ()
    tags: tuple[Tag, ...] = ()
    facets: tuple[Facet, ...] = ()
    senders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Job:
    """A job. `deleted` says since when it is hidden; `facets` are empty unless asked for."""

    name: AssetName
    kind: JobKind | None
    integration: str
    description: str
    owners: tuple[Owner, ...]
    tags: tuple[Tag, ...]
    created: datetime | None
    updated: datetime | None
    deleted: datetime | None
    latest_version: JobVersion | None
    latest_run: Run | None
    facets: tuple[Facet, ...] = ()
