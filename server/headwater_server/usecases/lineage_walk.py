"""Walks a level of the graph to its end or to the walk's limits, and gives what it finds part by part."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from ..domain.lineage import Part, Summary, Traversal, Truncation
from ..domain.walk import Edge, Limits, Step, Walk
from .lineage_levels import K, WalkedLevel

MAX_FRONTIER = 1000
"""How many nodes of a frontier are told."""


class Deadline:
    """When a walk has to be at its end, in seconds from now."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._at = asyncio.get_running_loop().time() + seconds

    def timeout(self) -> asyncio.Timeout:
        """A context that a question is asked in; it raises TimeoutError once the time is up."""
        return asyncio.timeout_at(self._at)


async def walk_level(
    level: WalkedLevel[K], asked: Traversal, deadline: Deadline, position: str
) -> AsyncGenerator[Part | Summary]:
    """The parts of a walk as they are found, and last its summary."""
    walk: Walk[K] = Walk(level.roots, asked.direction.ways, Limits(asked.max_depth, asked.max_nodes), level.is_shown)
    nodes = links = 0
    try:
        async with deadline.timeout():
            part = await level.show(walk.roots())
        nodes += len(part.nodes)
        yield part
        async with aclosing(_steps(walk, level)) as steps:
            while True:
                async with deadline.timeout():
                    step = await anext(steps, None)
                    if step is None:
                        break
                    part = await level.show(step)
                nodes, links = nodes + len(part.nodes), links + len(part.links)
                if part.nodes or part.links:
                    yield part
    except TimeoutError:
        walk.stop(Truncation.DEADLINE)
    roots = dict.fromkeys(level.root_of(key) for key in walk.cut_nodes)
    yield Summary(tuple(sorted(walk.reasons)), tuple(roots)[:MAX_FRONTIER], nodes, links, position)


async def _steps(walk: Walk[K], level: WalkedLevel[K]) -> AsyncGenerator[Step[K]]:
    while any(walk.frontier.values()):
        found: dict[bool, list[Edge[K]]] = {}
        wide: list[bool] = []
        lost: list[K] = []
        for way, keys in walk.frontier.items():
            edges = await level.expand(keys, way) if keys else []
            if edges is None:
                wide.append(way)
            else:
                found[way] = edges
            if level.has_lost:
                lost += keys
        yield walk.take(found)
        if lost:
            walk.cut(lost, Truncation.MAX_NODES)
        for way in wide:
            async for step in _pages(walk, level, way):
                yield step
        walk.descend()


async def _pages(walk: Walk[K], level: WalkedLevel[K], way: bool) -> AsyncIterator[Step[K]]:
    """What a frontier leads to that is too much to be had at once."""
    keys = walk.frontier[way]
    if not walk.is_closing():
        async for page in level.pages(keys, way, None):
            yield walk.take({way: page})
            if walk.is_closing():
                break
        else:
            return
    walk.close(keys)
    async for page in level.pages(keys, way, list(walk.places)):
        yield walk.take({way: page})
        if Truncation.MAX_LINKS in walk.reasons:
            break
