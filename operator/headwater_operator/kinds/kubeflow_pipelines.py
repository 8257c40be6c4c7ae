"""Kubeflow Pipelines: a run is its Workflow, and each attempt of a task is a run below it, told by its pod."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from ..kfp.facets import KUBEFLOW, output_parameters_facet, parameters_facet
from ..kfp.launcher import launcher_flags, slim_container
from ..kfp.life import MAIN, life_of_pod, main_container, main_status
from ..kfp.node_name import parse_node_name
from ..kfp.task import INTEGRATION, WORKFLOW, Task, TaskIo, task_io
from ..kfp.workflow import RunWorkflow, TaskPod, is_of_first_version
from ..observation import Dataset, Facets, Job, ObjectRef, Observation, Run, Workload
from ..run_ids import node_run_id, object_run_id
from .adapter import Body, Cluster, Resource
from .kubernetes_facet import Image, code_facets, kubernetes_facet, service_account_of
from .reading import items, part
from .subject import Subject

RUN_LABEL = "pipeline/runid"
ROLE_LABEL = "pipelines.kubeflow.org/pod-role"
_DRIVERS = ("container-driver", "dag-driver")
NODE_ID = "workflows.argoproj.io/node-id"
NODE_NAME = "workflows.argoproj.io/node-name"

_CACHED = TaskIo(unknown=("what a task taken from the cache read and wrote: only the API of Kubeflow Pipelines tells",))


class TaskAdapter:
    """The pods of tasks: executors and importers. Earlier releases do not label drivers: their command tells them."""

    resource = Resource(
        group="",
        version="v1",
        plural="pods",
        kind="Pod",
        label_selector=f"pipelines.kubeflow.org/v2_component=true,{ROLE_LABEL} notin ({','.join(_DRIVERS)})",
    )

    def slim(self, body: Body) -> Body:
        """The pod with its main container alone: templates and commands repeat the same parameters three times."""
        spec = part(body, "spec")
        kept = {key: spec[key] for key in ("nodeName", "serviceAccountName", "serviceAccount") if key in spec}
        containers = [slim_container(main)] if (main := main_container(spec)) else []
        return {**body, "spec": {**kept, "containers": containers}}

    def observe(self, body: Body, owners: Sequence[ObjectRef], cluster: Cluster) -> Iterable[Observation]:
        """A task's attempt; nothing for drivers and for pods of others. Raises ValueError where it cannot be read."""
        subject = Subject.of(body, self.resource, owners or _owners(body), cluster)
        task, life = task_at_admission(body, subject.chain), life_of_pod(body)
        if task is None:
            return
        run = None
        if life is not None:
            run = task.run(life, task_io(task, cluster), _facets(subject, [_main_image(body)]))
            run = _annotated(run, subject)
        yield _with_code(task.observe(run))


class RunAdapter:
    """The Workflows of runs, and the tasks of which no pod tells: cached ones, ones whose pod was refused, and in place
    of their pods those that have ended."""

    resource = Resource(
        group="argoproj.io", version="v1alpha1", plural="workflows", kind="Workflow", label_selector=RUN_LABEL
    )

    def observe(self, body: Body, owners: Sequence[ObjectRef], cluster: Cluster) -> Iterable[Observation]:
        """The run and those tasks; nothing for other Workflows. Raises ValueError where it cannot be read."""
        if not is_run(body):
            return
        subject = Subject.of(body, self.resource, owners, cluster)
        workflow = RunWorkflow(body, subject.chain)
        yield _with_code(_run(workflow, _facets(subject)))
        for task, life in workflow.cached_tasks():
            yield _with_code(task.observe(task.run(life, _CACHED, {})))
        for task, life in workflow.podless_tasks():
            yield _with_code(task.observe(task.run(life, task_io(task, cluster), {})))
        for task, life, pod in workflow.ended_tasks():
            run = task.run(life, task_io(task, cluster), _facets_of_gone(task, pod, cluster))
            told = output_parameters_facet(workflow.output_parameters(task.node_id))
            yield _with_code(task.stand_in(replace(run, end_facets=told)))

    def artifacts(self, body: Body, owners: Sequence[ObjectRef], cluster: Cluster) -> Iterator[Dataset]:
        """What the tasks write, by URI, whether or not their pods are still there: for the index of artifacts."""
        if is_run(body):
            workflow = RunWorkflow(body, Subject.of(body, self.resource, owners, cluster).chain)
            for task in workflow.started_tasks():
                yield from task_io(task, cluster).outputs


def is_run(workflow: Body) -> bool:
    """Whether a Workflow is a run of Kubeflow Pipelines that has drivers, executors and importers."""
    return RUN_LABEL in part(workflow, "metadata", "labels") and not is_of_first_version(workflow)


