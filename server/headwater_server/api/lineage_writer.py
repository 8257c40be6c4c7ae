"""Writes nodes and links: thousands in one answer, so it is done in place and names are remembered."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from google.protobuf.internal.containers import RepeatedCompositeFieldContainer
from google.protobuf.timestamp_pb2 import Timestamp

from headwater.names import DatasetName, JobName
from headwater.v1 import catalog_pb2 as assets
from headwater.v1 import lineage_pb2 as graph

from ..domain.lineage import FOREVER, Node, NodeLink, NodeType, Part
from ..domain.model import AssetName, Transformation
from .convert import run_name, version_name, write_name

MICROS = 1_000_000
REMEMBERED_NAMES = 50_000
"""How many resource names are remembered: a name is in many answers, and several times in each."""
_TYPES = {"DIRECT": graph.TRANSFORMATION_TYPE_DIRECT, "INDIRECT": graph.TRANSFORMATION_TYPE_INDIRECT}


class AnswerWriter:
    """Writes the parts of one answer; links speak of nodes by their place in all of it.

    It writes in place: to make messages first and then copy them takes twice as long.
    """

    def __init__(self) -> None:
        self._names: list[str] = []
        self._fields: list[str] = []

    def know(self, nodes: Iterable[Node]) -> None:
        """Takes note of nodes that come after those known."""
        for node in nodes:
            self._names.append(_node_name(node))
            self._fields.append(node.field)

    def write_nodes(self, nodes: Iterable[Node], message: RepeatedCompositeFieldContainer[graph.Node]) -> None:
        """Adds nodes that are known."""
        for node in nodes:
            written = message.add(
                name=_node_name(node),
                namespace="" if node.type is NodeType.RUN else node.asset.namespace,
                display_name=node.asset.name,
                field=node.field,
                type=graph.NodeType.ValueType(node.type),
                depth=node.depth,
            )
            if node.dataset_kind:
                written.dataset_kind = assets.DatasetKind.ValueType(node.dataset_kind)
            if node.job_kind:
                written.job_kind = assets.JobKind.ValueType(node.job_kind)
            if node.time:
                written.time.FromDatetime(node.time)
                written.run_state = assets.RunState.ValueType(node.state or 0)
                written.version = version_name(node.asset, node.version)
                written.version_label = node.label

    def write_links(
        self, part: Part, links: Iterable[NodeLink], message: RepeatedCompositeFieldContainer[graph.Link]
    ) -> None:
        """Adds links of a part between nodes that are known."""
        names, fields = self._names, self._fields
        transformations: dict[tuple[int, ...], list[graph.Transformation]] = {}
        for link in links:
            written = message.add(source=names[link.source], target=names[link.target], inferred=link.inferred)
            if link.job:
                written.job = job_name(part.jobs[link.job])
            written.start_time.CopyFrom(_timestamp(link.since))
            if link.until != FOREVER:
                written.end_time.CopyFrom(_timestamp(link.until))
            if link.transformations:
                changes = transformations.get(link.transformations)
                if changes is None:
                    changes = [to_transformation(how) for how in part.transformations(link)]
                    transformations[link.transformations] = changes
                written.transformations.extend(changes)
            if fields[link.source] or fields[link.target]:
                written.source_field, written.target_field = fields[link.source], fields[link.target]


def _node_name(node: Node) -> str:
    if node.type is NodeType.JOB:
        return job_name(node.asset)
    if node.type is NodeType.RUN:
        return run_name(node.run)
    return write_name(node.asset, node.run) if node.type is NodeType.WRITE else dataset_name(node.asset)


@lru_cache(REMEMBERED_NAMES)
def dataset_name(asset: AssetName) -> str:
    """The resource name of a dataset."""
    return str(DatasetName(*asset))


@lru_cache(REMEMBERED_NAMES)
def job_name(asset: AssetName) -> str:
    """The resource name of a job."""
    return str(JobName(*asset))


@lru_cache(REMEMBERED_NAMES)
def _timestamp(micros: int) -> Timestamp:
    seconds, rest = divmod(micros, MICROS)
    return Timestamp(seconds=seconds, nanos=rest * 1000)


def to_transformation(how: Transformation) -> graph.Transformation:
    """How a field is made of another, as the contract has it."""
    kind = _TYPES.get(how.type, graph.TRANSFORMATION_TYPE_UNSPECIFIED)
    return graph.Transformation(type=kind, subtype=how.subtype, description=how.description, masking=how.masking)
