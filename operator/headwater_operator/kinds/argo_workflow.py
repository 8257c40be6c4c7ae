"""Argo Workflows, and the CronWorkflows that start them. Those of Kubeflow Pipelines 2 are another adapter's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ..observation import Job, ObjectRef, Observation, ParentRun, Run, RunState
from ..run_ids import node_run_id, object_run_id
from .adapter import Body, Cluster, Resource
from .ancestry import parents_of
from .argo_artifacts import Artifacts, Found, git_of
from .argo_nodes import Nodes, nodes_of, task_path
from .kubeflow_pipelines import is_run
from .kubernetes_facet import Image, code_facets, git_facets
from .reading import created_at, items, part, read_time
from .schedule import Schedule, expressions, limit
from .subject import Life, Subject

_SCHEDULED_AT = "workflows.argoproj.io/scheduled-time"
_FAILED = ("Failed", "Error")
_MOST_FAILURES = 5
_MEMOIZED = "what it read and wrote: Argo took its outputs from a cache"
_SHUTDOWN = "workflow shutdown with strategy"


class WorkflowAdapter:
    """A Workflow is a run, and each attempt of a task that has a pod is a run below it."""

    resource = Resource("argoproj.io", "v1alpha1", "workflows", "Workflow")

    def observe(self, body: Body, owners: Sequence[ObjectRef], cluster: Cluster) -> Iterable[Observation]:
        """The Workflow, and its tasks in the order in which they started."""
        one = Subject.of(body, self.resource, owners, cluster)
        if is_run(body):
            return
        nodes, unknown = _nodes(one)
        flow = one.flow()
        flow.unknown += unknown
        facets = one.facets((), str(one.spec.get("serviceAccountName") or ""), _parameters(one))
        run = one.run(_life(one, nodes), flow, facets)
        yield one.observe(one.job("ARGO", "DAG"), run and replace(run, nominal_time=_nominal_time(one)))
        if run:
            yield from _Tasks(one, nodes).observe()


class CronWorkflowAdapter:
    """A CronWorkflow is a workload; its Workflows are the runs."""

    resource = Resource("argoproj.io", "v1alpha1", "cronworkflows", "CronWorkflow")

    def observe(self, body: Body, owners: Sequence[ObjectRef], cluster: Cluster) -> Iterable[Observation]:
        """The workload."""
        one = Subject.of(body, self.resource, owners, cluster)
        yield one.observe(one.job("ARGO", "DAG"))

    def schedule(self, body: Body) -> Schedule:
        """When its Workflows start, and which of them it keeps. Since 3.6 it counts those that ended."""
        spec, status = part(body, "spec"), part(body, "status")
        counts = [each for key in ("succeeded", "failed") if isinstance(each := status.get(key), int)]
        return Schedule(
            created=created_at(body),
            last=read_time(status.get("lastScheduledTime")),
            expressions=tuple(expressions(spec)),
            zone=str(spec.get("timezone") or ""),
            keeps_succeeded=limit(spec, "successfulJobsHistoryLimit", 3),
            keeps_failed=limit(spec, "failedJobsHistoryLimit", 1),
            expires=bool(part(spec, "workflowSpec", "ttlStrategy")),
            ended=sum(counts) if counts else None,
        )


@dataclass(frozen=True, slots=True)
class _Tasks:
    """The tasks of a Workflow that have pods."""

    workflow: Subject
    nodes: Nodes

    def observe(self) -> Iterator[Observation]:
        own = self.workflow.chain[0]
        repository = part(self.workflow.status, "artifactRepositoryRef", "artifactRepository")
        marks = (own.uid, own.name) if own.name != self.workflow.name else (own.uid,)
        artifacts = Artifacts(self.workflow.cluster, own.namespace, repository, marks)
        pods = [node for node in self.nodes.values() if node.get("type") == "Pod" and node.get("startedAt")]
        pods.sort(key=lambda node: (str(node["startedAt"]), str(node.get("id"))))
        written = {str(node.get("id")): artifacts.write(self._job_name(node), node) for node in pods}
        for node in pods:
            yield self._observe_one(node, artifacts.read(node), written[str(node.get("id"))])

    def _observe_one(self, node: Mapping[str, Any], read: Found, written: Found) -> Observation:
        own, name = self.workflow.chain[0], self._job_name(node)
        life = _life_of_node(node)
        if part(node, "memoizationStatus").get("hit"):
            read, written = Found(unknown=[_MEMOIZED]), Found()
        _, root = parents_of(self.workflow.chain)
        parent = ParentRun(object_run_id(own.uid), self.workflow.name, 0)
        parameters = {str(each.get("name")): each.get("value") for each in items(node, "inputs", "parameters")}
        run = Run(
            run_id=node_run_id(own.uid, str(node.get("id"))),
            state=life.state,
            started_at=life.started_at,
            ended_at=life.ended_at,
            parent=parent,
            root=root or parent,
            inputs=tuple(read.datasets),
            planned_outputs=tuple(written.datasets),
            start_facets=self.workflow.facets(self._images(node), self._service_account(node), parameters),
            error=life.error,
            unresolved=(*read.unresolved, *written.unresolved),
            unknown=(*read.unknown, *written.unknown),
        )
        repository, revision = git_of(node)
        code = git_facets(repository, revision) if repository else code_facets(self.workflow.chain)
        return self.workflow.observe(Job(name, "ARGO", "TASK", facets=code), run)

    def _job_name(self, node: Mapping[str, Any]) -> str:
        return f"{self.workflow.name}.{task_path(node, self.nodes, self.workflow.chain[0].name)}"

    def _images(self, node: Mapping[str, Any]) -> list[Image]:
        template = self._template(node)
        containers = [("main", part(template, kind)) for kind in ("container", "script")]
        containers += [(str(each.get("name")), each) for each in items(template, "containerSet", "containers")]
        found = [(name, str(each.get("image") or "")) for name, each in containers]
        return [Image(name, image) for name, image in found if image and "{{" not in image]

    def _service_account(self, node: Mapping[str, Any]) -> str:
        given = self._template(node).get("serviceAccountName") or self.workflow.spec.get("serviceAccountName")
        return str(given or "")

    def _template(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        """The template that a node runs: of the Workflow itself, of the one it was made from, or of another one."""
        reference, status = part(node, "templateRef"), self.workflow.status
        name = str(reference.get("template") or node.get("templateName") or "")
        if reference:
            tail = f"/{reference.get('name')}/{name}"
            stored = part(status, "storedTemplates")
            return next((part(stored, key) for key in sorted(stored) if key.endswith(tail)), {})
        own = [*items(self.workflow.spec, "templates"), *items(status, "storedWorkflowTemplateSpec", "templates")]
        return next((each for each in own if each.get("name") == name), {})


def _nodes(one: Subject) -> tuple[Nodes, list[str]]:
    try:
        return nodes_of(one.status), []
    except ValueError as problem:
        return {}, [str(problem)]


def _life(one: Subject, nodes: Nodes) -> Life | None:
    phase, started_at = one.status.get("phase"), read_time(one.status.get("startedAt"))
    if not phase or started_at is None:
        return None
    ended_at = read_time(one.status.get("finishedAt"))
    if phase == "Succeeded":
        return Life(RunState.SUCCEEDED, started_at, ended_at=ended_at)
    if phase in _FAILED:
        state = RunState.ABORTED if one.spec.get("shutdown") else RunState.FAILED
        error = str(one.status.get("message") or "") or _failures(nodes)
        return Life(state, started_at, ended_at=ended_at, error=error)
    return Life(RunState.RUNNING if phase == "Running" else RunState.STARTED, started_at)


def _failures(nodes: Nodes) -> str:
    """What the failed tasks say, for a Workflow that says nothing itself."""
    failed = [each for each in nodes.values() if each.get("type") == "Pod" and each.get("phase") in _FAILED]
    told = sorted(f"{each.get('displayName')}: {each.get('message') or 'failed'}" for each in failed)
    more = f"; and {len(told) - _MOST_FAILURES} more" if len(told) > _MOST_FAILURES else ""
    return "; ".join(told[:_MOST_FAILURES]) + more


def _life_of_node(node: Mapping[str, Any]) -> Life:
    phase, started_at = node.get("phase"), read_time(node.get("startedAt"))
    if started_at is None:
        raise ValueError(f"node {node.get('id')} has no startedAt")
    ended_at, error = read_time(node.get("finishedAt")), str(node.get("message") or "")
    if phase == "Succeeded":
        return Life(RunState.SUCCEEDED, started_at, ended_at=ended_at)
    if phase in _FAILED:
        state = RunState.ABORTED if error.startswith(_SHUTDOWN) else RunState.FAILED
        return Life(state, started_at, ended_at=ended_at, error=error)
    return Life(RunState.RUNNING if phase == "Running" else RunState.STARTED, started_at)


def _parameters(one: Subject) -> Mapping[str, Any]:
    """Those of the Workflow, and of its template where it does not give them itself."""
    listed = [*items(one.status, "storedWorkflowTemplateSpec", "arguments", "parameters")]
    listed += items(one.spec, "arguments", "parameters")
    return {str(each.get("name")): each.get("value", each.get("default")) for each in listed}


def _nominal_time(one: Subject) -> datetime | None:
    return read_time(one.chain[0].annotations.get(_SCHEDULED_AT))
