"""What pipelines need of a store."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from .pipeline_sampling import SamplingRules
from .pipelines import (
    Pipeline,
    PipelineName,
    PipelineSpec,
    SeenWorkload,
    StoredPipeline,
    Workload,
    WorkloadPlace,
    WorkloadQuery,
)


class PipelineReader(Protocol):
    """One snapshot of the store."""

    async def pipeline(self, name: PipelineName) -> StoredPipeline | None:
        """A pipeline, also one that ended; None where it is not known."""

    async def pipelines(
        self, namespace: str | None, after: PipelineName | None, limit: int, *, show_ended: bool
    ) -> list[StoredPipeline]:
        """Pipelines of a namespace, or of all, in the order of their names, past a place."""

    async def observe(self, pipelines: Sequence[StoredPipeline]) -> list[Pipeline]:
        """Pipelines with what follows from their workloads, in the order given."""

    async def workloads(self, query: WorkloadQuery, after: WorkloadPlace | None, limit: int) -> list[SeenWorkload]:
        """Workloads in the order of namespaces, kinds and jobs, past a place."""


class PipelineStore(Protocol):
    """A store of pipelines. Everything raises StoreUnavailable, and can be repeated without a second effect."""

    def reading(self, seconds: float) -> AbstractAsyncContextManager[PipelineReader]:
        """A snapshot to ask for at most so many seconds; raises QueryTimeout."""

    async def put(self, spec: PipelineSpec, now: datetime, *, allow_missing: bool) -> bool:
        """Writes what is declared of a pipeline, which is active from then on; whether it is known.

        A lesser generation of the same resource changes nothing. One that is not known is made if `allow_missing`.
        """

    async def end(self, name: PipelineName, uid: str, now: datetime) -> bool:
        """Writes that a pipeline's resource is gone, unless it has ended or has another UID; empty is any UID.

        Whether the pipeline is known.
        """

    async def replace_workloads(self, namespace: str, workloads: Sequence[Workload]) -> None:
        """Replaces what is known of a namespace's workloads, each of which is another; all at once."""


class SamplingStore(Protocol):
    """A store whose events can be dropped. Everything raises StoreUnavailable."""

    async def rules(self) -> SamplingRules:
        """The rules as they are now."""

    async def settle(self, now: datetime) -> int | None:
        """Decides on some of the runs that are due at a time; how many were dropped, None where none is due."""
