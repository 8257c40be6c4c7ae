"""Nodes and links in words. Pure."""

import re
from collections.abc import Iterable

from headwater.v1.catalog_pb2 import DatasetKind, RunState
from headwater.v1.lineage_pb2 import (
    NODE_TYPE_JOB,
    NODE_TYPE_RUN,
    NODE_TYPE_WRITE,
    Link,
    Node,
    TransformationType,
)

from .times import show_time
from .words import address, word

_THROUGH_JOB = re.compile(r"runs/|.*/jobs/")


def node_address(node: Node) -> str:
    """Gives the address that finds a node."""
    return address(node.name, node.field, node.version_label if node.type == NODE_TYPE_WRITE else "")


def node_kind(node: Node) -> str:
    """Gives the kind of dataset, or the word for what else a node is."""
    if node.type == NODE_TYPE_JOB:
        return "JOB"
    if node.type == NODE_TYPE_RUN:
        return "RUN"
    return word(DatasetKind, node.dataset_kind)


def node_facts(node: Node) -> str:
    """Says what else is known of a node: at run level the job, the state and the time."""
    job = f"of {node.display_name}" if node.type == NODE_TYPE_RUN else ""
    return " ".join(filter(None, (job, word(RunState, node.run_state), show_time(node.time))))


def link_words(links: Iterable[Link]) -> str:
    """Says through which jobs data flowed, and how.

    >>> link_words([Link(job="namespaces/team/jobs/train", inferred=True)])
    'via team/train (inferred)'
    """
    links = list(links)
    jobs = dict.fromkeys(address(link.job) for link in links if link.job and not _ends_in_job(link))
    how: dict[str, None] = {}
    for link in links:
        for each in link.transformations:
            how[each.subtype or word(TransformationType, each.type)] = None
    if any(each.masking for link in links for each in link.transformations):
        how["masked"] = None
    if all(link.inferred for link in links) and links:
        how["inferred"] = None
    via = f"via {', '.join(jobs)}" if jobs else ""
    return " ".join(filter(None, (via, f"({', '.join(filter(None, how))})" if how else "")))


def _ends_in_job(link: Link) -> bool:
    return bool(_THROUGH_JOB.match(link.source) or _THROUGH_JOB.match(link.target))
