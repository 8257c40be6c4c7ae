"""What follows from a merged run: what it read and wrote, in which versions, and the links between them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import msgspec

from . import ids
from .asset_parser import content_of
from .facets import ColumnLineageFacet, DatasetLineageFacet, FacetMap, JobLineageFacet
from .links import StatedOutput, decide_links
from .model import FieldLink, Link
from .statement import CODE_FACETS, Content, Role, Schema, StatedDataset, StatedLabel, Statement

Said = tuple[int, tuple[StatedLabel, ...]]
"""What an event said of its run: the statement's id, and the versions that it named."""


@dataclass(frozen=True, slots=True)
class IoSet:
    """What a job's run read and wrote, and the links that follow; many runs of the job share it."""

    id: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    links: frozenset[Link]
    field_links: frozenset[FieldLink]


@dataclass(frozen=True, slots=True)
class DatasetState:
    """The state that a run leaves a dataset in, as far as it says: a schema, a label, or both."""

    dataset: int
    version: int
    schema: Schema | None
    label: str | None


@dataclass(frozen=True, slots=True)
class VersionSet:
    """The states that a run left its outputs in, and the labels of the versions that it says it read."""

    id: int
    states: tuple[DatasetState, ...]
    input_labels: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class JobState:
    """A version of a job: its code, inputs and outputs."""

    version: int
    code: Content | None


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What follows from a run; each is None where the run says nothing of it."""

    io: IoSet | None
    versions: VersionSet | None
    job_state: JobState | None


@dataclass(slots=True)
class _Output:
    schema: Schema | None = None
    label: str | None = None
    column_lineage: ColumnLineageFacet | None = None
    lineage: DatasetLineageFacet | None = None


class _Merged:
    """What contributions say together, later ones over earlier ones."""

    def __init__(self) -> None:
        self.inputs: dict[int, str | None] = {}
        self.outputs: dict[int, _Output] = {}
        self.job_lineage: JobLineageFacet | None = None
        self.code: dict[str, msgspec.Raw] = {}

    def add(self, statement: Statement, labels: Iterable[StatedLabel], *, with_declared: bool) -> None:
        taken = [dataset for dataset in statement.datasets if with_declared or not dataset.is_declared]
        self._add_datasets(taken)
        named = {(dataset.role, dataset.id) for dataset in taken}
        for label in labels:
            if label.role == Role.INPUT and (label.role, label.dataset) in named:
                self.inputs[label.dataset] = label.label
            elif label.role == Role.OUTPUT and (label.role, label.dataset) in named:
                self.outputs[label.dataset].label = label.label
        self._add_job(statement)

    def _add_datasets(self, datasets: Iterable[StatedDataset]) -> None:
        for dataset in datasets:
            if dataset.role is Role.INPUT:
                self.inputs.setdefault(dataset.id, None)
                continue
            if dataset.role is not Role.OUTPUT:
                continue
            output = self.outputs.setdefault(dataset.id, _Output())
            if "schema" in dataset.facets:
                output.schema = dataset.schema
            if "columnLineage" in dataset.facets:
                output.column_lineage = dataset.column_lineage
            if "lineage" in dataset.facets:
                output.lineage = dataset.lineage

    def _add_job(self, statement: Statement) -> None:
        job = statement.job
        if job is None:
            return
        if "lineage" in job.facets:
            self.job_lineage = job.lineage
        if job.facets.intersection(CODE_FACETS):
            facets = msgspec.json.decode(job.content.json, type=FacetMap)
            for name in job.facets.intersection(CODE_FACETS):
                self.code.pop(name, None)
                if name in job.code:
                    self.code[name] = facets[name]


def derive_facts(
    job: int, said: Collection[Said], statements: Mapping[int, Statement], *, is_muted: bool = False
) -> RunFacts:
    """What follows from what events said of a run of a job, in the order of their keys.

    Declared inputs and outputs count only where the run is not muted and its own events report none.
    """
    told = [statements[statement] for statement, _ in said]
    with_declared = not is_muted and not any(statement.reports_io for statement in told)
    merged = _Merged()
    for statement, (_, labels) in zip(told, said, strict=True):
        merged.add(statement, labels, with_declared=with_declared)
    io = _io_set(job, merged)
    return RunFacts(io, _version_set(merged), _job_state(job, merged, io))


def _io_set(job: int, merged: _Merged) -> IoSet | None:
    if not merged.inputs and not merged.outputs and merged.job_lineage is None:
        return None
    stated = {output: StatedOutput(o.column_lineage, o.lineage) for output, o in sorted(merged.outputs.items())}
    found = decide_links(job, merged.inputs, stated, merged.job_lineage)
    if not found.links:
        return None
    inputs, outputs = tuple(sorted(found.sources | merged.inputs.keys())), tuple(sorted(merged.outputs))
    parts = (job, inputs, outputs, sorted(found.links), sorted(found.field_links))
    return IoSet(ids.hash64(b"io", msgspec.msgpack.encode(parts)), inputs, outputs, found.links, found.field_links)


def _version_set(merged: _Merged) -> VersionSet | None:
    states = tuple(
        DatasetState(dataset, ids.version_id(dataset, o.schema.id if o.schema else None, o.label), o.schema, o.label)
        for dataset, o in sorted(merged.outputs.items())
        if o.schema is not None or o.label is not None
    )
    labels = tuple(sorted((dataset, label) for dataset, label in merged.inputs.items() if label is not None))
    if not states and not labels:
        return None
    parts = ([(state.dataset, state.version) for state in states], labels)
    return VersionSet(ids.hash64(b"versions", msgspec.msgpack.encode(parts)), states, labels)


def _job_state(job: int, merged: _Merged, io: IoSet | None) -> JobState | None:
    if io is None and not merged.code:
        return None
    code = content_of(merged.code) if merged.code else None
    parts = (job, code.id if code else None, io.inputs if io else (), io.outputs if io else ())
    return JobState(ids.hash64(b"job-version", msgspec.msgpack.encode(parts)), code)
