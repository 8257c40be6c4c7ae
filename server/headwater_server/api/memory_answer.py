"""Writes answers that were found in memory, as the bytes of messages: nodes and links in thousands, and each costs.

What a message looks like on the wire is fixed for ever by the numbers of its fields, which are read from the contract
here. The answer is the same as that of `lineage_writer`, which tests hold the two to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import add
from typing import Any, TypeAlias
from urllib.parse import quote
from weakref import WeakKeyDictionary

import numpy as np
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from numpy.typing import NDArray

from headwater.names import DatasetName, JobName
from headwater.v1 import lineage_pb2 as graph_messages
from headwater.v1 import lineage_service_pb2 as messages

from ..domain.lineage import FOREVER, DatasetRoot, JobRoot, Root, Summary
from ..domain.memory_graph import NO_JOB, Flag, MemoryGraph, Nodes
from ..domain.memory_links import Bytes, Ints, LinkColumns, Longs, sorted_once
from ..domain.memory_walk import FoundFields, MemoryAnswer
from ..domain.model import Transformation
from .convert_lineage import to_summary
from .lineage_writer import MICROS, to_transformation

REMEMBERED_TEXTS = 100_000
"""How many texts of a sort are remembered as they are written, some 100 bytes each."""
NODES_AT_ONCE = 1000
LINKS_AT_ONCE = 2000
"""How much one message of a stream holds: little, for others get a turn after each."""
MAX_FRONTIER = 1000
"""How many nodes of a frontier are told."""
Objects: TypeAlias = NDArray[np.object_]
_VARINT, _BYTES = 0, 2
"""How numbers, and what has a length, are written."""


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
    for nodes, links in _ends_of_parts(answer):
        data = writer.nodes(node, nodes) + writer.links(link, links)
        node, link = nodes, links
        yield Written(messages.TraverseLineageResponse, data)
    summary = messages.TraverseLineageResponse(summary=_summary(answer))
    yield Written(messages.TraverseLineageResponse, summary.SerializeToString())


def _ends_of_parts(answer: MemoryAnswer) -> Iterator[tuple[int, int]]:
    """Where messages end among nodes and links: small steps are in one, and large ones in several."""
    node = link = 0
    last = answer.steps[-1]
    for step, following in zip(answer.steps, [*answer.steps[1:], last], strict=True):
        while step.nodes - node > NODES_AT_ONCE or (step.nodes > node and step.links - link > LINKS_AT_ONCE):
            node = min(step.nodes, node + NODES_AT_ONCE)
            yield node, link
        while step.links - link > LINKS_AT_ONCE:
            link += LINKS_AT_ONCE
            yield node, link
        is_small = following.nodes - node <= NODES_AT_ONCE and following.links - link <= LINKS_AT_ONCE
        if (step.nodes, step.links) != (node, link) and not (is_small and step is not last):
            node, link = step.nodes, step.links
            yield node, link


def _summary(answer: MemoryAnswer) -> messages.TraversalSummary:
    frontier = tuple(_root(answer.graph, node) for node in answer.cut[:MAX_FRONTIER].tolist())
    counts = len(answer.nodes), len(answer.links)
    return to_summary(Summary(answer.reasons, frontier, *counts, answer.graph.position))


def _root(graph: MemoryGraph, node: int) -> Root:
    name = graph.nodes.name(node)
    return JobRoot(name) if graph.is_job(node) else DatasetRoot(name)


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


_NODE, _LINK, _TIME = graph_messages.Node.DESCRIPTOR, graph_messages.Link.DESCRIPTOR, Timestamp.DESCRIPTOR
_NAME, _NAMESPACE, _DISPLAY = (_tag(_NODE, field) for field in ("name", "namespace", "display_name"))
_SOURCE, _TARGET, _JOB = (_tag(_LINK, field) for field in ("source", "target", "job"))
_PATHS = (_tag(_NODE, "field"), _tag(_LINK, "source_field"), _tag(_LINK, "target_field"))
_SIZE_BYTES, _GREAT_SIZE_BYTES = 3, 5
"""In how many bytes the size of a node or a link is written, which may be more than it needs."""
_PLAIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~"
"""What `quote` leaves as it is."""
_BREAK = b"\n"
_MAX_NAME = 1 << 32


class _Written(dict[int, bytes]):
    """What is written once for each of some numbers."""

    def __init__(self, write: Callable[[int], bytes]) -> None:
        self._write = write

    def __missing__(self, number: int) -> bytes:
        written = self[number] = self._write(number)
        return written


_LENGTHS = _Written(_varint)


class _Writer:
    """Writes parts of one answer, nodes before the links between them.

    What is written is one join of many small pieces, gathered column by column. The numbers of a message come first and
    have the same width in each, so they are written for all messages at once.
    """

    def __init__(self, answer: MemoryAnswer, message: Descriptor) -> None:
        self._answer = answer
        self._names = _names_of(answer.graph)
        self._node, self._link = _tag(message, "nodes"), _tag(message, "links")
        self._resources = np.empty(len(answer.nodes), object)
        self._sizes: Ints = np.zeros(len(answer.nodes), np.int32)
        self._fields = _FieldTexts(answer.fields) if answer.fields else None

    def nodes(self, start: int, end: int) -> bytes:
        """Those of the answer's nodes, in their order."""
        answer, graph = self._answer, self._answer.graph
        chosen = answer.nodes[start:end]
        resources, sizes = self._names.resources.find(graph, chosen)
        others, other_sizes = self._names.others.find(graph, chosen)
        self._resources[start:end], self._sizes[start:end] = resources, sizes
        is_job = (graph.flags[chosen] & np.uint8(Flag.JOB)) != 0
        kinds = graph.kinds[chosen].astype(np.int64)
        if answer.kinds:
            kinds = np.array([answer.kinds.get(*each) for each in zip(chosen.tolist(), kinds.tolist(), strict=True)])
        plain: Any = _DATASET_NODE
        columns, all_sizes = [resources, others], sizes + other_sizes
        if self._fields:
            is_field, paths, path_sizes = self._fields.nodes(start, end)
            plain = np.where(is_field, _FIELD_NODE, _DATASET_NODE)
            columns, all_sizes = [*columns, paths], all_sizes + path_sizes
        numbers: Numbers = [
            *_number(_tag(_NODE, "type", _VARINT), np.where(is_job, _JOB_NODE, plain), 1),
            *_number(_tag(_NODE, "depth", _VARINT), answer.depths[start:end], 2),
            np.where(is_job, *_KIND_TAGS)[:, None].astype(np.uint8),
            _varints(kinds, 1),
        ]
        return _join(self._node, numbers, _NAME, all_sizes, columns)

    def links(self, start: int, end: int) -> bytes:
        """Those of the answer's links."""
        found = self._answer.links
        source, target, job = (column[start:end] for column in (found.source, found.target, found.job))
        since, until = found.since[start:end], found.until[start:end]
        jobs, job_sizes = self._names.resources.find(self._answer.graph, job)
        columns: list[Any] = [self._resources.take(source), _TARGET, self._resources.take(target), _JOB, jobs]
        sizes = self._sizes.take(source) + self._sizes.take(target) + job_sizes + len(_TARGET) + len(_JOB)
        unknown = self._answer.graph.nodes.ids.take(job) == NO_JOB
        if unknown.any():
            columns[3] = np.where(unknown, *_NO_JOB_TAG)
            jobs[unknown] = b""
            sizes -= np.where(unknown, job_sizes + len(_JOB), 0)
        numbers: Numbers = _time("start_time", since)
        if isinstance(found, LinkColumns):
            numbers = [*_number(_tag(_LINK, "inferred", _VARINT), found.inferred[start:end], 1), *numbers]
        if self._fields:
            texts, text_sizes = self._fields.links(start, end, source, target)
            columns, sizes = [*columns, *texts], sizes + text_sizes
        ended = until != FOREVER
        if not ended.any():
            return _join(self._link, numbers, _SOURCE, sizes, columns)
        written = []
        for chosen, more in ((~ended, []), (ended, _time("end_time", until[ended]))):
            own_numbers, own_columns = (
                [part if isinstance(part, bytes) else part[chosen] for part in parts] for parts in (numbers, columns)
            )
            written.append(_join(self._link, [*own_numbers, *more], _SOURCE, sizes[chosen], own_columns))
        return b"".join(written)


