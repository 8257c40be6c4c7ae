"""What is asked of lineage and what is answered: walks, their nodes and links, and why a walk stopped.

Assets are spoken of by name here, for this is what is shown; a dataset by the name that its set is shown under.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple

from .model import AssetName, DatasetKind, JobKind, RunState, Transformation


class Direction(IntEnum):
    """Which way to go; the numbers are those of `headwater.v1.Direction`."""

    UPSTREAM = 1
    DOWNSTREAM = 2
    BOTH = 3

    @property
    def ways(self) -> tuple[bool, ...]:
        """The ways to walk, each on its own: whether upstream."""
        return {Direction.UPSTREAM: (True,), Direction.DOWNSTREAM: (False,), Direction.BOTH: (True, False)}[self]


class Level(IntEnum):
    """What the nodes of an answer are; the numbers are those of `headwater.v1.Level`."""

    DATASET = 1
    JOB = 2
    FIELD = 3
    RUN = 4


class Truncation(IntEnum):
    """Why a walk stopped; the numbers are those of `headwater.v1.TruncationReason`."""

    MAX_DEPTH = 1
    MAX_NODES = 2
    DEADLINE = 3
    MAX_LINKS = 4


class NodeType(IntEnum):
    """What a node is; the numbers are those of `headwater.v1.NodeType`."""

    DATASET = 1
    JOB = 2
    FIELD = 3
    RUN = 4
    WRITE = 5


@dataclass(frozen=True, slots=True)
class DatasetRoot:
    """A walk starts at a dataset."""

    name: AssetName


@dataclass(frozen=True, slots=True)
class JobRoot:
    """A walk starts at a job."""

    name: AssetName


@dataclass(frozen=True, slots=True)
class RunRoot:
    """A walk starts at a run."""

    run: uuid.UUID


@dataclass(frozen=True, slots=True)
class VersionRoot:
    """A walk starts at all writes that left a version behind; the version is as names hold it, or `latest`."""

    dataset: AssetName
    version: str


@dataclass(frozen=True, slots=True)
class WriteRoot:
    """A walk starts at what a run did to a dataset."""

    dataset: AssetName
    run: uuid.UUID


Root = DatasetRoot | JobRoot | RunRoot | VersionRoot | WriteRoot


@dataclass(frozen=True, slots=True)
class Traversal:
    """A walk: where it starts, which way and how far it goes.

    Without a level it is that of the roots. `as_of` is None for now; no kinds are all kinds.
    """

    roots: tuple[Root, ...]
    level: Level | None = None
    direction: Direction = Direction.UPSTREAM
    field: str = ""
    max_depth: int = 20
    max_nodes: int = 1000
    as_of: datetime | None = None
    dataset_kinds: frozenset[DatasetKind] = frozenset()
    exclude_inferred: bool = False
    exclude_indirect: bool = False
    min_position: str = ""


class Node(NamedTuple):
    """A node of an answer. `asset` is the dataset or job; of a run its job, of a write and a field the dataset.

    `time` is when a run started, or a write was made; `version` is the one that a write left behind.
    """

    type: NodeType
    asset: AssetName
    depth: int
    field: str = ""
    dataset_kind: DatasetKind | None = None
    job_kind: JobKind | None = None
    run: uuid.UUID | None = None
    state: RunState | None = None
    time: datetime | None = None
    version: int | None = None
    label: str = ""


FOREVER = 2**63 - 1
"""The end, in microseconds, of what has none."""


class NodeLink(NamedTuple):
    """A link of an answer. `source` and `target` are places of nodes in the answer, from 0; see `Part` for the ids.

    Times are in microseconds since 1970; `until` is FOREVER where the link still holds.
    """

    source: int
    target: int
    job: int
    inferred: bool
    since: int
    until: int
    transformations: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an answer: nodes, and links between them or those of earlier parts.

    `jobs` are the names of the links' jobs by id, without the job 0, which is none that is known; `changes` say how
    fields are made of others, by id.
    """

    nodes: list[Node]
    links: list[NodeLink]
    jobs: Mapping[int, AssetName] = field(default_factory=dict)
    changes: Mapping[int, tuple[Transformation, ...]] = field(default_factory=dict)

    def transformations(self, link: NodeLink) -> list[Transformation]:
        """How the target of a link is made of its source, each way once."""
        return sorted({how for change in link.transformations for how in self.changes[change]})


@dataclass(frozen=True, slots=True)
class Summary:
    """How a walk ended: why before the graph's end, and from where a next walk goes on. `position` is in the graph's
    history.
    """

    reasons: tuple[Truncation, ...]
    frontier: tuple[Root, ...]
    node_count: int
    link_count: int
    position: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole walk."""

    part: Part
    summary: Summary


@dataclass(frozen=True, slots=True)
class VersionChange:
    """That two runs read (`is_input`) or wrote a dataset in different versions; None where one is not known."""

    dataset: AssetName
    is_input: bool
    base: int | None
    target: int | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What only the target of a comparison has, and what only its base has; each with all nodes that its links touch.

    `added_nodes` and `removed_nodes` are the places of those nodes that only the one has.
    """

    target: Part
    base: Part
    added_nodes: list[int]
    removed_nodes: list[int]
    version_changes: tuple[VersionChange, ...] = ()
    is_job_version_changed: bool = False
    is_truncated: bool = False
