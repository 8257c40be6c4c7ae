"""The names that the facets of a statement speak of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .facets import InputFieldFacet, LineageFieldFacet, LineageInputFacet
from .model import AssetName
from .statement import StatedDataset, StatedJob


def mentioned_datasets(job: StatedJob | None, datasets: Iterable[StatedDataset]) -> Iterator[AssetName]:
    """The datasets that symlinks, renames and lineage facets name."""
    for dataset in datasets:
        yield from dataset.symlinks
        if dataset.previous:
            yield dataset.previous
        yield from (AssetName(field.namespace, field.name) for field in _column_inputs(dataset))
    for item in _lineage_inputs(job, datasets):
        if item.type == "DATASET" and item.namespace and item.name:
            yield AssetName(item.namespace, item.name)
    for entry in (job and job.lineage and job.lineage.entries) or ():
        if entry.type == "DATASET" and entry.namespace and entry.name:
            yield AssetName(entry.namespace, entry.name)


def mentioned_jobs(job: StatedJob | None, datasets: Iterable[StatedDataset]) -> Iterator[AssetName]:
    """The other jobs that lineage facets name."""
    for item in _lineage_inputs(job, datasets):
        if item.type == "JOB" and item.namespace and item.name:
            yield AssetName(item.namespace, item.name)
    for entry in (job and job.lineage and job.lineage.entries) or ():
        if entry.type == "JOB" and entry.namespace and entry.name:
            yield AssetName(entry.namespace, entry.name)


def mentioned_paths(job: StatedJob | None, datasets: Iterable[StatedDataset]) -> Iterator[str]:
    """The fields that lineage facets name."""
    for dataset in datasets:
        if dataset.column_lineage:
            yield from dataset.column_lineage.fields or ()
        yield from (field.field for field in _column_inputs(dataset))
        if dataset.lineage:
            yield from dataset.lineage.fields or ()
    for entry in (job and job.lineage and job.lineage.entries) or ():
        yield from entry.fields or ()
    for item in _lineage_inputs(job, datasets):
        if item.field:
            yield item.field


def _column_inputs(dataset: StatedDataset) -> Iterator[InputFieldFacet]:
    if facet := dataset.column_lineage:
        for column in (facet.fields or {}).values():
            yield from column.input_fields or ()
        yield from facet.dataset or ()


def _lineage_inputs(job: StatedJob | None, datasets: Iterable[StatedDataset]) -> Iterator[LineageInputFacet]:
    for dataset in datasets:
        if dataset.lineage:
            yield from _all_inputs(dataset.lineage.inputs, dataset.lineage.fields)
    for entry in (job and job.lineage and job.lineage.entries) or ():
        yield from _all_inputs(entry.inputs, entry.fields)


def _all_inputs(
    inputs: list[LineageInputFacet] | None, fields: dict[str, LineageFieldFacet] | None
) -> Iterator[LineageInputFacet]:
    yield from inputs or ()
    for field in (fields or {}).values():
        yield from field.inputs
