"""Which run the operator reports for a pod, told from nothing but the pod at its admission and its owners. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headwater_emitter.pod import RunName

from ..kfp.task import WORKFLOW, Task
from ..kinds.ancestry import is_run, parents_of, stable_name
from ..kinds.argo_nodes import path_of_node_name
from ..kinds.kubeflow_pipelines import NODE_ID, NODE_NAME, task_at_admission
from ..kinds.reading import items, part
from ..observation import ObjectRef, ParentRun
from ..pipeline.pipeline import Pipeline
from ..run_ids import node_run_id, object_run_id
from .cluster_view import ClusterView

POD = "Pod"
OWN_UID = "$(HEADWATER_POD_UID)"
"""Stands for the UID that a pod has not got yet; the kubelet puts it in where the variable is set."""


@dataclass(frozen=True, slots=True)
class PodRun:
    """The run that a pod is a part of. `chain` begins with the object by which a pipeline covers it, `job` is its usual
    name; `run_id` is empty where the object's runs cannot be known at admission. `task` is that of Kubeflow Pipelines.
    """

    chain: tuple[ObjectRef, ...]
    job: str
    run_id: str
    root: ParentRun | None = None
    task: Task | None = None


@dataclass(frozen=True, slots=True)
class RunNames:
    """How the operator calls a run and the one at its root in the lineage."""

    run: RunName
    root: RunName


def pod_ref(pod: Mapping[str, Any], namespace: str) -> ObjectRef:
    """The pod itself, which has no UID at its admission and may have no name."""
    metadata = part(pod, "metadata")
    generated = str(metadata.get("generateName") or "")
    return ObjectRef(
        kind=POD,
        namespace=namespace,
        name=str(metadata.get("name") or generated.rstrip("-.")),
        uid=str(metadata.get("uid") or ""),
        labels=part(metadata, "labels"),
        annotations=part(metadata, "annotations"),
        generate_name=generated,
    )


def find_pod_run(pod: Mapping[str, Any], chain: tuple[ObjectRef, ...], view: ClusterView) -> PodRun | None:
    """The run of a pod whose owners are the rest of the chain; None where its owners are of no kind that is reported.

    Raises ValueError where a pod of Kubeflow Pipelines cannot be read.
    """
    task = task_at_admission(pod, chain)
    if task is not None:
        root = ParentRun(object_run_id(task.workflow.uid), task.pipeline, task.workflow_at)
        return PodRun(chain, task.job, str(node_run_id(task.workflow.uid, task.node_id)), root, task)
    for at in range(1, len(chain)):
        if chain[at].kind != POD and view.kinds.understands(chain[at:]):
            return _owned(pod, chain[0], chain[at:])
    return PodRun(chain, stable_name(chain), OWN_UID) if len(chain) == 1 else None


def name_run(found: PodRun, view: ClusterView) -> RunNames | None:
    """The names of a run and its root; None where it is not reported: no pipeline covers it, or it has no id yet."""
    run = _name(found.run_id, found.job, found.chain, view)
    if run is None:
        return None
    root = found.root
    named = _name(str(root.run_id), root.job, found.chain[root.at :], view) if root else None
    return RunNames(run, named or run)


def covering(found: PodRun, view: ClusterView) -> Pipeline | None:
    """The pipeline that covers the run of a pod, as the operator has it."""
    return view.coverage.match(found.chain).pipeline


def _owned(pod: Mapping[str, Any], own: ObjectRef, chain: tuple[ObjectRef, ...]) -> PodRun:
    nearest = chain[0]
    node_id, node_name = own.annotations.get(NODE_ID), own.annotations.get(NODE_NAME)
    _, root = parents_of(chain)
    if nearest.kind == WORKFLOW and node_id and node_name:
        name = stable_name(chain)
        path = path_of_node_name(node_name, nearest.name) or _template(pod)
        parent = ParentRun(object_run_id(nearest.uid), name, 0)
        return PodRun(chain, f"{name}.{path}", str(node_run_id(nearest.uid, node_id)), root or parent)
    run_id = str(object_run_id(nearest.uid)) if is_run(nearest.kind) else ""
    return PodRun(chain, stable_name(chain), run_id, root)


def _template(pod: Mapping[str, Any]) -> str:
    """The template of a Workflow that is one pod: Argo gives it to its own containers."""
    for container in [*items(pod, "spec", "initContainers"), *items(pod, "spec", "containers")]:
        for variable in items(container, "env"):
            if variable.get("name") == "ARGO_TEMPLATE":
                try:
                    return str(json.loads(str(variable.get("value"))).get("name") or "main")
                except (ValueError, AttributeError):
                    return "main"
    return "main"


def _name(run_id: str, job: str, chain: Sequence[ObjectRef], view: ClusterView) -> RunName | None:
    pipeline = view.coverage.match(chain).pipeline
    if pipeline is None or not run_id:
        return None
    names = view.coverage.job_name(job, chain, pipeline)
    return RunName(run_id, names.namespace, names.name)
