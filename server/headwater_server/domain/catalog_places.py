"""Where assets are in the store and in lists: their ids, and the places that lists are ordered by."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from .catalog import AssetType
from .model import AssetName, RunState


@dataclass(frozen=True, slots=True)
class DatasetSet:
    """A dataset under all of its names: the id and the name that it is shown under, and those of all names.

    `names` are by id, and hold its own.
    """

    id: int
    name: AssetName
    names: dict[int, AssetName]

    @property
    def members(self) -> list[int]:
        """The ids of all names."""
        return list(self.names)

    @property
    def aliases(self) -> tuple[AssetName, ...]:
        """The other names, in order."""
        return tuple(sorted(name for member, name in self.names.items() if member != self.id))


@dataclass(frozen=True, slots=True)
class JobPlace:
    """A job: its id and its name."""

    id: int
    name: AssetName


class NamePlace(NamedTuple):
    """Where an asset stands in a list in the order of names."""

    name: str
    type: AssetType
    id: int


class RunPlace(NamedTuple):
    """Where a run or a write stands in a list, newest first."""

    time: datetime
    run: uuid.UUID


class VersionPlace(NamedTuple):
    """Where a version stands in a list, newest first. `tie` orders versions of one time: the run that made it, else
    a UUID made of the version's id that is less than any run's.
    """

    time: datetime
    tie: uuid.UUID


class JobVersionPlace(NamedTuple):
    """Where a version of a job stands in a list, newest first."""

    time: datetime
    version: int


@dataclass(frozen=True, slots=True)
class RunQuery:
    """Which runs are asked for: those of a job, or those that a run started; in these states, any where empty."""

    parent: int | uuid.UUID
    states: tuple[RunState, ...] = ()


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a list of assets: where they stand, and from where the list goes on; None at its end."""

    places: list[NamePlace]
    resume: NamePlace | None


NAME_START = NamePlace("", AssetType.DATASET, -(2**63))
"""Before all names: none is empty."""