class _FieldTexts:
    """What is written of fields, of nodes and of links."""

    def __init__(self, found: FoundFields) -> None:
        self._found = found
        texts = [_LENGTHS[len(path)] + path if path else b"" for path in found.paths]
        self._paths = [_texts_of([tag + text if text else text for text in texts]) for tag in _PATHS]
        ways = sorted(found.changes)
        self._ways = np.array(ways, np.int64)
        self._written = _texts_of([_write_ways(found.changes[code]) for code in ways])

    def nodes(self, start: int, end: int) -> tuple[Any, Objects, Longs]:
        """Which of some nodes are fields, and their paths."""
        texts, sizes = self._paths[0]
        return sizes[start:end] > 0, texts[start:end], sizes[start:end]

    def links(self, start: int, end: int, source: Ints, target: Ints) -> tuple[list[Objects], Longs]:
        """The paths at the ends of some links, and how the one is made of the other."""
        columns = [(*paths, ends) for paths, ends in zip(self._paths[1:], (source, target), strict=True)]
        columns.append((*self._written, np.searchsorted(self._ways, self._found.change[start:end]).astype(np.int32)))
        sizes: Longs = np.stack([sizes.take(chosen) for _, sizes, chosen in columns]).sum(axis=0)
        return [texts.take(chosen) for texts, _, chosen in columns], sizes


