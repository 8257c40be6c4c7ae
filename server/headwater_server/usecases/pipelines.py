"""Keeps and tells pipelines and workloads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from headwater import names

from ..domain.errors import NotFound
from ..domain.pages import Page
from ..domain.pipeline_ports import PipelineReader, PipelineStore
from ..domain.pipelines import (
    Pipeline,
    PipelineName,
    PipelineSpec,
    SeenWorkload,
    Workload,
    WorkloadPlace,
    WorkloadQuery,
)
from .pages import Listed, cut_page


async def get_pipeline(store: PipelineStore, name: PipelineName, seconds: float) -> Pipeline:
    """A pipeline, also one that ended. Raises NotFound."""
    async with store.reading(seconds) as reader:
        return await _observed(reader, name)


async def list_pipelines(
    store: PipelineStore, namespace: str | None, page: Page, *, show_ended: bool, seconds: float
) -> Listed[Pipeline]:
    """The pipelines of a namespace, or of all, in the order of their names."""
    after = PipelineName(*page.after) if page.after else None
    async with store.reading(seconds) as reader:
        found = await reader.pipelines(namespace, after, page.size + 1, show_ended=show_ended)
        told = await reader.observe(found)
    return cut_page(page, [(one.stored.spec.name, one) for one in told])


async def update_pipeline(store: PipelineStore, spec: PipelineSpec, seconds: float, *, allow_missing: bool) -> Pipeline:
    """What is stored of a pipeline once it was replaced by what is declared. Raises NotFound.

    A lesser generation of the same resource changes nothing. Whether it is the same is told by the UID: one that was
    made anew under the name begins to count anew.
    """
    if not await store.put(spec, datetime.now(UTC), allow_missing=allow_missing):
        raise _not_found(spec.name)
    return await get_pipeline(store, spec.name, seconds)


async def delete_pipeline(
    store: PipelineStore, name: PipelineName, uid: str, seconds: float, *, allow_missing: bool
) -> Pipeline | None:
    """A pipeline once it ended; None where it is not known, which is an error unless `allow_missing`.

    Where `uid` is given and another resource has taken the name, nothing changes. Raises NotFound.
    """
    if not await store.end(name, uid, datetime.now(UTC)) and allow_missing:
        return None
    return await get_pipeline(store, name, seconds)


async def update_workloads(store: PipelineStore, namespace: str, workloads: Sequence[Workload]) -> None:
    """Replaces what is known of a namespace's workloads."""
    await store.replace_workloads(namespace, workloads)


async def list_workloads(
    store: PipelineStore, query: WorkloadQuery, page: Page, seconds: float
) -> Listed[SeenWorkload]:
    """Workloads in the order of their namespaces, kinds and jobs."""
    after = WorkloadPlace(*page.after) if page.after else None
    async with store.reading(seconds) as reader:
        found = await reader.workloads(query, after, page.size + 1)
    return cut_page(page, [(_place(seen), seen) for seen in found])


async def _observed(reader: PipelineReader, name: PipelineName) -> Pipeline:
    known = await reader.pipeline(name)
    if known is None:
        raise _not_found(name)
    (pipeline,) = await reader.observe([known])
    return pipeline


def _place(seen: SeenWorkload) -> WorkloadPlace:
    job = seen.workload.job
    return WorkloadPlace(seen.namespace, seen.workload.kind, job.namespace, job.name)


def _not_found(name: PipelineName) -> NotFound:
    return NotFound(str(names.PipelineName(*name)))
