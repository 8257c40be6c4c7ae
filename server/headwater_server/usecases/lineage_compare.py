"""Compares lineage: at two times, of two runs; and the schemas of two versions of datasets."""

from __future__ import annotations

import uuid
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from headwater.names import DatasetVersionName, RunName

from ..domain import ids
from ..domain.catalog import DatasetVersion, Run, RunDataset
from ..domain.catalog_ports import CatalogStore
from ..domain.errors import InvalidField, NotFound
from ..domain.lineage import Comparison, NodeLink, Part, Traversal, VersionChange
from ..domain.lineage_ports import GraphReader, LineageStore
from ..domain.model import AssetName
from ..domain.schema_diff import FieldChange, compare_fields
from ..domain.walk import Step
from .catalog_datasets import find_version
from .lineage import WALKING_SHARE, answer
from .lineage_book import Book
from .lineage_datasets import show_assets
from .lineage_roots import MAX_NODES, check_traversal
from .lineage_walk import Deadline


@dataclass(frozen=True, slots=True)
class SchemaComparison:
    """Two versions of datasets, and how their fields differ."""

    base: DatasetVersion
    target: DatasetVersion
    changes: list[FieldChange]


async def compare_versions(
    store: CatalogStore, base: DatasetVersionName, target: DatasetVersionName, seconds: float
) -> SchemaComparison:
    """How two versions of datasets differ. Raises NotFound."""
    async with store.reading(seconds) as reader:
        before, after = await find_version(reader, base), await find_version(reader, target)
    return SchemaComparison(before, after, compare_fields(before.fields, after.fields))


async def compare_times(
    store: LineageStore,
    asked: Traversal,
    times: tuple[datetime, datetime | None],
    seconds: float,
    *,
    max_nodes: int = MAX_NODES,
) -> Comparison:
    """How a walk of at most so many nodes differs between two times; the second is now where it is None.

    Raises InvalidField, NotFound or TooLarge.
    """
    if asked.as_of is not None:
        raise InvalidField("times.traversal.as_of", "is set", "set base_time and target_time instead")
    asked, deadline = check_traversal(asked, max_nodes), Deadline(seconds * WALKING_SHARE)
    async with store.snapshot(seconds, asked.min_position) as snapshot:
        base = await answer(snapshot, replace(asked, as_of=times[0]), deadline)
        target = await answer(snapshot, replace(asked, as_of=times[1]), deadline)
    is_truncated = bool(base.summary.reasons or target.summary.reasons)
    found = _compare(base.part, target.part)
    return replace(found, is_truncated=is_truncated)


async def compare_runs(store: LineageStore, base: uuid.UUID, target: uuid.UUID, seconds: float) -> Comparison:
    """How two runs differ in what they read and wrote. Raises NotFound."""
    async with store.snapshot(seconds) as snapshot:
        reader = snapshot.at(None)
        book = Book(reader)
        runs = [await _get_run(reader, run) for run in (base, target)]
        parts = [await _run_part(reader, book, run) for run in runs]
    before, after = runs
    changes = [*_changes(before.inputs, after.inputs, is_input=True)]
    changes += _changes(before.outputs, after.outputs, is_input=False)
    is_changed = (before.job, before.job_version) != (after.job, after.job_version)
    return replace(_compare(*parts), version_changes=tuple(changes), is_job_version_changed=is_changed)


async def _get_run(reader: GraphReader, run: uuid.UUID) -> Run:
    found = await reader.run(run)
    if found is None:
        raise NotFound(str(RunName(str(run))))
    return found


async def _run_part(reader: GraphReader, book: Book, run: Run) -> Part:
    """What a run read and wrote as nodes, and its links between them."""
    records = await reader.run_links(run.run)
    datasets = [ids.dataset_id(*use.dataset) for use in (*run.inputs, *run.outputs)]
    await book.load([*datasets, *(end for link in records for end in link[:2])], [link.job for link in records])
    keys = [book[dataset].id for dataset in datasets]
    keys += [book[end].id for link in records for end in link[:2]]
    places = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    nodes = await show_assets(book, Step([(key, 1) for key in places], []))
    found = {
        (source, target, link.job): NodeLink(source, target, link.job, link.inferred, link.since, link.until)
        for link in sorted(records, key=lambda link: not link.inferred)
        for source, target in [(places[book[link.near].id], places[book[link.far].id])]
    }
    links = list(found.values())
    return Part(nodes, links, book.job_names(links))


def _compare(base: Part, target: Part) -> Comparison:
    before, after = _identities(base), _identities(target)
    before_links, after_links = _links(base, before), _links(target, after)
    return Comparison(
        target=replace(target, links=[link for key, link in after_links.items() if key not in before_links]),
        base=replace(base, links=[link for key, link in before_links.items() if key not in after_links]),
        added_nodes=_only(after, before),
        removed_nodes=_only(before, after),
    )


def _identities(part: Part) -> list[Hashable]:
    return [(node.type, node.asset, node.field, node.run) for node in part.nodes]


def _links(part: Part, identities: list[Hashable]) -> Mapping[Hashable, NodeLink]:
    return {(identities[link.source], identities[link.target], link.job): link for link in part.links}


def _only(these: list[Hashable], others: list[Hashable]) -> list[int]:
    known = set(others)
    return [place for place, identity in enumerate(these) if identity not in known]


def _changes(base: Iterable[RunDataset], target: Iterable[RunDataset], *, is_input: bool) -> list[VersionChange]:
    """The datasets of both whose versions differ, in the order of their names."""
    before: dict[AssetName, int | None] = {use.dataset: use.version for use in base}
    after: dict[AssetName, int | None] = {use.dataset: use.version for use in target}
    return [
        VersionChange(name, is_input, before[name], after[name])
        for name in sorted(before.keys() & after.keys())
        if before[name] != after[name]
    ]