class _Texts:
    """Texts of nodes with their sizes: those that were written lately."""

    def __init__(self, count: int, write: Callable[[MemoryGraph, Ints], list[bytes]]) -> None:
        self._texts = np.empty(count, object)
        self._sizes: Ints = np.zeros(count, np.int32)
        self._write = write
        self._room = REMEMBERED_TEXTS

    def find(self, graph: MemoryGraph, nodes: Ints) -> tuple[Objects, Ints]:
        """The texts of nodes, and their sizes."""
        sizes = self._sizes.take(nodes)
        if not sizes.all():
            missing = sorted_once(nodes[sizes == 0])
            if len(missing) > self._room:
                self._texts[:], self._sizes[:] = None, 0
                self._room, missing = max(REMEMBERED_TEXTS, len(nodes)), sorted_once(nodes)
            self._room -= len(missing)
            written = self._write(graph, missing)
            self._texts[missing], self._sizes[missing] = written, _lengths(written)
            sizes = self._sizes.take(nodes)
        return self._texts.take(nodes), sizes


class _Names:
    """What is written of the names of nodes."""

    def __init__(self, nodes: Nodes) -> None:
        self.resources = _Texts(len(nodes.ids), self._write_resources)
        """Resource names with their lengths before them."""
        self.others = _Texts(len(nodes.ids), self._write_others)
        """What a node has after its resource name: namespace and display name."""
        self._begins = _Written(lambda space: _begin(nodes, space))
        self._starts = _Written(self._start)
        self._middles = _Written(lambda key: _middle(nodes, key))

    def _write_resources(self, graph: MemoryGraph, chosen: Ints) -> list[bytes]:
        quoted = _quote(graph.nodes.name_list(chosen))
        keys = _spaces(graph, chosen) * _MAX_NAME + _lengths(quoted)
        return list(map(add, map(self._starts.__getitem__, keys.tolist()), quoted))

    def _write_others(self, graph: MemoryGraph, chosen: Ints) -> list[bytes]:
        names = graph.nodes.name_list(chosen)
        keys = _spaces(graph, chosen) * _MAX_NAME + _lengths(names)
        return list(map(add, map(self._middles.__getitem__, keys.tolist()), names))

    def _start(self, key: int) -> bytes:
        """What comes before a name of some length in a resource name: that one's length, and the namespace."""
        space, length = divmod(key, _MAX_NAME)
        begin = self._begins[space]
        return _varint(len(begin) + length) + begin


_known_names: WeakKeyDictionary[Nodes, _Names] = WeakKeyDictionary()


def _names_of(graph: MemoryGraph) -> _Names:
    if graph.nodes not in _known_names:
        _known_names[graph.nodes] = _Names(graph.nodes)
    return _known_names[graph.nodes]


def _spaces(graph: MemoryGraph, nodes: Ints) -> Longs:
    """A number for the namespace of each node and whether it is a job."""
    spaces: Longs = graph.nodes.spaces[nodes].astype(np.int64) * 2
    spaces += (graph.flags[nodes] & np.uint8(Flag.JOB)) != 0
    return spaces


