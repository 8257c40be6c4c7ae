"""Tells writes: each with the version that it left behind."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import NamedTuple

from ...domain.catalog import Write
from ...domain.catalog_places import DatasetSet
from ...domain.model import DatasetKind
from ...domain.versions import Asked, State, WriteRecord
from ..database import Connection
from .names import get_jobs
from .state_rows import get_states
from .states import states_in_force


class KnownWrite(NamedTuple):
    """A write of a dataset of a kind, and the state that it left behind, where that is known."""

    dataset: DatasetSet
    kind: DatasetKind
    write: WriteRecord
    state: State | None = None


class Left(NamedTuple):
    """The version that a write left behind, and its label; empty where its producer named none."""

    version: int | None
    label: str


async def tell_writes(connection: Connection, known: Sequence[KnownWrite]) -> list[Write]:
    """Writes as they are shown, in the order given."""
    jobs = await get_jobs(connection, [item.write.job for item in known])
    left = await left_behind(connection, known)
    return [
        Write(item.dataset.name, item.write.run, jobs[item.write.job].name, item.write.time, version, label)
        for item, (version, label) in zip(known, left, strict=True)
    ]


async def left_behind(connection: Connection, known: Sequence[KnownWrite]) -> list[Left]:
    """The version that each write left behind: the one that it named, else the one in force; a MODEL's is its own."""
    known = _as_one(known)
    pairs = [(item.write.dataset, item.write.state) for item in known]
    unknown = [
        (dataset, state)
        for item, (dataset, state) in zip(known, pairs, strict=True)
        if state is not None and not (item.state and (item.state.dataset, item.state.version) == (dataset, state))
    ]
    named = await get_states(connection, unknown) if unknown else {}
    states = {index: item.state for index, item in enumerate(known) if item.state}
    states |= {i: named[d, s] for i, (d, s) in enumerate(pairs) if s is not None and (d, s) in named}
    unnamed = {
        index: Asked(tuple(item.dataset.members), item.write.time)
        for index, item in enumerate(known)
        if index not in states and item.kind is not DatasetKind.MODEL
    }
    states |= await states_in_force(connection, unnamed)
    return [_left(item, states.get(index)) for index, item in enumerate(known)]


def _as_one(known: Sequence[KnownWrite]) -> list[KnownWrite]:
    """The writes, those of one run to one dataset under several of its names as one."""
    best: dict[tuple[int, uuid.UUID], KnownWrite] = {}
    for item in sorted(known, key=lambda item: item.write.rank, reverse=True):
        best[item.dataset.id, item.write.run] = item
    return [best[item.dataset.id, item.write.run] for item in known]


def _left(item: KnownWrite, state: State | None) -> Left:
    if item.kind is DatasetKind.MODEL:
        own = state if state and state.version == item.write.state else None
        return Left(item.write.model_version, (own.label if own else None) or "")
    label = (state.label if state else None) or ""
    return Left(state.version if state else None, label)
