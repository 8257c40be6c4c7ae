"""A walk's answer as trees, a branch for each link, each node going on once, where it is nearest to a root. Pure."""

from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import TypeAlias

from headwater.v1.lineage_pb2 import Link, Node
from headwater.v1.lineage_service_pb2 import GetLineageResponse

Key: TypeAlias = tuple[str, str]


@dataclass
class Branch:
    """Is a node, the links by which its parent leads to it, and what it leads to."""

    node: Node
    links: list[Link] = field(default_factory=list)
    branches: list["Branch"] = field(default_factory=list)
    goes_on_elsewhere: bool = False


def grow(answer: GetLineageResponse, *, is_upstream: bool) -> list[Branch]:
    """Gives a tree for each root, and for each node that no given link leads to."""
    nodes = {(node.name, node.field): node for node in answer.nodes}
    beyond = links_by_near_end(answer, is_upstream=is_upstream)
    trees: list[Branch] = []
    placed: set[Key] = {key for key, node in nodes.items() if node.depth == 0}
    for key, node in nodes.items():
        if key in placed and node.depth:
            continue
        placed.add(key)
        trees.append(Branch(node))
        waiting = deque([trees[-1]])
        while waiting:
            branch = waiting.popleft()
            for far, links in beyond[branch.node.name, branch.node.field].items():
                branch.branches.append(Branch(nodes[far], links, [], far in placed and bool(beyond[far])))
                if far not in placed:
                    placed.add(far)
                    waiting.append(branch.branches[-1])
    return trees


def links_by_near_end(answer: GetLineageResponse, *, is_upstream: bool) -> dict[Key, dict[Key, list[Link]]]:
    """Gives the links between the answer's nodes, by the end that is nearer to the roots, and by the other end."""
    nodes = {(node.name, node.field) for node in answer.nodes}
    found: dict[Key, dict[Key, list[Link]]] = defaultdict(lambda: defaultdict(list))
    for link in answer.links:
        source, target = (link.source, link.source_field), (link.target, link.target_field)
        near, far = (target, source) if is_upstream else (source, target)
        if {near, far} <= nodes:
            found[near][far].append(link)
    return found
