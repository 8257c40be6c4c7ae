"""Writes answers that were found in memory, as the bytes of messages: nodes and links in thousands, and each costs.

What a message looks like on the wire is fixed for ever by the numbers of its fields, which are read from the contract
here. The answer is the same as that of `lineage_writer`, which tests hold the two to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, repeat
from typing import Any
from urllib.parse import quote

import numpy as np
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from headwater.names import DatasetName, JobName
from headwater.v1 import lineage_pb2 as graph_messages
from headwater.v1 import lineage_service_pb2 as messages

from ..domain.lineage import FOREVER, DatasetRoot, JobRoot, Root, Summary
from ..domain.memory_graph import NO_JOB, Flag, Ints, MemoryGraph
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


class _DisplaySizes(dict[int, bytes]):
    """What comes before display names of so many bytes."""

    def __missing__(self, number: int) -> bytes:
        size = self[number] = _DISPLAY + _SIZES[number]
        return size


_SIZES = _Sizes()
_DISPLAY_SIZES = _DisplaySizes()
_NODE = graph_messages.Node.DESCRIPTOR
_LINK = graph_messages.Link.DESCRIPTOR
_NAME, _NAMESPACE, _DISPLAY = (_tag(_NODE, field) for field in ("name", "namespace", "display_name"))
_SOURCE, _TARGET, _JOB = (_tag(_LINK, field) for field in ("source", "target", "job"))
_PLAIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~"
"""What `quote` leaves as it is."""


class _Writer:
    """Writes parts of one answer, nodes before the links between them.

    What is written is one join of many small pieces, which are gathered column by column.
    """

    def __init__(self, answer: MemoryAnswer, message: Descriptor) -> None:
        self._answer = answer
        self._graph = answer.graph
        self._node, self._link = _tag(message, "nodes"), _tag(message, "links")
        self._resources: list[bytes] = []
        self._spaces: dict[int, tuple[bytes, bytes]] = {}

    def nodes(self, start: int, end: int) -> bytes:
        """Those of the answer's nodes, in their order."""
        answer, graph = self._answer, self._graph
        chosen = answer.nodes[start:end]
        is_job = ((graph.flags[chosen] & np.uint8(Flag.JOB)) != 0).tolist()
        kinds = graph.kinds[chosen].tolist()
        if answer.kinds:
            kinds = [answer.kinds.get(node, kind) for node, kind in zip(chosen.tolist(), kinds, strict=True)]
        names, spaces, resources = self._names(chosen)
        self._resources += resources
        columns: list[Iterable[bytes]] = [
            resources,
            [namespace for _, namespace in spaces],
            map(_DISPLAY_SIZES.__getitem__, map(len, names)),
            names,
            map(_node_end, is_job, kinds, answer.depths[start:end].tolist()),
        ]
        return _join(self._node, _NAME, columns)

    def links(self, start: int, end: int) -> bytes:
        """Those of the answer's links."""
        source, target, job, *rest = (column[start:end] for column in self._answer.links.columns)
        found, places = np.unique(job, return_inverse=True)
        jobs: Ints = found.astype(np.int32)
        is_known = (self._graph.nodes.ids[jobs] != NO_JOB).tolist()
        written = [_JOB + name if known else b"" for name, known in zip(self._names(jobs)[2], is_known, strict=True)]
        get = self._resources.__getitem__
        columns: list[Iterable[bytes]] = [
            map(get, source.tolist()),
            repeat(_TARGET, len(source)),
            map(get, target.tolist()),
            map(written.__getitem__, places.tolist()),
            map(_link_end, *(column.tolist() for column in rest)),
        ]
        return _join(self._link, _SOURCE, columns)

    def _names(self, nodes: Ints) -> tuple[list[bytes], list[tuple[bytes, bytes]], list[bytes]]:
        """Of nodes the names, what `_space` says, and the resource names with their lengths before them."""
        graph = self._graph
        names = quoted = graph.nodes.name_list(nodes)
        if b"".join(names).translate(None, _PLAIN):
            quoted = [quote(name, safe="").encode() for name in names]
        kinds_of_names = graph.nodes.spaces[nodes] * 2 + (graph.flags[nodes] & np.uint8(Flag.JOB) != 0)
        spaces = [self._space(kind) for kind in kinds_of_names.tolist()]
        sizes = _SIZES
        resources = [
            sizes[len(begin) + len(name)] + begin + name for (begin, _), name in zip(spaces, quoted, strict=True)
        ]
        return names, spaces, resources

    def _space(self, kind: int) -> tuple[bytes, bytes]:
        """How resource names of datasets or jobs in a namespace begin, and the namespace as nodes write it."""
        if kind not in self._spaces:
            text = self._graph.nodes.namespaces[kind // 2]
            begin = str(JobName(text, "") if kind % 2 else DatasetName(text, "")).encode()
            plain = text.encode()
            self._spaces[kind] = begin, _NAMESPACE + _SIZES[len(plain)] + plain if plain else b""
        return self._spaces[kind]


def _join(tag: bytes, first: bytes, columns: Sequence[Iterable[bytes]]) -> bytes:
    """Repeated messages of the same pieces: by columns; what comes before the first piece of each is given."""
    gathered = [list(column) for column in columns]
    sizes = np.array([list(map(len, column)) for column in gathered], np.int64).sum(axis=0)
    heads = [tag + _SIZES[size] + first for size in (sizes + len(first)).tolist()]
    return b"".join(chain.from_iterable(zip(heads, *gathered, strict=True)))


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
