"""Answers what is upstream and what is downstream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from ..domain.errors import QueryTimeout
from ..domain.lineage import Answer, Level, Node, NodeLink, Part, Summary, Traversal
from ..domain.lineage_ports import GraphSnapshot, LineageStore
from ..domain.model import AssetName, Transformation
from ..domain.walk import LINKS_FOR_EACH_NODE
from .lineage_book import Book
from .lineage_datasets import DatasetLevel
from .lineage_fields import FieldLevel
from .lineage_jobs import JobLevel
from .lineage_levels import WalkedLevel
from .lineage_roots import MAX_NODES, check_traversal, find_assets, find_fields
from .lineage_runs import RunLevel
from .lineage_walk import Deadline, walk_level

WALKING_SHARE = 0.9
"""The part of an answer's time that is spent walking; the rest is for telling what was found."""

LEAST_AT_ONCE = 2_000
MOST_AT_ONCE = 20_000
"""How many links are asked for at once: as many as an answer holds, between these limits."""


async def get_lineage(store: LineageStore, asked: Traversal, seconds: float, *, max_nodes: int = MAX_NODES) -> Answer:
    """A whole walk of at most so many nodes. Raises InvalidField, NotFound or TooLarge."""
    asked, deadline = check_traversal(asked, max_nodes), Deadline(seconds * WALKING_SHARE)
    async with store.snapshot(seconds, asked.min_position) as snapshot:
        return await answer(snapshot, asked, deadline)


async def stream_lineage(
    store: LineageStore, asked: Traversal, seconds: float, *, max_nodes: int = MAX_NODES
) -> AsyncGenerator[Part | Summary]:
    """A walk of at most so many nodes part by part, the last one its summary.

    Raises InvalidField, NotFound or TooLarge.
    The walk never waits for whoever takes the parts, so a slow client holds no snapshot.
    """
    asked, deadline = check_traversal(asked, max_nodes), Deadline(seconds * WALKING_SHARE)
    parts: asyncio.Queue[Part | Summary | None] = asyncio.Queue()

    async def walk() -> None:
        try:
            async with (
                store.snapshot(seconds, asked.min_position) as snapshot,
                aclosing(walk_lineage(snapshot, asked, deadline)) as walked,
            ):
                async for part in walked:
                    parts.put_nowait(part)
        finally:
            parts.put_nowait(None)

    walking = asyncio.create_task(walk())
    try:
        while (part := await parts.get()) is not None:
            yield part
        await walking
    finally:
        walking.cancel()
        await asyncio.gather(walking, return_exceptions=True)


async def answer(snapshot: GraphSnapshot, asked: Traversal, deadline: Deadline) -> Answer:
    """A whole walk in a snapshot."""
    nodes: list[Node] = []
    links: list[NodeLink] = []
    jobs: dict[int, AssetName] = {}
    changes: dict[int, tuple[Transformation, ...]] = {}
    summary = Summary((), (), 0, 0, snapshot.position)
    async with aclosing(walk_lineage(snapshot, asked, deadline)) as walked:
        async for part in walked:
            if isinstance(part, Summary):
                summary = part
            else:
                nodes += part.nodes
                links += part.links
                jobs.update(part.jobs)
                changes.update(part.changes)
    return Answer(Part(nodes, links, jobs, changes), summary)


async def walk_lineage(snapshot: GraphSnapshot, asked: Traversal, deadline: Deadline) -> AsyncGenerator[Part | Summary]:
    """The parts of a walk that was checked. Raises QueryTimeout where its roots are not found in time."""
    try:
        async with deadline.timeout():
            level = await _open_level(snapshot, asked)
    except TimeoutError:
        raise QueryTimeout(deadline.seconds) from None
    async with aclosing(walk_level(level, asked, deadline, snapshot.position)) as parts:
        async for part in parts:
            yield part


async def _open_level(snapshot: GraphSnapshot, asked: Traversal) -> WalkedLevel[Any]:
    at_once = min(max(asked.max_nodes * LINKS_FOR_EACH_NODE, LEAST_AT_ONCE), MOST_AT_ONCE)
    reader = snapshot.at(asked.as_of, at_once)
    book = Book(reader)
    if asked.level is Level.RUN:
        runs = RunLevel(reader, book, asked)
        await runs.find_roots()
        return runs
    if asked.level is Level.FIELD:
        fields = await find_fields(reader, book, asked)
        return FieldLevel(reader, book, fields, asked.dataset_kinds, exclude_indirect=asked.exclude_indirect)
    assets = await find_assets(book, asked.roots)
    if asked.level is Level.JOB:
        return JobLevel(reader, book, assets)
    return DatasetLevel(reader, book, assets, asked.dataset_kinds, exclude_inferred=asked.exclude_inferred)
