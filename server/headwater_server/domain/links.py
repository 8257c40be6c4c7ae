"""Which links follow from what a run read and wrote, decided for each output of the merged run.

The `lineage` facet holds, where there is one; else column lineage, and inputs that it does not name are still linked,
as inferred; else every input is linked to the output, as inferred. An input that leads nowhere ends in the job
itself, and an output that comes from nowhere starts there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from . import ids
from .facets import (
    ColumnLineageFacet,
    DatasetLineageFacet,
    InputFieldFacet,
    JobLineageFacet,
    LineageEntryFacet,
    LineageFieldFacet,
    LineageInputFacet,
    TransformationFacet,
)
from .model import FieldLink, Link, Transformation

WHOLE = ""
"""The path that stands for a dataset as a whole."""


@dataclass(frozen=True, slots=True)
class StatedOutput:
    """What is stated of how an output came about."""

    column_lineage: ColumnLineageFacet | None = None
    lineage: DatasetLineageFacet | None = None


@dataclass(frozen=True, slots=True)
class Links:
    """The links of one merged run or JobEvent; `sources` are the datasets that they are stated to come from."""

    links: frozenset[Link]
    field_links: frozenset[FieldLink]
    sources: frozenset[int]


def decide_links(
    job: int,
    inputs: Iterable[int],
    outputs: Mapping[int, StatedOutput],
    job_lineage: JobLineageFacet | None = None,
) -> Links:
    """The links between `inputs` and `outputs` of a job, by what is stated of them."""
    read = sorted(set(inputs))
    found = _Found(job)
    explained = found.add_explicit(outputs, job_lineage)
    for output, stated in outputs.items():
        if output not in explained:
            named = found.add_columns(output, stated.column_lineage)
            found.links.update(Link(source, output, inferred=True) for source in read if source not in named)
    found.links.update(_ends(job, read, outputs, found.links))
    return Links(frozenset(found.links), frozenset(found.field_links), frozenset(found.sources))


class _Found:
    """The links of a job found so far."""

    def __init__(self, job: int) -> None:
        self._job = job
        self.links: set[Link] = set()
        self.field_links: set[FieldLink] = set()
        self.sources: set[int] = set()

    def add_explicit(self, outputs: Mapping[int, StatedOutput], job_lineage: JobLineageFacet | None) -> set[int]:
        """Adds the links of lineage facets; the targets that they speak of. A dataset's own holds over the job's."""
        own = {output for output, stated in outputs.items() if stated.lineage}
        for output in own:
            facet = outputs[output].lineage
            assert facet is not None
            self._add_target(output, facet.inputs, facet.fields)
        explained = set(own)
        for entry in (job_lineage and job_lineage.entries) or ():
            target = _target(self._job, entry)
            if target is not None and target not in own:
                self._add_target(target, entry.inputs, entry.fields)
                explained.add(target)
        return explained

    def add_columns(self, output: int, facet: ColumnLineageFacet | None) -> set[int]:
        """Adds the links of column lineage; the sources that it names."""
        found = set(_column_links(output, facet)) if facet else set()
        named = {link.source for link in found}
        self.field_links |= found
        self.sources |= named
        self.links.update(Link(source, output) for source in named)
        return named

    def _add_target(
        self, target: int, inputs: list[LineageInputFacet] | None, fields: Mapping[str, LineageFieldFacet] | None
    ) -> None:
        for item in inputs or ():
            self._add_source(item, target, WHOLE)
        for path, part in (fields or {}).items():
            for item in part.inputs:
                self._add_source(item, target, path)

    def _add_source(self, item: LineageInputFacet, target: int, path: str) -> None:
        named = bool(item.namespace and item.name)
        if item.type == "JOB":
            source = ids.job_id(item.namespace or "", item.name or "") if named else self._job
            self.links.add(Link(source, target))
        elif named:
            source = ids.dataset_id(item.namespace or "", item.name or "")
            self.links.add(Link(source, target))
            self.sources.add(source)
            if item.field or path:
                changes = _transformations(item.transformations)
                self.field_links.add(FieldLink(source, item.field or WHOLE, target, path, changes))


def _target(job: int, entry: LineageEntryFacet) -> int | None:
    named = bool(entry.namespace and entry.name)
    if entry.type == "JOB":
        return ids.job_id(entry.namespace or "", entry.name or "") if named else job
    return ids.dataset_id(entry.namespace or "", entry.name or "") if named else None


def _column_links(output: int, facet: ColumnLineageFacet) -> Iterator[FieldLink]:
    for path, column in (facet.fields or {}).items():
        for item in column.input_fields or ():
            yield _column_link(item, output, path, column.transformation_type)
    for item in facet.dataset or ():
        yield _column_link(item, output, WHOLE, None)


def _column_link(item: InputFieldFacet, output: int, path: str, old_type: str | None) -> FieldLink:
    source = ids.dataset_id(item.namespace, item.name)
    stated = _transformations(item.transformations)
    if not stated and old_type:
        stated = (Transformation("DIRECT", old_type.upper(), masking=old_type.upper() == "MASKED"),)
    return FieldLink(source, item.field, output, path, stated)


def _transformations(stated: list[TransformationFacet] | None) -> tuple[Transformation, ...]:
    return tuple(
        sorted(
            Transformation(item.type.upper(), item.subtype or "", item.description or "", bool(item.masking))
            for item in stated or ()
        )
    )


def _ends(job: int, read: list[int], outputs: Iterable[int], links: set[Link]) -> Iterator[Link]:
    """Links between the job and what would otherwise have no other end."""
    sources = {link.source for link in links}
    targets = {link.target for link in links}
    yield from (Link(source, job) for source in read if source not in sources)
    yield from (Link(job, output) for output in outputs if output not in targets)
