"""The status of a `LineagePipeline`: what the operator tells the people who wrote it. It is a part of the CRD."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

_DATE_TIME = {"format": "date-time"}


class ConditionStatus(StrEnum):
    """Whether a condition holds."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class ConditionType(StrEnum):
    """What the conditions are about."""

    READY = "Ready"
    """The pipeline is understood, registered, and nothing is wrong with it."""

    REGISTERED = "Registered"
    """The server knows the pipeline as its resource now is."""

    DEGRADED = "Degraded"
    """Something is not reported as it should be; the message says what, and the way out."""


class _Part(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A part of the status."""


class Condition(_Part, frozen=True):
    """One condition, as Kubernetes defines conditions."""

    type: Annotated[str, Meta(description="What it is about: Ready, Registered or Degraded.", max_length=316)]
    status: Annotated[ConditionStatus, Meta(description="Whether it holds.")]
    reason: Annotated[str, Meta(description="Why, in one word.", max_length=1024)]
    last_transition_time: Annotated[datetime, Meta(description="Since when.", extra_json_schema=_DATE_TIME)]
    message: Annotated[str, Meta(description="Why, in words, and the way out.", max_length=32768)] = ""
    observed_generation: Annotated[int, Meta(description="The generation of the resource that it speaks of.", ge=0)] = 0


class LastRun(_Part, frozen=True):
    """The run that changed last."""

    job: Annotated[str, Meta(description="The job's lineage name.")]
    run_id: Annotated[str, Meta(description="The run's id.")]
    state: Annotated[str, Meta(description="STARTED, RUNNING, SUCCEEDED, FAILED or ABORTED.")]
    time: Annotated[datetime, Meta(description="When it changed.", extra_json_schema=_DATE_TIME)]


class Conflict(_Part, frozen=True):
    """Workloads that another, older pipeline covers."""

    pipeline: Annotated[str, Meta(description="The name of the older pipeline.")]
    workloads: Annotated[int, Meta(description="How many of this pipeline's workloads it covers.", ge=0)]
    example: Annotated[str, Meta(description="One of them, as Kind/name.")]


class Status(_Part, frozen=True):
    """What became of a pipeline."""

    observed_generation: Annotated[
        int, Meta(description="The generation of the resource that this status speaks of.", ge=0)
    ] = 0
    conditions: Annotated[tuple[Condition, ...], Meta(description="Ready, Registered and Degraded.")] = ()
    jobs: Annotated[int, Meta(description="How many workloads it covers.", ge=0)] = 0
    runs: Annotated[int, Meta(description="How many runs were reported since the operator started.", ge=0)] = 0
    injected: Annotated[
        int,
        Meta(
            description="How many of its pods had the emitter, of those that were seen to run since the operator "
            "started.",
            ge=0,
        ),
    ] = 0
    missed: Annotated[int, Meta(description="What lineage has missed: missedRuns and missedPods together.", ge=0)] = 0
    missed_pods: Annotated[
        int,
        Meta(
            description="How many of its pods should have had the emitter and had not, of those that were seen to run "
            "since the operator started.",
            ge=0,
        ),
    ] = 0
    missed_runs: Annotated[
        int,
        Meta(
            description="How many runs came and went unseen, as while the operator was away: what CronJobs and "
            "CronWorkflows show of it. Each one's last run is known, those before it are estimated by the schedule.",
            ge=0,
        ),
    ] = 0
    rejected: Annotated[
        int, Meta(description="How many events of its runs the server rejected within the last day.", ge=0)
    ] = 0
    last_run: Annotated[LastRun | None, Meta(description="The run that changed last.")] = None
    last_error: Annotated[str, Meta(description="What went wrong last; empty where nothing did.", max_length=32768)] = (
        ""
    )
    unknown: Annotated[
        tuple[str, ...], Meta(description="What the cluster does not tell, and how it can be known.")
    ] = ()
    conflicts: Annotated[
        tuple[Conflict, ...], Meta(description="Older pipelines that cover workloads of this one.")
    ] = ()
