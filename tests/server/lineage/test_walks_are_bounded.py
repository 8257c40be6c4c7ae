"""A walk is cut where it is told to be, says so, and can be gone on with."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater_server.domain.graph import StoredLink, dataset_leads
from headwater_server.domain.lineage import DatasetRoot, Direction, Root, Traversal, Truncation
from headwater_server.storage.lineage.store import GraphReader, LineageStore
from headwater_server.usecases.lineage import get_lineage

from .graphs import SETTINGS, expected, key_of, numbers, root_of, rows, told
from .rows import Connection, Rows, dataset, job, name_of

FAR = 50


@SETTINGS
@given(
    rows=rows(),
    start=numbers.map(dataset),
    upstream=st.booleans(),
    depth=st.integers(1, 4),
    nodes=st.integers(1, 6),
)
async def test_the_nearest_nodes_are_given_and_the_frontier_leads_to_the_rest(
    connection: Connection, store: LineageStore, rows: Rows, start: int, upstream: bool, depth: int, nodes: int
) -> None:
    await rows.write(connection)
    direction = Direction.UPSTREAM if upstream else Direction.DOWNSTREAM
    root = rows.shown.get(start, start)
    leads = {upstream: dataset_leads(rows.graph(), {root}, upstream, exclude_inferred=False)}
    whole = expected([root], direction, leads, depth)
    asked = Traversal((root_of(start),), direction=direction, max_depth=depth, max_nodes=nodes)
    answer = await get_lineage(store, asked, 30)
    depths, links = told(answer)
    nearest = sorted(whole.depths.items(), key=lambda item: (item[1], item[0]))
    assert list(depths.items()) == nearest[:nodes]
    assert links == {link for link in whole.links if {link[0], link[1]} <= depths.keys()}
    assert (Truncation.MAX_NODES in answer.summary.reasons) is (len(nearest) > nodes)
    everything = expected([root], direction, leads, FAR)
    assert bool(answer.summary.reasons) is (depths.keys() != everything.depths.keys())
    assert await _go_on(store, replace(asked, roots=(root_of(root),))) == (everything.depths.keys(), everything.links)


async def _go_on(store: LineageStore, asked: Traversal) -> tuple[Collection[Any], Collection[Any]]:
    """All that walks find that go on from nodes whose neighbours are not all given, each with room for one more."""
    nodes: set[Any] = set()
    links: set[Any] = set()
    done: set[Root] = set()
    roots = asked.roots
    for more in range(FAR):
        answer = await get_lineage(store, replace(asked, roots=roots, max_nodes=asked.max_nodes + more), 30)
        depths, found = told(answer)
        nodes, links = nodes | depths.keys(), links | found
        done |= set(map(root_of, depths)).difference(answer.summary.frontier)
        roots = tuple(root for root in answer.summary.frontier + roots if root not in done)
        if not roots:
            return nodes, links
    raise AssertionError("the walk does not end")


@SETTINGS
@given(rows=rows(), start=numbers.map(dataset), direction=st.sampled_from(Direction), depth=st.integers(1, 4))
async def test_a_deeper_walk_finds_more(
    connection: Connection, store: LineageStore, rows: Rows, start: int, direction: Direction, depth: int
) -> None:
    await rows.write(connection)
    asked = Traversal((root_of(start),), direction=direction, max_depth=depth)
    less = await get_lineage(store, asked, 30)
    more = await get_lineage(store, replace(asked, max_depth=depth + 1), 30)
    assert told(less)[0].items() <= told(more)[0].items()
    assert less.summary.node_count == len(less.part.nodes)
    assert less.summary.link_count == len(less.part.links)


@SETTINGS
@given(rows=rows(), pair=st.tuples(numbers.map(dataset), numbers.map(dataset)))
async def test_what_is_upstream_of_one_has_it_downstream(
    connection: Connection, store: LineageStore, rows: Rows, pair: tuple[int, int]
) -> None:
    await rows.write(connection)
    one, other = (rows.shown.get(end, end) for end in pair)
    above = await get_lineage(store, Traversal((root_of(one),), max_depth=FAR), 30)
    below = await get_lineage(store, Traversal((root_of(other),), direction=Direction.DOWNSTREAM, max_depth=FAR), 30)
    assert (other in map(key_of, above.part.nodes)) is (one in map(key_of, below.part.nodes))


async def test_an_answer_holds_ten_links_for_each_node_that_it_may_hold(
    connection: Connection, store: LineageStore
) -> None:
    sources, targets = range(7), range(7, 14)
    links = [StoredLink(dataset(s), dataset(t), job(j)) for s in sources for t in targets for j in range(5)]
    links += [StoredLink(dataset(t), dataset(14), job(5)) for t in targets]
    await Rows(15, 6, links=links).write(connection)
    asked = Traversal((root_of_number(14),), max_nodes=15)
    answer = await get_lineage(store, asked, 30)
    assert len(answer.part.nodes) == 15
    assert len(answer.part.links) == 150
    assert answer.summary.reasons == (Truncation.MAX_LINKS,)
    assert answer.summary.frontier


def root_of_number(number: int) -> DatasetRoot:
    """A dataset as a root."""
    return DatasetRoot(name_of(number))


async def test_a_walk_ends_before_its_deadline_and_says_so(
    connection: Connection, store: LineageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = [StoredLink(dataset(n), dataset(n + 1), job(0)) for n in range(6)]
    await Rows(7, 1, links=links).write(connection)
    find = GraphReader.links
    asked_for = 0

    async def slow(reader: GraphReader, ids: Any, **options: Any) -> Any:
        nonlocal asked_for
        asked_for += 1
        if asked_for == 3:
            await asyncio.sleep(30)
        return await find(reader, ids, **options)

    monkeypatch.setattr(GraphReader, "links", slow)
    answer = await get_lineage(store, Traversal((root_of_number(6),)), 0.5)
    assert [node.asset.name for node in answer.part.nodes] == ["d6", "d5", "d4"]
    assert answer.summary.reasons == (Truncation.DEADLINE,)
    assert answer.summary.frontier == (root_of_number(4),)
