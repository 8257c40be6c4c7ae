"""The words of the domain as types; each is defined in ARCHITECTURE.md.

Datasets, jobs and fields are spoken of by their ids (see `ids`): signed 64-bit integers.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple


class DatasetKind(IntEnum):
    """What kind of thing a dataset is; the numbers are those of `headwater.v1.DatasetKind`."""

    DATASET = 1
    TABLE = 2
    VIEW = 3
    TOPIC = 4
    FILE = 5
    FEATURE_TABLE = 6
    MODEL = 7
    METRICS = 8
    ENDPOINT = 9


class JobKind(IntEnum):
    """How a job works; the numbers are those of `headwater.v1.JobKind`."""

    BATCH = 1
    STREAM = 2
    SERVICE = 3


class RunState(IntEnum):
    """How a run is doing; the numbers are those of `headwater.v1.RunState`."""

    UNKNOWN = 0
    STARTED = 1
    RUNNING = 2
    SUCCEEDED = 3
    FAILED = 4
    ABORTED = 5

    @property
    def finality(self) -> int:
        """How final the state is: of two events at one time, the more final one holds."""
        return (0, 1, 2, 3, 3, 3)[self]


class EventKind(IntEnum):
    """Which of OpenLineage's events it is."""

    RUN = 1
    DATASET = 2
    JOB = 3


class AssetName(NamedTuple):
    """The name of a dataset or a job, as its producer wrote it."""

    namespace: str
    name: str


class OrderKey(NamedTuple):
    """Where an event stands among those that speak of one thing; of two, what the greater says holds.

    `time` is the event's own time, or the time of its receipt where its clock is far ahead. `identity` is the first
    half of the event's identity.
    """

    time: datetime
    finality: int
    identity: bytes


class Transformation(NamedTuple):
    """How a field is made of another."""

    type: str
    subtype: str = ""
    description: str = ""
    masking: bool = False


class Link(NamedTuple):
    """An edge: data flowed from `source` to `target`, each a dataset or a job, through the job that states it."""

    source: int
    target: int
    inferred: bool = False


class FieldLink(NamedTuple):
    """An edge between fields; an empty path stands for the dataset as a whole."""

    source: int
    source_path: str
    target: int
    target_path: str
    transformations: tuple[Transformation, ...] = ()


@dataclass(frozen=True, slots=True)
class SchemaField:
    """One field of a schema, nested ones by their path."""

    path: str
    type: str
    description: str
    ordinal: int


@dataclass(frozen=True, slots=True)
class RunReference:
    """A run that an event names as its parent or root, and its job."""

    run: uuid.UUID
    job: AssetName
    job_id: int
