"""Which version of a dataset is in force at a time.

A dataset is in the state that the last successful run to write it, or the last DatasetEvent, left it in. What readers
say of its schema counts only where nobody else says anything. For a MODEL each write is a version of its own.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from . import ids
from .asset_parser import stated_label, stated_schema
from .batch import VersionSource
from .errors import HeadwaterError
from .facets import FacetMap
from .model import DatasetKind

_VERSION = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class State:
    """A state of a dataset: its schema and the version its producer named, either may be missing; see `batch`.

    `dataset` is the name that it was stated of; `time` and `run` are of the first event that stated it.
    """

    dataset: int
    version: int
    schema: int | None
    label: str | None
    time: datetime
    run: uuid.UUID | None
    source: VersionSource


@dataclass(frozen=True, slots=True)
class WriteRecord:
    """What a successful run did to a dataset; `state` is the one that it named, if any."""

    dataset: int
    run: uuid.UUID
    job: int
    time: datetime
    state: int | None

    @property
    def rank(self) -> tuple[bool, int, int]:
        """Where a run writes a dataset under several of its names, the write with the least rank stands for all."""
        return self.state is None, self.state or 0, self.dataset

    @property
    def model_version(self) -> int:
        """The version that the write makes of a MODEL."""
        return ids.run_version_id(self.dataset, self.run)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about a dataset, by the ids of all of its names, at a time."""

    members: tuple[int, ...]
    time: datetime


def format_version(version: int) -> str:
    """The id of a version as it is written in names: 16 hexadecimal digits."""
    return f"{version % 2**64:016x}"


def parse_version(text: str) -> int | None:
    """The id of a version as it is written in names; None where the text is none."""
    if not _VERSION.fullmatch(text):
        return None
    number = int(text, 16)
    return number - 2**64 if number >= 2**63 else number


def stated_state(dataset: int, facets: FacetMap, time: datetime, source: VersionSource) -> State | None:
    """The state that the facets of a dataset state, outside of a run; None where they state none.

    A reader states no label.
    """
    try:
        schema = stated_schema(facets)
        label = None if source is VersionSource.READER else stated_label(facets)
    except HeadwaterError:
        return None
    if schema is None and label is None:
        return None
    schema_id = schema.id if schema else None
    return State(dataset, ids.version_id(dataset, schema_id, label), schema_id, label, time, None, source)


def in_force(write: WriteRecord | None, stated: State | None) -> tuple[int, int] | None:
    """The dataset and the version of the state in force, given the last write that named one and what was stated last
    without a run.
    """
    if write and write.state is not None and (stated is None or write.time >= stated.time):
        return write.dataset, write.state
    return (stated.dataset, stated.version) if stated else None


def model_write_in_force(kind: DatasetKind, write: WriteRecord | None, state: State | None) -> WriteRecord | None:
    """The write that is the version in force, where the dataset is a MODEL and nothing was stated after it.

    `state` is the state in force.
    """
    if kind is not DatasetKind.MODEL or write is None:
        return None
    later = state and state.source is VersionSource.DATASET_EVENT and state.time > write.time
    return None if later else write


def first_seen(states: Iterable[State]) -> State | None:
    """Of several sightings of one state, the one that counts: a reader's last, then the first in time."""
    return min(states, key=_rank, default=None)


def _rank(state: State) -> tuple[bool, datetime, int, bytes]:
    return state.source is VersionSource.READER, state.time, state.source, state.run.bytes if state.run else b""
