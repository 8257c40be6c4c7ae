"""Graphs of any shape, and answers in the oracle's words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from headwater_server.domain.graph import Lead, Lineage, StoredFieldLink, StoredLink, reach
from headwater_server.domain.lineage import FOREVER, Answer, DatasetRoot, Direction, JobRoot, Node, NodeType, Root
from headwater_server.domain.model import AssetName

from .rows import DATASETS, JOBS, Rows, dataset, job

SETTINGS = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
MAX = 7
numbers = st.integers(0, MAX - 1)
intervals = st.sampled_from([(0, FOREVER), (10, FOREVER), (0, 10), (20, 30), (5, 25)])


@st.composite
def rows(draw: st.DrawFn, *, with_fields: bool = False) -> Rows:
    """A graph with cycles, links to itself, sets, deleted assets and links that ended."""
    end = st.one_of(numbers.map(dataset), numbers.map(job))
    link = st.builds(
        lambda source, target, through, inferred, interval: StoredLink(source, target, through, inferred, *interval),
        st.one_of(numbers.map(dataset), numbers.map(dataset), end),
        st.one_of(numbers.map(dataset), numbers.map(dataset), end),
        st.one_of(st.just(0), numbers.map(job)),
        st.booleans(),
        intervals,
    )
    key = lambda link: (*link[:4], link.since)  # noqa: E731
    found = Rows(MAX, MAX, links=draw(st.lists(link, max_size=25, unique_by=key)))
    found.deleted = draw(st.sets(end, max_size=2))
    shown = draw(st.dictionaries(numbers.map(dataset), numbers.map(dataset), max_size=3))
    found.shown = {member: canonical for member, canonical in shown.items() if canonical not in shown}
    if with_fields:
        name = st.tuples(numbers.map(dataset), st.sampled_from(["", "a", "b"]))
        field_link = st.builds(
            lambda source, target, through, direct, interval: StoredFieldLink(
                source, target, through, direct, *interval
            ),
            name,
            name,
            numbers.map(job),
            st.booleans(),
            intervals,
        )
        field_key = lambda link: (*link[:4], link.since)  # noqa: E731
        found.field_links = draw(st.lists(field_link, max_size=25, unique_by=field_key))
    return found


def key_of(node: Node) -> Any:
    """The node as the oracle names it."""
    if node.type is NodeType.JOB:
        return job(int(node.asset.name[1:]))
    return dataset(int(node.asset.name[1:]))


def field_key_of(node: Node) -> Any:
    """The field as the oracle names it."""
    return (key_of(node), node.field)


def root_of(asset: int) -> Root:
    """A root, by its id."""
    for number in range(MAX):
        if asset == job(number):
            return JobRoot(AssetName(JOBS, f"j{number}"))
    return DatasetRoot(AssetName(DATASETS, f"d{next(n for n in range(MAX) if dataset(n) == asset)}"))


def told(answer: Answer, key: Any = key_of) -> tuple[dict[Any, int], set[Any]]:
    """The depths and links of an answer, as the oracle names them."""
    keys = [key(node) for node in answer.part.nodes]
    links = {
        (
            keys[link.source],
            keys[link.target],
            link.job,
            link.inferred,
            link.since,
            link.until,
        )
        for link in answer.part.links
    }
    assert len(set(keys)) == len(keys)
    assert len(links) == len(answer.part.links)
    return dict(zip(keys, (node.depth for node in answer.part.nodes), strict=True)), links


def expected(roots: Iterable[Any], direction: Direction, leads: dict[bool, list[Lead]], depth: int) -> Lineage:
    """What the oracle answers."""
    return reach(list(roots), {way: leads[way] for way in direction.ways}, depth)
