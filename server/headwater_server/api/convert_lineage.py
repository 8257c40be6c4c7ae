"""Between the requests and answers of LineageService and what its use cases take and give."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime
from enum import IntEnum
from typing import TypeVar

from headwater.names import DatasetName, DatasetVersionName, JobName, RunName, WriteName
from headwater.v1 import lineage_service_pb2 as messages

from ..domain import ids
from ..domain.errors import InvalidField
from ..domain.lineage import (
    Answer,
    Comparison,
    DatasetRoot,
    Direction,
    JobRoot,
    Level,
    Part,
    Root,
    RunRoot,
    Summary,
    Traversal,
    VersionChange,
    VersionRoot,
    WriteRoot,
)
from ..domain.model import AssetName, DatasetKind
from ..domain.schema_diff import FieldChange
from ..usecases.lineage_compare import SchemaComparison
from ..usecases.lineage_links import LinkPage, LinkSearch
from .convert import (
    read_name,
    read_time,
    run_name,
    to_dataset_version,
    to_field,
    version_name,
    write_name,
)
from .convert_catalog import read_enums
from .lineage_writer import AnswerWriter, dataset_name, job_name

NODES_AT_ONCE = 1000
LINKS_AT_ONCE = 5000
"""How much one message of a stream holds, so that none is larger than clients take."""
ROOTS = (DatasetName, JobName, RunName, DatasetVersionName, WriteName)

E = TypeVar("E", bound=IntEnum)
T = TypeVar("T")


def write_parts(writer: AnswerWriter, part: Part | Summary) -> Iterator[messages.TraverseLineageResponse]:
    """A part of a walk as messages of a bounded size, nodes before links."""
    if isinstance(part, Summary):
        yield messages.TraverseLineageResponse(summary=to_summary(part))
        return
    writer.know(part.nodes)
    for nodes in _batches(part.nodes, NODES_AT_ONCE):
        writer.write_nodes(nodes, (message := messages.TraverseLineageResponse()).nodes)
        yield message
    for links in _batches(part.links, LINKS_AT_ONCE):
        writer.write_links(part, links, (message := messages.TraverseLineageResponse()).links)
        yield message


def to_answer(answer: Answer) -> messages.GetLineageResponse:
    """A whole walk."""
    message = messages.GetLineageResponse(summary=to_summary(answer.summary))
    writer = AnswerWriter()
    writer.know(answer.part.nodes)
    writer.write_nodes(answer.part.nodes, message.nodes)
    writer.write_links(answer.part, answer.part.links, message.links)
    return message


def to_link_page(page: LinkPage) -> messages.SearchLinksResponse:
    """A page of links."""
    message = messages.SearchLinksResponse(next_page_token=page.next_token)
    writer = AnswerWriter()
    writer.know(page.part.nodes)
    writer.write_links(page.part, page.part.links, message.links)
    return message


def to_summary(summary: Summary) -> messages.TraversalSummary:
    """How a walk ended."""
    return messages.TraversalSummary(
        truncated=bool(summary.reasons),
        reasons=map(messages.TruncationReason.ValueType, summary.reasons),
        frontier=map(_root_name, summary.frontier),
        node_count=summary.node_count,
        link_count=summary.link_count,
        position=summary.position,
    )


def read_traversal(request: messages.Traversal, field: str = "traversal") -> Traversal:
    """The walk that a request asks for. Raises InvalidField."""
    return Traversal(
        roots=tuple(_read_root(f"{field}.roots[{place}]", text) for place, text in enumerate(request.roots)),
        level=_read_enum(f"{field}.level", request.level, Level),
        direction=_read_enum(f"{field}.direction", request.direction, Direction) or Direction.UPSTREAM,
        field=request.field,
        max_depth=request.max_depth,
        max_nodes=request.max_nodes,
        as_of=read_time(f"{field}.as_of", request.as_of) if request.HasField("as_of") else None,
        dataset_kinds=read_enums(f"{field}.dataset_kinds", filter(None, request.dataset_kinds), DatasetKind),
        exclude_inferred=request.exclude_inferred,
        exclude_indirect=request.exclude_indirect,
        min_position=request.min_position,
    )


def read_search(request: messages.SearchLinksRequest) -> LinkSearch:
    """Which links a request asks for. Raises InvalidField."""
    criteria = request.WhichOneof("criteria")
    if criteria is None:
        raise InvalidField("criteria", "is empty", "set source or target")
    name = read_name(criteria, getattr(request, criteria), DatasetName, JobName)
    return LinkSearch(
        asset=JobRoot(_asset(name)) if isinstance(name, JobName) else DatasetRoot(_asset(name)),
        upstream=criteria == "target",
        as_of=read_time("as_of", request.as_of) if request.HasField("as_of") else None,
        history=request.show_history,
        fields=request.field_links,
    )


def read_times(request: messages.CompareLineageRequest) -> tuple[Traversal, tuple[datetime, datetime | None]]:
    """The walk and the two times that a request compares. Raises InvalidField."""
    if not request.HasField("times"):
        raise InvalidField("subject", "is empty", "set times or runs")
    times = request.times
    if not times.HasField("base_time"):
        raise InvalidField("times.base_time", "is empty", "send the time to compare from")
    base = read_time("times.base_time", times.base_time)
    target = read_time("times.target_time", times.target_time) if times.HasField("target_time") else None
    return read_traversal(times.traversal, "times.traversal"), (base, target)


def read_run(field: str, text: str) -> uuid.UUID:
    """The run in a field of a request. Raises InvalidField."""
    return ids.run_uuid(read_name(field, text, RunName).run)


def to_comparison(found: Comparison) -> messages.CompareLineageResponse:
    """What differs between two walks or runs."""
    message = messages.CompareLineageResponse(
        version_changes=map(_to_version_change, found.version_changes),
        job_version_changed=found.is_job_version_changed,
        truncated=found.is_truncated,
    )
    for part, places, nodes, links in (
        (found.target, found.added_nodes, message.added_nodes, message.added_links),
        (found.base, found.removed_nodes, message.removed_nodes, message.removed_links),
    ):
        writer = AnswerWriter()
        writer.know(part.nodes)
        writer.write_nodes((part.nodes[place] for place in places), nodes)
        writer.write_links(part, part.links, links)
    return message


def to_schema_comparison(found: SchemaComparison) -> messages.CompareDatasetVersionsResponse:
    """How two versions of datasets differ."""
    return messages.CompareDatasetVersionsResponse(
        base=to_dataset_version(found.base),
        target=to_dataset_version(found.target),
        changes=map(_to_field_change, found.changes),
    )


def _to_field_change(change: FieldChange) -> messages.FieldChange:
    return messages.FieldChange(
        path=change.path,
        type=messages.ChangeType.ValueType(change.type),
        base=to_field(change.base) if change.base else None,
        target=to_field(change.target) if change.target else None,
    )


def _to_version_change(change: VersionChange) -> messages.VersionChange:
    return messages.VersionChange(
        dataset=dataset_name(change.dataset),
        is_input=change.is_input,
        base_version=version_name(change.dataset, change.base),
        target_version=version_name(change.dataset, change.target),
    )


def _root_name(root: Root) -> str:
    match root:
        case DatasetRoot(name):
            return dataset_name(name)
        case JobRoot(name):
            return job_name(name)
        case RunRoot(run):
            return run_name(run)
        case WriteRoot(dataset, run):
            return write_name(dataset, run)
        case VersionRoot(dataset, version):
            return str(DatasetVersionName(*dataset, version))


def _read_root(field: str, text: str) -> Root:
    name = read_name(field, text, *ROOTS)
    match name:
        case JobName(namespace, job):
            return JobRoot(AssetName(namespace, job))
        case RunName(run):
            return RunRoot(ids.run_uuid(run))
        case DatasetVersionName(namespace, dataset, version):
            return VersionRoot(AssetName(namespace, dataset), version)
        case WriteName(namespace, dataset, run):
            return WriteRoot(AssetName(namespace, dataset), ids.run_uuid(run))
    assert isinstance(name, DatasetName)
    return DatasetRoot(_asset(name))


def _asset(name: DatasetName | JobName) -> AssetName:
    return AssetName(name.namespace, name.dataset if isinstance(name, DatasetName) else name.job)


def _read_enum(field: str, number: int, kind: type[E]) -> E | None:
    """The value of a field; None where it is not set. Raises InvalidField."""
    found = read_enums(field, filter(None, [number]), kind)
    return next(iter(found), None)


def _batches(items: list[T], size: int) -> Iterator[list[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
