"""The inventory: which workloads there are in each namespace, and which pipeline covers each. The server is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Protocol

from google.protobuf.timestamp_pb2 import Timestamp

from headwater.errors import HeadwaterError
from headwater.names import JobName, NamespaceName, PipelineName
from headwater.v1 import pipeline_pb2 as pb

from .observation import Observation, Workload
from .pipeline.coverage import Coverage
from .pipeline.pipeline import Pipeline
from .records import Record
from .watched_kinds import PipelineKey

MOST_WORKLOADS = 10_000
"""What the server takes of one namespace."""

QUIET_SECONDS = 3.0
RETRY_SECONDS = 30.0

logger = logging.getLogger(__name__)


class WorkloadCalls(Protocol):
    """The call of PipelineService that the inventory makes, as `headwater.Client` has it."""

    async def update_workloads(
        self, namespace: str, workloads: Iterable[pb.Workload], *, timeout_seconds: float | None = None
    ) -> object:
        """Replaces the workloads of a namespace. Raises HeadwaterError."""


class Inventory:
    """Tells the server of the workloads of a namespace when they change, and again after `interval_seconds`."""

    def __init__(
        self,
        calls: WorkloadCalls,
        coverage: Coverage,
        records: Callable[[str], Sequence[Record]],
        interval_seconds: float,
    ) -> None:
        self._calls = calls
        self._coverage = coverage
        self._records = records
        self._interval_seconds = interval_seconds
        self._told_at: dict[str, float] = {}
        self._told: dict[str, frozenset[tuple[str, str, str]]] = {}
        self._changed: set[str] = set()
        self._not_before: dict[str, float] = {}
        self.failures = 0
        """How often the server could not be told."""

    def touch(self, namespace: str) -> None:
        """Says that the workloads of a namespace may be others."""
        self._changed.add(namespace)

    async def run(self) -> None:
        """Tells the server until it is cancelled."""
        while True:
            await asyncio.sleep(QUIET_SECONDS)
            now = asyncio.get_running_loop().time()
            due = {each for each, at in self._told_at.items() if now - at >= self._interval_seconds}
            ready = {each for each in self._changed | due if self._not_before.get(each, now) <= now}
            self._changed -= ready
            for namespace in sorted(ready):
                await self._tell(namespace, is_due=namespace in due)

    async def _tell(self, namespace: str, *, is_due: bool) -> None:
        lineage_namespace = self._coverage.lineage_namespace(namespace)
        workloads = find_workloads(self._records(namespace), self._coverage)
        essence = frozenset((each.kind, each.job, each.pipeline) for each in workloads)
        if not is_due and self._told.get(namespace) == essence:
            return
        if len(workloads) > MOST_WORKLOADS:
            logger.warning("%s has %d workloads; the first %d are told", namespace, len(workloads), MOST_WORKLOADS)
        try:
            await self._calls.update_workloads(str(NamespaceName(lineage_namespace)), workloads[:MOST_WORKLOADS])
        except HeadwaterError as error:
            self.failures += 1
            logger.warning("the server was not told of the workloads of %s: %s", namespace, error)
            self._changed.add(namespace)
            self._not_before[namespace] = asyncio.get_running_loop().time() + RETRY_SECONDS
            return
        self._not_before.pop(namespace, None)
        self._told_at[namespace] = asyncio.get_running_loop().time()
        self._told[namespace] = essence
        if not workloads:  # nothing more to say of a namespace that is empty
            del self._told_at[namespace], self._told[namespace]


def find_workloads(records: Iterable[Record], coverage: Coverage) -> list[pb.Workload]:
    """The workloads that records show, each once, in the order of their kinds and jobs."""
    latest: dict[tuple[Workload, PipelineKey | None], tuple[datetime | None, Observation, Pipeline | None]] = {}
    for record in records:
        if record.gone_at is not None:
            continue
        for observation, match in zip(record.observations, record.matches, strict=True):
            pipeline, changed_at = match.pipeline, _changed_at(observation)
            key = (observation.workload, (pipeline.namespace, pipeline.name) if pipeline else None)
            known = latest.get(key)
            if known is None or known[0] is None or (changed_at is not None and known[0] < changed_at):
                latest[key] = (changed_at, observation, pipeline)
    found = (_workload(observation, pipeline, changed, coverage) for changed, observation, pipeline in latest.values())
    return sorted(found, key=lambda each: (each.kind, each.job))


def _workload(
    observation: Observation, pipeline: Pipeline | None, changed_at: datetime | None, coverage: Coverage
) -> pb.Workload:
    names = coverage.job_name(observation.workload.job, observation.chain, pipeline)
    covering = str(PipelineName(coverage.lineage_namespace(pipeline.namespace), pipeline.name)) if pipeline else ""
    return pb.Workload(
        job=str(JobName(names.namespace, names.name)),
        kind=observation.workload.kind,
        pipeline=covering,
        change_time=_timestamp(changed_at) if changed_at else None,
    )


def _changed_at(observation: Observation) -> datetime | None:
    run = observation.run
    return (run.ended_at or run.running_at or run.started_at) if run else None


def _timestamp(time: datetime) -> Timestamp:
    found = Timestamp()
    found.FromDatetime(time)
    return found