def run_id_of_pod(metadata: Body) -> UUID | None:
    """The id of the run that a task's pod is, by its metadata; None where it is no task's."""
    node_id = part(metadata, "annotations").get(NODE_ID)
    workflow = next((each for each in _owners({"metadata": metadata}) if each.kind == WORKFLOW), None)
    return node_run_id(workflow.uid, node_id) if workflow and node_id else None


def task_at_admission(body: Body, chain: tuple[ObjectRef, ...]) -> Task | None:
    """The task that a pod is for whose admission is asked for, as the pod's observation will name it; None for drivers
    and for pods of others. Raises ValueError where it cannot be read."""
    labels = chain[0].labels
    flags = launcher_flags(main_container(part(body, "spec")))
    if RUN_LABEL not in labels or labels.get(ROLE_LABEL) in _DRIVERS or flags is None:
        return None
    return _task(chain, {**flags, "run_id": labels[RUN_LABEL]})


def _task(chain: tuple[ObjectRef, ...], flags: Mapping[str, str]) -> Task:
    """The task that a pod is for. Raises ValueError where the pod does not say."""
    pod = chain[0]
    node_id, node_name = pod.annotations.get(NODE_ID), pod.annotations.get(NODE_NAME)
    workflow_at = next((at for at, each in enumerate(chain) if each.kind == WORKFLOW), None)
    if not node_id or not node_name or workflow_at is None:
        raise ValueError(f"pod {pod.name} is of a pipeline's run and names no node of a Workflow")
    workflow = chain[workflow_at]
    return Task(
        chain=chain,
        workflow_at=workflow_at,
        pipeline=flags.get("pipeline_name") or workflow.generate_name.removesuffix("-") or workflow.name,
        node_id=node_id,
        node=parse_node_name(node_name, workflow.name),
        flags=flags,
    )


def _run(workflow: RunWorkflow, facets: Facets) -> Observation:
    pipeline, life = workflow.pipeline, workflow.life()
    observation = Observation(
        chain=workflow.chain,
        job=Job(pipeline, integration=INTEGRATION, type="DAG"),
        workload=Workload(WORKFLOW, pipeline),
    )
    if life is None:
        return observation
    own = workflow.chain[0]
    facet = {
        "pipeline": pipeline,
        "runId": own.labels[RUN_LABEL],
        "runName": workflow.run_name,
        "recurringRun": workflow.recurring_run,
    }
    run = Run(
        run_id=object_run_id(own.uid),
        state=life.state,
        started_at=life.started_at,
        ended_at=life.ended_at,
        nominal_time=workflow.nominal_time,
        start_facets={
            KUBEFLOW: {name: value for name, value in facet.items() if value},
            **parameters_facet(workflow.parameters),
            **facets,
        },
        error=life.error,
        unknown=("which tasks were taken from the cache: Argo hides the nodes",) if workflow.has_hidden_nodes else (),
    )
    return Observation(observation.chain, observation.job, observation.workload, run)


def _facets_of_gone(task: Task, pod: TaskPod, cluster: Cluster) -> Facets:
    images = [Image(MAIN, pod.image)] if pod.image and "{{" not in pod.image else []
    return kubernetes_facet(task.chain, cluster.name, images=images, service_account=pod.service_account)


def _facets(subject: Subject, images: Iterable[Image] = ()) -> Facets:
    account = service_account_of(subject.spec)
    return kubernetes_facet(subject.chain, subject.cluster.name, images=images, service_account=account)


def _with_code(observation: Observation) -> Observation:
    """The observation with what its object's annotations say of the code."""
    return replace(observation, job=replace(observation.job, facets=code_facets(observation.chain)))


def _annotated(run: Run, subject: Subject) -> Run:
    """The run with what its pod's annotations say besides: a task may read and write more than its artifacts."""
    flow = subject.flow()
    flow.add_annotations(subject.chain[0].annotations)
    return replace(
        run,
        inputs=(*run.inputs, *flow.inputs),
        planned_outputs=(*run.planned_outputs, *flow.outputs),
        unresolved=(*run.unresolved, *flow.unresolved),
        unknown=(*run.unknown, *flow.unknown),
    )


def _owners(body: Body) -> tuple[ObjectRef, ...]:
    """The controller as the object itself names it, for when it could not be asked."""
    for each in items(body, "metadata", "ownerReferences"):
        if each.get("controller"):
            group = each["apiVersion"].rpartition("/")[0]
            kind = f"{each['kind']}.{group}" if group else each["kind"]
            return (ObjectRef(kind, body["metadata"]["namespace"], each["name"], each["uid"]),)
    return ()


def _main_image(body: Body) -> Image:
    """The image that the task itself runs in, with the digest that the node pulled."""
    digest = str(main_status(part(body, "status")).get("imageID") or "").rpartition("@")[2]
    name = str(main_container(part(body, "spec")).get("image") or "")
    return Image(MAIN, name, digest if digest.startswith("sha256:") else "")
