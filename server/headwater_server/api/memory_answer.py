"""Writes answers that were found in memory, as the bytes of messages: nodes and links in thousands, and each costs.

What a message looks like on the wire is fixed for ever by the numbers of its fields, which are read from the contract
here. The answer is the same as that of `lineage_writer`, which tests hold the two to.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import numpy as np
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from headwater.names import DatasetName, JobName
from headwater.v1 import lineage_pb2 as graph_messages
from headwater.v1 import lineage_service_pb2 as messages

from ..domain.lineage import FOREVER, DatasetRoot, JobRoot, Root, Summary
from ..domain.memory_graph import NO_JOB, Flag, MemoryGraph
from ..domain.memory_walk import MemoryAnswer
from .convert_lineage import to_summary
from .lineage_writer import MICROS

NODES_AT_ONCE = 1000
LINKS_AT_ONCE = 2000
"""How much one message of a stream holds: little, for others get a turn after each."""
MAX_FRONTIER = 1000
"""How many nodes of a frontier are told."""
_BYTES = 2


class Written:
    """A message of the contract as its bytes."""

    def __init__(self, kind: type[Message], data: bytes) -> None:
        self._kind = kind
        self._data = data

    def SerializeToString(self) -> bytes:  # noqa: N802  as messages call it
        """The bytes."""
        return self._data

    def parse(self) -> Message:
        """The message."""
        return self._kind.FromString(self._data)


def write_answer(answer: MemoryAnswer) -> Written:
    """A whole walk as one message."""
    writer = _Writer(answer, messages.GetLineageResponse.DESCRIPTOR)
    count = len(answer.nodes)
    nodes, links = writer.nodes(0, count), writer.links(0, len(answer.links))
    summary = messages.GetLineageResponse(summary=_summary(answer)).SerializeToString()
    return Written(messages.GetLineageResponse, b"".join([nodes, links, summary]))


def write_parts(answer: MemoryAnswer) -> Iterator[Written]:
    """A walk as messages of a bounded size, the near nodes first, nodes before links."""
    writer = _Writer(answer, messages.TraverseLineageResponse.DESCRIPTOR)
    node = link = 0
    for step in answer.steps:
        for start in range(node, step.nodes, NODES_AT_ONCE):
            end = min(start + NODES_AT_ONCE, step.nodes)
            yield Written(messages.TraverseLineageResponse, writer.nodes(start, end))
        for start in range(link, step.links, LINKS_AT_ONCE):
            end = min(start + LINKS_AT_ONCE, step.links)
            yield Written(messages.TraverseLineageResponse, writer.links(start, end))
        node, link = step.nodes, step.links
    summary = messages.TraverseLineageResponse(summary=_summary(answer))
    yield Written(messages.TraverseLineageResponse, summary.SerializeToString())


def _summary(answer: MemoryAnswer) -> messages.TraversalSummary:
    frontier = tuple(_root(answer.graph, node) for node in answer.cut[:MAX_FRONTIER].tolist())
    counts = len(answer.nodes), len(answer.links)
    return to_summary(Summary(answer.reasons, frontier, *counts, answer.graph.position))


def _root(graph: MemoryGraph, node: int) -> Root:
    name = graph.nodes.name(node)
    return JobRoot(name) if graph.is_job(node) else DatasetRoot(name)


class _Sizes(dict[int, bytes]):
    """Numbers as they are written."""

    def __missing__(self, number: int) -> bytes:
        size = self[number] = _varint(number)
        return size


def _varint(number: int) -> bytes:
    written = bytearray()
    while number > 127:
        written.append(number & 127 | 128)
        number >>= 7
    written.append(number)
    return bytes(written)


def _tag(message: Descriptor, field: str, wire: int = _BYTES) -> bytes:
    """What comes before the value of a field."""
    return _varint(message.fields_by_name[field].number << 3 | wire)


_SIZES = _Sizes((number, _varint(number)) for number in range(4096))
_NODE = graph_messages.Node.DESCRIPTOR
_LINK = graph_messages.Link.DESCRIPTOR
_NAME, _NAMESPACE, _DISPLAY = (_tag(_NODE, field) for field in ("name", "namespace", "display_name"))
_SOURCE, _TARGET, _JOB = (_tag(_LINK, field) for field in ("source", "target", "job"))
_PLAIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~"
"""What `quote` leaves as it is."""


class _Writer:
    """Writes parts of one answer, nodes before the links between them."""

    def __init__(self, answer: MemoryAnswer, message: Descriptor) -> None:
        self._answer = answer
        self._graph = answer.graph
        self._node, self._link = _tag(message, "nodes"), _tag(message, "links")
        self._sources: list[bytes] = []
        self._targets: list[bytes] = []
        self._spaces: dict[tuple[int, bool], tuple[bytes, bytes]] = {}
        self._jobs: dict[int, bytes] = {}

    def nodes(self, start: int, end: int) -> bytes:
        """Those of the answer's nodes, in their order."""
        answer, graph, sizes, written = self._answer, self._graph, _SIZES, []
        chosen = answer.nodes[start:end]
        columns = (
            chosen.tolist(),
            graph.nodes.name_list(chosen),
            graph.nodes.spaces[chosen].tolist(),
            ((graph.flags[chosen] & np.uint8(Flag.JOB)) != 0).tolist(),
            graph.kinds[chosen].tolist(),
            answer.depths[start:end].tolist(),
        )
        for node, name, space, is_job, kind, depth in zip(*columns, strict=True):
            prefix, namespace = self._space(space, is_job)
            resource = prefix + (name if _is_plain(name) else quote(name, safe="").encode())
            resource = sizes[len(resource)] + resource
            self._sources.append(_SOURCE + resource)
            self._targets.append(_TARGET + resource)
            end_of_node = _node_end(is_job, answer.kinds.get(node, kind), depth)
            body = _NAME + resource + namespace + _DISPLAY + sizes[len(name)] + name + end_of_node
            written.append(self._node + sizes[len(body)] + body)
        return b"".join(written)

    def links(self, start: int, end: int) -> bytes:
        """Those of the answer's links."""
        sources, targets, tag, sizes, written = self._sources, self._targets, self._link, _SIZES, []
        chosen = [column[start:end] for column in self._answer.links.columns]
        self._know_jobs(chosen[2])
        jobs = self._jobs
        for source, target, job, inferred, since, until in zip(*(column.tolist() for column in chosen), strict=True):
            body = sources[source] + targets[target] + jobs[job] + _link_end(inferred, since, until)
            written.append(tag + sizes[len(body)] + body)
        return b"".join(written)

    def _know_jobs(self, jobs: Any) -> None:
        """Takes note of the jobs of links, as links write them."""
        nodes = self._graph.nodes
        new = [job for job in set(jobs.tolist()) if job not in self._jobs]
        for job in new:
            name = nodes.name_bytes(job)
            resource = self._space(int(nodes.spaces[job]), True)[0]
            resource += name if _is_plain(name) else quote(name, safe="").encode()
            is_known = nodes.ids[job] != NO_JOB
            self._jobs[job] = _JOB + _SIZES[len(resource)] + resource if is_known else b""

    def _space(self, space: int, is_job: bool) -> tuple[bytes, bytes]:
        """How resource names in a namespace begin, and the namespace as nodes write it."""
        key = (space, is_job)
        if key not in self._spaces:
            text = self._graph.nodes.namespaces[space]
            begin = str(JobName(text, "") if is_job else DatasetName(text, "")).encode()
            plain = text.encode()
            self._spaces[key] = begin, _NAMESPACE + _SIZES[len(plain)] + plain if plain else b""
        return self._spaces[key]


def _is_plain(name: bytes) -> bool:
    """Whether a name stands in resource names as it is."""
    return not name.translate(None, _PLAIN)


@lru_cache(65_536)
def _node_end(is_job: bool, kind: int, depth: int) -> bytes:
    node_type = graph_messages.NODE_TYPE_JOB if is_job else graph_messages.NODE_TYPE_DATASET
    kind_field = {"job_kind" if is_job else "dataset_kind": kind}
    fields: dict[str, Any] = {"type": node_type, "depth": depth, **kind_field}
    return graph_messages.Node(**fields).SerializeToString()


@lru_cache(65_536)
def _link_end(inferred: bool, since: int, until: int) -> bytes:
    link = graph_messages.Link(inferred=inferred)
    link.start_time.seconds, rest = divmod(since, MICROS)
    link.start_time.nanos = rest * 1000
    if until != FOREVER:
        link.end_time.seconds, rest = divmod(until, MICROS)
        link.end_time.nanos = rest * 1000
    return link.SerializeToString()
