"""What the operator sees of a workload, in words of lineage. Pure: neither Kubernetes nor OpenLineage speak from here.

An adapter (see `kinds`) makes observations of an object as it is at a moment. The same object seen again, in any order,
after a restart or by two watchers, gives observations that lead to the same events: whatever is said of a start follows
from what never changes about the object, and every time is one that the cluster recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from uuid import UUID

Facets = Mapping[str, Mapping[str, object]]
"""OpenLineage facets by name, without `_producer` and `_schemaURL`."""


class RunState(Enum):
    """How far a run is."""

    STARTED = "STARTED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    ABORTED = "ABORTED"

    @property
    def is_final(self) -> bool:
        """Whether the run has ended."""
        return self not in (RunState.STARTED, RunState.RUNNING)


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """An object of the cluster, as far as it takes to match and to name it. `kind` is such as `Job.batch` or `Pod`."""

    kind: str
    namespace: str
    name: str
    uid: str
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    generate_name: str = ""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset that a run reads or writes.

    `kind` is a word of the contract's DatasetKind, empty where it is not known; `version` is the one that its producer
    names; `metrics` are measures of this write, by name.
    """

    namespace: str
    name: str
    kind: str = ""
    version: str = ""
    facets: Facets = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Job:
    """A job under its usual name in its Kubernetes namespace; a pipeline's templates may name it otherwise.

    `integration` is a word such as KUBERNETES, ARGO or KUBEFLOW; `type` what OpenLineage calls the job type, such as
    JOB, DAG or TASK; `processing` is BATCH or SERVICE.
    """

    name: str
    integration: str = "KUBERNETES"
    type: str = "JOB"
    processing: str = "BATCH"
    facets: Facets = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ParentRun:
    """The run that started a run: its id, its job's usual name, and which object of the chain it is a run of."""

    run_id: UUID
    job: str
    at: int


@dataclass(frozen=True, slots=True)
class Run:
    """What is known of one run that has begun. Times are those of the cluster.

    `start_facets` are run facets that hold from the start and never change, `end_facets` those that only its end tells.
    `planned_outputs` are outputs that only its success tells: named from the start and written at the end, or never.
    `end_inputs` are further inputs that only its end tells.
    `unresolved` are URIs of artifacts whose producer was not seen yet: what reads them is not complete.
    `unknown` says in words what the cluster does not tell.
    """

    run_id: UUID
    state: RunState
    started_at: datetime
    running_at: datetime | None = None
    ended_at: datetime | None = None
    nominal_time: datetime | None = None
    parent: ParentRun | None = None
    root: ParentRun | None = None
    inputs: tuple[Dataset, ...] = ()
    outputs: tuple[Dataset, ...] = ()
    end_inputs: tuple[Dataset, ...] = ()
    planned_outputs: tuple[Dataset, ...] = ()
    start_facets: Facets = field(default_factory=dict)
    end_facets: Facets = field(default_factory=dict)
    error: str = ""
    unresolved: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Workload:
    """What is started again and again under one name: the unit of the inventory. A CronJob is one, its Jobs are not."""

    kind: str
    job: str


@dataclass(frozen=True, slots=True)
class Observation:
    """What one object shows. `chain` is the object and its owners up to the root; `run` is None where nothing runs.

    `is_stand_in` says that the run is another object's to tell, and that this counts only where that one is gone.
    """

    chain: tuple[ObjectRef, ...]
    job: Job
    workload: Workload
    run: Run | None = None
    is_stand_in: bool = False
