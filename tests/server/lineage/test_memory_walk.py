"""The walk in memory is the walk over links, on many small and dense graphs, as they were read and after changes.

Times lie where intervals begin and end, names are joined, assets deleted, and limits close. PostgreSQL has no part in
this: that it answers the same is what `test_memory_answers_as_the_store` shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater_server.domain.graph import StoredLink
from headwater_server.domain.lineage import FOREVER, DatasetRoot, Direction, Level, Traversal, Truncation
from headwater_server.domain.memory_changes import (
    AssetState,
    Changes,
    StoredAssets,
    StoredLinks,
    apply_changes,
    link_columns,
    make_graph,
)
from headwater_server.domain.memory_graph import MemoryGraph, Nodes
from headwater_server.domain.memory_links import Texts
from headwater_server.domain.memory_walk import MemoryAnswer, walk_memory
from headwater_server.domain.model import AssetName
from headwater_server.domain.walk import Edge, Limits, Walk

from .rows import DATASETS, EPOCH, JOBS, Rows, dataset, job, name_of

SIZE, JOB_COUNT = 5, 2
NO_JOB = AssetState(0, AssetName("", ""), 0, True, False)
SPACES = ["", DATASETS, JOBS]
MANY = settings(max_examples=200, deadline=None)
numbers = st.integers(0, SIZE - 1)
jobs = st.integers(0, JOB_COUNT - 1).map(job)


@st.composite
def dense_rows(draw: st.DrawFn) -> Rows:
    """Few assets with many links, several between the same ends."""
    end = st.one_of(*[numbers.map(dataset)] * 6, jobs)
    link = st.builds(
        lambda source, target, through, inferred, interval: StoredLink(source, target, through, inferred, *interval),
        *(end, end, st.one_of(jobs, jobs, st.just(0)), st.booleans()),
        st.sampled_from([(0, FOREVER), (0, FOREVER), (10, FOREVER), (0, 10), (10, 20), (20, FOREVER), (5, 25)]),
    )
    links = draw(st.lists(link, min_size=4, max_size=30, unique_by=lambda link: (*link[:4], link.since)))
    found = Rows(SIZE, JOB_COUNT, links)
    found.deleted = draw(st.sets(end, max_size=1))
    shown = draw(st.dictionaries(numbers.map(dataset), numbers.map(dataset), max_size=2))
    found.shown = {member: canonical for member, canonical in shown.items() if canonical not in shown}
    return found


@st.composite
def questions(draw: st.DrawFn) -> tuple[Traversal, int | None]:
    """A walk from one or two datasets, and the time in microseconds that it asks about."""
    time = draw(st.sampled_from([None, None, 0, 9, 10, 20, 24, 25]))
    asked = Traversal(
        roots=tuple(DatasetRoot(name_of(number)) for number in sorted(draw(st.sets(numbers, min_size=1, max_size=2)))),
        direction=draw(st.sampled_from(Direction)),
        level=Level.DATASET,
        max_depth=draw(st.sampled_from([1, 2, 3, 100])),
        max_nodes=draw(st.sampled_from([2, 3, 4, 100, 100])),
        as_of=None if time is None else EPOCH + timedelta(microseconds=time),
        exclude_inferred=draw(st.sampled_from([False, False, True])),
    )
    return asked, time


def states_of(rows: Rows) -> list[AssetState]:
    """All assets of a graph, in the order of ids."""
    datasets = [(dataset(n), name_of(n), False) for n in range(rows.datasets)]
    found = datasets + [(job(n), AssetName(JOBS, f"j{n}"), True) for n in range(rows.jobs)]
    states = [AssetState(i, name, rows.shown.get(i, i), is_job, i in rows.deleted) for i, name, is_job in found]
    return sorted([*states, NO_JOB])


def stored(links: Iterable[StoredLink]) -> StoredLinks:
    """Links by columns."""
    source, target, job_id, inferred, since, until = list(zip(*links, strict=True)) or [()] * 6
    ids: Any = [np.array(column, np.int64) for column in (source, target, job_id, since, until)]
    return StoredLinks(*ids, np.array(inferred, np.bool_))


def read(states: Sequence[AssetState], links: Iterable[StoredLink]) -> MemoryGraph:
    """A graph as it is read from the store."""
    ids = np.array([state.id for state in states], np.int64)
    names = [state.name.name.encode() for state in states]
    spaces = np.array([SPACES.index(state.name.namespace) for state in states], np.int32)
    texts = Texts(b"".join(names), np.cumsum(list(map(len, names)), dtype=np.int64))
    nodes = Nodes(ids, spaces, list(SPACES), texts)
    shown = {state.id: state.shown for state in states if state.shown != state.id}
    is_job, deleted = np.array([s.is_job for s in states]), [state.id for state in states if state.is_deleted]
    return make_graph("1", StoredAssets(nodes, shown, is_job, deleted), link_columns(nodes, stored(links)))


def walk_all(graph: MemoryGraph, asked: Traversal) -> MemoryAnswer | None:
    """The answer, where all that is deleted is hidden."""
    hidden: dict[int, bool] = {}
    while (found := walk_memory(graph, asked, hidden)) and found.doubtful:
        hidden |= dict.fromkeys(found.doubtful, True)
    return found


def told(answer: MemoryAnswer) -> tuple[Any, ...]:
    """An answer by ids: nodes in their order, links, why it was cut, and where."""
    ids = answer.graph.nodes.ids
    nodes, links = ids[answer.nodes].tolist(), answer.links
    ends = [ids[answer.nodes[links.source]], ids[answer.nodes[links.target]], ids[links.job]]
    columns = [column.tolist() for column in (*ends, links.inferred, links.since, links.until)]
    found = sorted(zip(*columns, strict=True))
    return nodes, answer.depths.tolist(), found, set(answer.reasons), ids[answer.cut].tolist()


def expected(rows: Rows, asked: Traversal, time: int | None) -> tuple[Any, ...]:
    """The same of a walk over the links one by one."""
    graph = rows.graph(time)
    visible = [link for link in graph.visible_links() if not (link.inferred and asked.exclude_inferred)]

    def expand(keys: Sequence[int], upstream: bool) -> list[Edge[int]]:
        turned = [(*(link[1::-1] if upstream else link[:2]), link) for link in visible]
        return [Edge(near, far, *link[2:6]) for near, far, link in turned if near in keys and near not in graph.jobs]

    roots = [rows.shown.get(key, key) for key in (dataset(int(root.name.name[1:])) for root in asked.roots)]
    walk = Walk(roots, asked.direction.ways, Limits(asked.max_depth, asked.max_nodes))
    links = []
    while any(walk.frontier.values()):
        links += walk.take({way: expand(keys, way) for way, keys in walk.frontier.items()}).links
        walk.descend()
    nodes = list(walk.places)
    found = sorted((nodes[link.source], nodes[link.target], *link[2:6]) for link in links)
    return nodes, [walk._depths[node] for node in nodes], found, walk.reasons, walk.cut_nodes


def check(graph: MemoryGraph | None, rows: Rows, question: tuple[Traversal, int | None]) -> None:
    """That the walk in memory finds what it should; it may leave the question only where links are cut."""
    assert graph
    wanted = expected(rows, *question)
    found = walk_all(graph, question[0])
    marks = graph.nodes.marks
    assert (marks.places == -1).all()
    assert not any(seen.any() for seen in marks.seen.values())
    if found:
        assert told(found) == wanted
    else:
        assert Truncation.MAX_LINKS in wanted[3] or len(set(question[0].roots)) > question[0].max_nodes


@MANY
@given(rows=dense_rows(), question=questions())
def test_as_it_was_read(rows: Rows, question: tuple[Traversal, int | None]) -> None:
    check(read(states_of(rows), rows.links), rows, question)


@MANY
@given(
    rows=dense_rows(),
    before=dense_rows(),
    new=st.sets(numbers, max_size=2),
    between=st.lists(st.tuples(dense_rows(), st.sets(jobs, min_size=1)), max_size=2),
    question=questions(),
)
def test_after_changes(
    rows: Rows,
    before: Rows,
    new: set[int],
    between: list[tuple[Rows, set[int]]],
    question: tuple[Traversal, int | None],
) -> None:
    """The graph was `before` once, without the `new` datasets, then others `between`, by the links of some jobs."""
    fresh = {dataset(number) for number in new}
    known = [state for state in states_of(before) if state.id not in fresh and state.shown not in fresh]
    ids = {state.id for state in known}
    graph: MemoryGraph | None = read(known, [link for link in before.links if ids.issuperset(link[:3])])
    for state, changed in [*between, (rows, {*(job(number) for number in range(JOB_COUNT)), 0})]:
        assert graph
        walk_all(graph, question[0])
        links = [link for link in state.links if link.job in changed]
        moved = [asset for asset in states_of(state) if asset not in known]
        graph = apply_changes(graph, Changes(changed, stored(links), moved), "2")
        known = states_of(state)
    check(graph, rows, question)