def _begin(nodes: Nodes, space: int) -> bytes:
    """How resource names of datasets or jobs in a namespace begin."""
    text = nodes.namespaces[space // 2]
    return str(JobName(text, "") if space % 2 else DatasetName(text, "")).encode()


def _middle(nodes: Nodes, key: int) -> bytes:
    """What comes between the resource name of a node and its display name of some length."""
    space, length = divmod(key, _MAX_NAME)
    plain = nodes.namespaces[space // 2].encode()
    return (_NAMESPACE + _varint(len(plain)) + plain if plain else b"") + _DISPLAY + _varint(length)


_KIND_TAGS = [np.uint8(_tag(_NODE, field, _VARINT)[0]) for field in ("job_kind", "dataset_kind")]
_DATASET_NODE, _JOB_NODE = int(graph_messages.NODE_TYPE_DATASET), int(graph_messages.NODE_TYPE_JOB)
_FIELD_NODE = int(graph_messages.NODE_TYPE_FIELD)
_NO_JOB_TAG = np.array([b"", _JOB], object)
Numbers: TypeAlias = Sequence[bytes | Bytes]
"""Parts of messages: the same in each, or a row for each."""


def _quote(names: list[bytes]) -> list[bytes]:
    """Names as resource names have them."""
    joined = _BREAK.join(names)
    odd = set(joined.translate(None, _PLAIN + _BREAK))
    if joined.count(_BREAK) >= max(1, len(names)):
        return [quote(name, safe="").encode() for name in names]
    if not odd:
        return names
    for byte in sorted(odd, key=lambda byte: byte != ord("%")):
        joined = joined.replace(bytes((byte,)), b"%%%02X" % byte)
    return joined.split(_BREAK)


def _texts_of(written: list[bytes]) -> tuple[Objects, Longs]:
    """Texts, and their sizes."""
    texts = np.empty(len(written), object)
    texts[:] = written
    return texts, _lengths(written)


def _write_ways(ways: Iterable[Transformation]) -> bytes:
    """How a field is made of another, as links have it."""
    message = graph_messages.Link(transformations=[to_transformation(how) for how in ways])
    return message.SerializeToString()


def _lengths(texts: Sequence[bytes] | Objects) -> Longs:
    return np.fromiter(map(len, texts), np.int64, len(texts))


def _number(tag: bytes, values: NDArray[Any], width: int) -> tuple[bytes, Bytes]:
    """A field with a number in so many bytes."""
    return tag, _varints(values, width)


def _time(field: str, micros: Longs) -> Numbers:
    """A field with a time."""
    seconds, rest = np.divmod(micros, MICROS)
    width = 6 if len(seconds) == 0 or 0 <= seconds.min() <= seconds.max() < 1 << 42 else 10
    second, nano = (_tag(_TIME, name, _VARINT) for name in ("seconds", "nanos"))
    size = len(second) + width + len(nano) + 5
    return [_tag(_LINK, field) + _varint(size) + second, _varints(seconds, width), nano, _varints(rest * 1000, 5)]


def _varints(values: NDArray[Any], width: int) -> Bytes:
    """Numbers as a row of so many bytes each: those that they do not need say that more follow, and add nothing."""
    shifts = np.arange(0, 7 * width, 7, dtype=np.uint64)
    rows: Bytes = ((values.astype(np.int64).view(np.uint64)[:, None] >> shifts) & np.uint64(127)).astype(np.uint8)
    rows[:, :-1] |= np.uint8(128)
    return rows


def _join(tag: bytes, numbers: Numbers, last: bytes, sizes: NDArray[Any], columns: Sequence[Any]) -> bytes:
    """Repeated messages of numbers, and of texts of these sizes together; `last` comes before the first text."""
    count = len(sizes)
    own = len(last) + sum(len(part) if isinstance(part, bytes) else part.shape[1] for part in numbers)
    is_great = count and int(sizes.max()) + own >= 1 << 7 * _SIZE_BYTES
    every = [tag, _varints(sizes + own, _GREAT_SIZE_BYTES if is_great else _SIZE_BYTES), *numbers, last]
    rows = np.concatenate(
        [np.broadcast_to(np.frombuffer(x, np.uint8), (count, len(x))) if isinstance(x, bytes) else x for x in every], 1
    )
    pieces = np.empty((count, 1 + len(columns)), object)
    pieces[:, 0] = rows.view(f"V{rows.shape[1]}")[:, 0].tolist()
    for place, column in enumerate(columns):
        pieces[:, place + 1] = column
    return b"".join(pieces.ravel().tolist())
