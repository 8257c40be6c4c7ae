"""A task's run as an observation, from whatever shows the task: its pod, or the node of its Workflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from headwater.names import InvalidName

from ..observation import Dataset, Facets, Job, ObjectRef, Observation, ParentRun, Run, Workload
from ..run_ids import node_run_id, object_run_id
from .artifact_names import artifact_name, dataset_kind, job_name
from .executor_input import Artifact, parse_executor_input, parse_importer_spec
from .facets import ARTIFACT, KUBEFLOW, artifact_facet, parameters_facet
from .life import Life
from .node_name import TaskNode

if TYPE_CHECKING:
    from ..kinds.adapter import Cluster

INTEGRATION = "KFP"
WORKFLOW = "Workflow.argoproj.io"


@dataclass(frozen=True, slots=True)
class Task:
    """One attempt of a task: the objects that show it, which of them is its Workflow, its node, the launcher's flags.

    `details` are further properties of its facet.
    """

    chain: tuple[ObjectRef, ...]
    workflow_at: int
    pipeline: str
    node_id: str
    node: TaskNode
    flags: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, object] = field(default_factory=dict)

    @property
    def workflow(self) -> ObjectRef:
        """The Workflow that it is a node of."""
        return self.chain[self.workflow_at]

    @property
    def job(self) -> str:
        """The usual name of its job."""
        return job_name(self.pipeline, self.node.path)

    def observe(self, run: Run | None) -> Observation:
        """The observation of this task with a run."""
        job = Job(self.job, integration=INTEGRATION, type="TASK")
        return Observation(self.chain, job, Workload(WORKFLOW, self.pipeline), run)

    def stand_in(self, run: Run) -> Observation:
        """The observation of this task by its Workflow, for where its pod is gone."""
        return replace(self.observe(run), is_stand_in=True)

    def run(self, life: Life, io: TaskIo, facets: Facets) -> Run:
        """The run that a life is, with what it reads and writes."""
        uid = self.workflow.uid
        return Run(
            run_id=node_run_id(uid, self.node_id),
            state=life.state,
            started_at=life.started_at,
            ended_at=life.ended_at,
            parent=ParentRun(object_run_id(uid), self.pipeline, self.workflow_at),
            root=ParentRun(object_run_id(uid), self.pipeline, self.workflow_at),
            inputs=io.inputs,
            planned_outputs=io.outputs,
            start_facets={KUBEFLOW: self._facet(), **parameters_facet(io.parameters), **facets},
            error=life.error,
            unresolved=io.unresolved,
            unknown=io.unknown,
        )

    def _facet(self) -> Mapping[str, object]:
        known = {
            "pipeline": self.pipeline,
            "runId": self.flags.get("run_id") or self.workflow.labels.get("pipeline/runid", ""),
            "task": self.node.path,
            "taskId": self.flags.get("task_id") or self.flags.get("execution_id", ""),
            "attempt": self.node.attempt,
            "iterations": list(self.node.iterations),
            **self.details,
        }
        return {name: value for name, value in known.items() if value not in ("", None, [])}


@dataclass(frozen=True, slots=True)
class TaskIo:
    """What a task reads and writes. `unresolved` are URIs that nobody was seen to write; `unknown` is told nowhere."""

    inputs: tuple[Dataset, ...] = ()
    outputs: tuple[Dataset, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    unresolved: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def task_io(task: Task, cluster: Cluster) -> TaskIo:
    """What a task reads and writes by its launcher's flags; where they cannot be read, that is unknown."""
    try:
        return _importer_io(task, cluster) if "importer_spec" in task.flags else _executor_io(task, cluster)
    except ValueError as error:
        return TaskIo(unknown=(f"what the task reads and writes: {error}",))


def output_dataset(task: Task, artifact: Artifact, cluster: Cluster) -> Dataset:
    """The dataset that an output of a task is."""
    namespace = task.chain[0].namespace
    return Dataset(
        namespace=cluster.namespace(namespace),
        name=artifact_name(task.pipeline, task.node.path, artifact.key),
        kind=dataset_kind(artifact.type),
        version=artifact.uri,
        facets={ARTIFACT: artifact_facet(artifact)},
    )


def input_dataset(artifact: Artifact, namespace: str, cluster: Cluster) -> Dataset | None:
    """The dataset that an artifact with a URI is; None where its producer was not seen yet. Raises InvalidName."""
    found = cluster.dataset(artifact.uri, namespace, kind=dataset_kind(artifact.type))
    if found is None:
        return None
    facets = {**found.facets, ARTIFACT: artifact_facet(artifact)}
    return Dataset(found.namespace, found.name, found.kind or dataset_kind(artifact.type), found.version, facets)


def _executor_io(task: Task, cluster: Cluster) -> TaskIo:
    if "executor_input" not in task.flags:
        raise ValueError("the launcher of a task has no --executor_input")
    given = parse_executor_input(task.flags["executor_input"])
    inputs: dict[tuple[str, str, str], Dataset] = {}
    unresolved: dict[str, None] = {}
    unknown = []
    for artifact in given.inputs:
        if not artifact.uri:
            unknown.append(f"which dataset input {artifact.key!r} ({artifact.type}) is: it has no URI")
            continue
        try:
            dataset = input_dataset(artifact, task.chain[0].namespace, cluster)
        except InvalidName as error:
            unknown.append(f"which dataset input {artifact.key!r} is: {error}")
            continue
        if dataset is None:
            unresolved[artifact.uri] = None
        else:
            inputs.setdefault((dataset.namespace, dataset.name, dataset.version), dataset)
    outputs = tuple(output_dataset(task, each, cluster) for each in given.outputs)
    return TaskIo(tuple(inputs.values()), outputs, given.parameters, tuple(unresolved), tuple(unknown))


def _importer_io(task: Task, cluster: Cluster) -> TaskIo:
    spec = parse_importer_spec(task.flags["importer_spec"], task.flags.get("task_spec", ""))
    if not spec.uri:
        return TaskIo(unknown=(f"which URI is imported: it is in the parameter {spec.parameter!r}",))
    artifact = Artifact("artifact", type=spec.type, uri=spec.uri, metadata=spec.metadata)
    dataset = input_dataset(artifact, task.chain[0].namespace, cluster)
    return TaskIo(unresolved=(spec.uri,)) if dataset is None else TaskIo(outputs=(dataset,))
