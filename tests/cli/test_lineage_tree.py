"""Trees of lineage: laws that hold for every graph."""

from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.v1.lineage_pb2 import Link, Node
from headwater.v1.lineage_service_pb2 import GetLineageResponse
from headwater_cli.lineage_tree import Branch, grow

numbers = st.integers(0, 7)
graphs = st.tuples(st.sets(st.tuples(numbers, numbers), max_size=30), st.dictionaries(numbers, st.integers(0, 4)))


def answer_of(links: set[tuple[int, int]], depths: dict[int, int]) -> GetLineageResponse:
    nodes = sorted((Node(name=str(number), depth=depth) for number, depth in depths.items()), key=lambda n: n.depth)
    return GetLineageResponse(nodes=nodes, links=[Link(source=str(a), target=str(b)) for a, b in sorted(links)])


def all_of(branches: list[Branch]) -> Iterator[Branch]:
    for branch in branches:
        yield branch
        yield from all_of(branch.branches)


@pytest.mark.parametrize("is_upstream", [True, False])
@given(graph=graphs)
def test_each_node_goes_on_once_and_each_link_between_nodes_is_drawn_once(
    graph: tuple[set[tuple[int, int]], dict[int, int]], is_upstream: bool
) -> None:
    links, depths = graph
    answer = answer_of(links, depths)
    branches = list(all_of(grow(answer, is_upstream=is_upstream)))
    going_on = Counter(each.node.name for each in branches if each.branches)
    assert all(times == 1 for times in going_on.values())
    assert {each.node.name for each in branches} == {str(number) for number in depths}
    drawn = Counter((link.source, link.target) for each in branches for link in each.links)
    assert drawn == Counter((str(a), str(b)) for a, b in links if a in depths and b in depths)


@given(graph=graphs)
def test_a_node_that_goes_on_elsewhere_does_so(graph: tuple[set[tuple[int, int]], dict[int, int]]) -> None:
    branches = list(all_of(grow(answer_of(*graph), is_upstream=True)))
    going_on = {each.node.name for each in branches if each.branches}
    assert {each.node.name for each in branches if each.goes_on_elsewhere} <= going_on
