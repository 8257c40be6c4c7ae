"""From every named root exactly the promised nodes are reached."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict

import pytest
from bench.graphs import DATASET_NAMESPACE, DEPTHS, Component, Direction, make_component, make_job_events
from bench.sizes import SIZES

START = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
KINDS = [
    pytest.param(direction, node_count, id=f"{direction}-{node_count}")
    for direction in ("downstream", "upstream")
    for node_count in DEPTHS
]


@pytest.mark.parametrize(("direction", "node_count"), KINDS)
def test_the_root_reaches_the_promised_nodes_and_links(direction: Direction, node_count: int) -> None:
    component = make_component(direction, node_count, 0)
    reached, links, depth = _walk([component], component)
    assert len(reached) == node_count
    assert len(links) == component.link_count
    assert 1 < depth <= DEPTHS[node_count]


def test_components_reach_nothing_of_each_other() -> None:
    components = SIZES["small"].make_graph(10)
    for component in components:
        reached, _, _ = _walk(components, component)
        assert reached == {component.name_node(node) for node in range(10)}


@pytest.mark.parametrize(("direction", "node_count"), KINDS)
def test_the_same_arguments_make_the_same_component(direction: Direction, node_count: int) -> None:
    component = make_component(direction, node_count, 1)
    assert component == make_component(direction, node_count, 1)
    assert component.parents != make_component(direction, node_count, 2).parents


def test_a_large_component_has_hubs() -> None:
    component = make_component("downstream", 20_000, 0)
    readers: defaultdict[int, int] = defaultdict(int)
    for parents in component.parents:
        for parent in parents:
            readers[parent] += 1
    assert max(readers.values()) > 500


def test_each_event_declares_one_job() -> None:
    component = make_component("downstream", 10, 0)
    parsed = [json.loads(body) for body in make_job_events([component], start=START)]
    assert len(parsed) == len({event["job"]["name"] for event in parsed}) == 9
    assert all(event["schemaURL"].endswith("#/$defs/JobEvent") and "run" not in event for event in parsed)
    assert all(event["inputs"] and event["outputs"] and event["job"]["namespace"] for event in parsed)


def _walk(components: list[Component], component: Component) -> tuple[set[str], set[tuple[str, str]], int]:
    """By the events alone: the nodes and links reached from a component's root, and how far away the farthest is."""
    following = defaultdict(set)
    for body in make_job_events(components, start=START):
        event = json.loads(body)
        for source in event["inputs"]:
            for target in event["outputs"]:
                assert {source["namespace"], target["namespace"]} == {DATASET_NAMESPACE}
                link = source["name"], target["name"]
                following[link[0] if component.direction == "downstream" else link[1]].add(link)
    reached, links, depth = {component.root}, set[tuple[str, str]](), 0
    frontier = reached
    while True:
        found = {link for name in frontier for link in following[name]}
        frontier = {name for link in found for name in link} - reached
        links |= found
        if not frontier:
            return reached, links, depth
        reached = reached | frontier
        depth += 1
