"""Pipelines in PostgreSQL: opens snapshots and writes, by the modules here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from ...domain.pipelines import (
    Pipeline,
    PipelineName,
    PipelineSpec,
    SeenWorkload,
    StoredPipeline,
    Workload,
    WorkloadPlace,
    WorkloadQuery,
)
from ..catalog.runs import latest_runs
from ..database import Connection, Database
from . import pipelines, workloads


class PipelineReader:
    """One snapshot; see `domain.pipeline_ports` for what each question means."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def pipeline(self, name: PipelineName) -> StoredPipeline | None:
        """A pipeline."""
        return await pipelines.get_pipeline(self._connection, name)

    async def pipelines(
        self, namespace: str | None, after: PipelineName | None, limit: int, *, show_ended: bool
    ) -> list[StoredPipeline]:
        """Pipelines in the order of their names."""
        return await pipelines.list_pipelines(self._connection, namespace, after, limit, show_ended=show_ended)

    async def observe(self, stored: Sequence[StoredPipeline]) -> list[Pipeline]:
        """Pipelines with what follows from their workloads."""
        keys = [pipelines.pipeline_id(one.spec.name) for one in stored]
        completeness = await workloads.get_completeness(self._connection, keys)
        jobs = await workloads.get_latest_jobs(self._connection, keys)
        runs = await latest_runs(self._connection, set(jobs.values()))
        return [
            Pipeline(one, tuple(completeness.get(key, ())), runs.get(jobs[key]) if key in jobs else None)
            for key, one in zip(keys, stored, strict=True)
        ]

    async def workloads(self, query: WorkloadQuery, after: WorkloadPlace | None, limit: int) -> list[SeenWorkload]:
        """Workloads in order."""
        return await workloads.list_workloads(self._connection, query, after, limit)


class PipelineStore:
    """Opens snapshots on the primary, for the operator reads what it has just written; and writes."""

    def __init__(self, reading: Database, writing: Database) -> None:
        self._reading = reading
        self._writing = writing

    @asynccontextmanager
    async def reading(self, seconds: float) -> AsyncIterator[PipelineReader]:
        """A snapshot to ask; raises QueryTimeout or StoreUnavailable."""
        async with self._reading.reading(seconds) as connection:
            yield PipelineReader(connection)

    async def put(self, spec: PipelineSpec, now: datetime, *, allow_missing: bool) -> bool:
        """Writes what is declared; whether the pipeline is known. Raises StoreUnavailable."""
        async with self._writing.transaction() as connection:
            is_known = allow_missing or await pipelines.get_pipeline(connection, spec.name) is not None
            if is_known:
                await pipelines.put_pipeline(connection, spec, now)
        return is_known

    async def end(self, name: PipelineName, uid: str, now: datetime) -> bool:
        """Writes the end of a pipeline; whether it is known. Raises StoreUnavailable."""
        async with self._writing.transaction() as connection:
            await pipelines.end_pipeline(connection, name, uid, now)
            return await pipelines.get_pipeline(connection, name) is not None

    async def replace_workloads(self, namespace: str, found: Sequence[Workload]) -> None:
        """Replaces the workloads of a namespace; raises StoreUnavailable."""
        async with self._writing.transaction() as connection:
            await workloads.replace_workloads(connection, namespace, found)
