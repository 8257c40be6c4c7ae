"""Pipelines and workloads: what platform teams declared, and what runs in their Kubernetes namespaces."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import NamedTuple

from .catalog import Run
from .model import AssetName

_NEVER = datetime.min.replace(tzinfo=UTC)


class Criticality(IntEnum):
    """How much depends on a pipeline; the numbers are those of `headwater.v1.Criticality`."""

    PRODUCTION = 1
    STANDARD = 2
    EXPERIMENTAL = 3


class PipelineName(NamedTuple):
    """A pipeline's name in the order of lists: its namespace, as producers write it, and its own name."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class JobDeclaration:
    """What jobs, named with `*` and `?`, read and write that say nothing themselves; datasets by their URIs."""

    job: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PipelineSpec:
    """What is declared of a pipeline.

    `successful_percent` of the runs that succeeded are kept whole, all where it is None; events are wanted for
    `retention_days`, 0 being as long as any are kept.
    """

    name: PipelineName
    uid: str
    generation: int
    description: str
    owner: str
    criticality: Criticality
    declarations: tuple[JobDeclaration, ...]
    successful_percent: int | None
    retention_days: int


@dataclass(frozen=True, slots=True)
class StoredPipeline:
    """A pipeline as it is kept: times are the server's, `ended` is None while its resource is there."""

    spec: PipelineSpec
    sampled_out: int
    created: datetime
    updated: datetime
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class Completeness:
    """How many workloads of a kind there are, and how many of them have lineage."""

    kind: str
    workloads: int
    with_lineage: int


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline with what follows from its workloads: how complete it is, by kind, and the run that started last."""

    stored: StoredPipeline
    completeness: tuple[Completeness, ...]
    latest_run: Run | None


@dataclass(frozen=True, slots=True)
class Workload:
    """What is started again and again in a Kubernetes namespace; `pipeline` is the one of the namespace that covers it.

    `changed` is when one of its objects was last seen to change.
    """

    kind: str
    job: AssetName
    pipeline: str | None
    changed: datetime | None


def distinct_workloads(workloads: Iterable[Workload]) -> list[Workload]:
    """Each kind and job once: the one that a pipeline covers, then the one that changed last."""
    ordered = sorted(workloads, key=lambda one: (one.pipeline is not None, one.changed or _NEVER, one.pipeline or ""))
    return list({(one.kind, one.job): one for one in ordered}.values())


@dataclass(frozen=True, slots=True)
class SeenWorkload:
    """A workload as it is listed: where it was seen, and whether it has lineage."""

    namespace: str
    workload: Workload
    has_lineage: bool


class WorkloadPlace(NamedTuple):
    """Where a workload stands in a list."""

    namespace: str
    kind: str
    job_namespace: str
    job: str


@dataclass(frozen=True, slots=True)
class WorkloadQuery:
    """Which workloads are asked for: those of a namespace, or of all; every condition that is set holds."""

    namespace: str | None
    pipeline: PipelineName | None = None
    uncovered: bool = False
    without_lineage: bool = False
