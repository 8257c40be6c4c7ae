"""The Workflow of a run of Kubeflow Pipelines: the run itself, and what it tells of its tasks.

Of some tasks no pod tells: those that were taken from the cache (their executor is skipped), and those whose pod was
refused or never given a node. Every other task is told by its pod, and by the Workflow only where that pod is gone.
"""

from __future__ import annotations

import binascii
import json
import zlib
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from ..observation import ObjectRef
from .launcher import flags_of, launcher_flags
from .life import Life, life_of_node, main_container, parse_time
from .node_name import parse_node_name, stem
from .task import Task

_EXECUTOR = "system-container-impl"
_IMPORTER = "system-importer"
_PATCH = "pod-spec-patch"
_EPOCH = "scheduledworkflows.kubeflow.org/workflowEpoch"
_FIRST_VERSION = ("pipelines.kubeflow.org/kfp_sdk_version", "pipelines.kubeflow.org/pipeline_spec")
_POD_NAMES = "workflows.argoproj.io/pod-name-format"
_LONGEST_POD_PREFIX = 242
_SCHEDULE = "scheduledworkflows.kubeflow.org/scheduledWorkflowName"
_FAILED = ("Failed", "Error")
_MOST_BYTES = 64 * 1024 * 1024
_MOST_FAILURES = 5


def is_of_first_version(body: Mapping[str, Any]) -> bool:
    """Whether a Workflow with a run's label was compiled for the first version of Kubeflow Pipelines. That is a plain
    Workflow of Argo, without drivers and launchers, and with its compiler's marks."""
    templates = (body.get("spec") or {}).get("templates") or ()
    marks = (body["metadata"].get("annotations") or {}).keys() | (body["metadata"].get("labels") or {}).keys()
    return not marks.isdisjoint(_FIRST_VERSION) and not any(_is_driver(str(each.get("name"))) for each in templates)


@dataclass(frozen=True)
class TaskPod:
    """The pod that a node of a Workflow had, as far as the Workflow tells: what it was called, and the image that the
    task ran in."""

    ref: ObjectRef
    image: str
    service_account: str


@dataclass(frozen=True)
class RunWorkflow:
    """A Workflow that is a run of Kubeflow Pipelines, with its own reference and those of its owners."""

    body: Mapping[str, Any]
    chain: tuple[ObjectRef, ...]

    @property
    def pipeline(self) -> str:
        """The pipeline's name, as every driver is told it. Raises ValueError where the Workflow has none."""
        for template in self._templates():
            args = (template.get("container") or {}).get("args") or ()
            if name := flags_of([str(word) for word in args]).get("pipeline_name"):
                return name
        generated = str(self.body["metadata"].get("generateName") or "").removesuffix("-")
        if not generated:
            raise ValueError(f"Workflow {self.chain[0].name} names no pipeline")
        return generated

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The pipeline's parameters, as the root's driver is given them."""
        for template in self._templates():
            for task in (template.get("dag") or {}).get("tasks") or ():
                config = _parameters(task.get("arguments")).get("runtime-config")
                if task.get("name") == "root-driver" and config:
                    return _object(config).get("parameterValues") or {}
        return {}

    @property
    def run_name(self) -> str:
        """The name that people gave the run."""
        return str((self.body["metadata"].get("annotations") or {}).get("pipelines.kubeflow.org/run_name") or "")

    @property
    def nominal_time(self) -> datetime | None:
        """When a recurring run was due."""
        epoch = str((self.body["metadata"].get("labels") or {}).get(_EPOCH) or "")
        return datetime.fromtimestamp(int(epoch), UTC) if epoch.isdecimal() else None

    @property
    def recurring_run(self) -> str:
        """The recurring run that started it, as the cluster calls it."""
        return str((self.body["metadata"].get("labels") or {}).get(_SCHEDULE) or "")

    @property
    def has_hidden_nodes(self) -> bool:
        """Whether Argo keeps the nodes in its own database, as it does with very large Workflows."""
        return bool(self._status().get("offloadNodeStatusVersion"))

    def life(self) -> Life | None:
        """How far the run is; None before it began. Where Argo gives no reason, the failed tasks are the reason."""
        status = self._status()
        if parse_time(status.get("startedAt")) is None:
            return None
        if status.get("phase") in _FAILED and not status.get("message"):
            status = {**status, "message": self._failures()}
        return life_of_node(status)

    def cached_tasks(self) -> Iterator[tuple[Task, Life]]:
        """The tasks that were taken from the cache; each is told by its skipped executor and began and ended when its
        driver found that out."""
        for node in self._nodes:
            if node.get("type") != "Skipped" or not _is_template(node, _EXECUTOR):
                continue
            driver = self._driver(node)
            found = life_of_node({**driver, "phase": "Succeeded"})
            if _parameters(driver.get("outputs")).get("cached-decision") == "true" and found and found.ended_at:
                task = self._task(node, {}, {"cached": True, "driverPod": self._pod_name(driver)})
                yield task, Life(found.state, found.ended_at, found.ended_at)

    def podless_tasks(self) -> Iterator[tuple[Task, Life]]:
        """The failed tasks whose pod no node of the cluster ever took."""
        for node in self._task_nodes():
            life = life_of_node(node)
            if _is_podless(node) and life:
                yield self._task(node, self._flags(node)), life

    def ended_tasks(self) -> Iterator[tuple[Task, Life, TaskPod]]:
        """The tasks that had a pod and have ended, and their pods: they may be gone by now."""
        for node in self._task_nodes():
            life = life_of_node(node)
            if life is not None and life.state.is_final and not _is_podless(node):
                pod = self._pod(node)
                task = self._task(node, self._flags(node))
                yield replace(task, chain=(pod.ref, *self.chain), workflow_at=1), life, pod

    def started_tasks(self) -> Iterator[Task]:
        """All tasks whose executor or importer was started, whether or not its pod is still there."""
        return (self._task(node, self._flags(node)) for node in self._task_nodes())

    def output_parameters(self, node_id: str) -> Mapping[str, str]:
        """The output parameters that a node shows."""
        return next((_parameters(each.get("outputs")) for each in self._nodes if each.get("id") == node_id), {})

    def _task(
        self, node: Mapping[str, Any], flags: Mapping[str, str], details: Mapping[str, object] | None = None
    ) -> Task:
        workflow = self.chain[0]
        return Task(
            chain=self.chain,
            workflow_at=0,
            pipeline=flags.get("pipeline_name") or self.pipeline,
            node_id=str(node["id"]),
            node=parse_node_name(str(node["name"]), workflow.name),
            flags=flags,
            details=details or {},
        )

    def _failures(self) -> str:
        failed = [each for each in self._nodes if each.get("type") == "Pod" and each.get("phase") in _FAILED]
        told = sorted(f"{_short(each, self.chain[0].name)}: {each.get('message') or 'failed'}" for each in failed)
        more = f"; and {len(told) - _MOST_FAILURES} more" if len(told) > _MOST_FAILURES else ""
        return "; ".join(told[:_MOST_FAILURES]) + more

    def _pod_name(self, node: Mapping[str, Any]) -> str:
        """The name that Argo gives a node's pod: the Workflow, the template, and the number that ends the node's id;
        formerly just that id."""
        node_id = str(node.get("id"))
        if self.chain[0].annotations.get(_POD_NAMES) == "v1":
            return node_id
        prefix = f"{self.chain[0].name}-{node.get('templateName')}"[:_LONGEST_POD_PREFIX]
        return f"{prefix}-{node_id.rpartition('-')[2]}"

    def _pod(self, node: Mapping[str, Any]) -> TaskPod:
        """The pod that a node had, with the labels and annotations that its template gives it."""
        spec = self.body.get("spec") or {}
        template = next((each for each in self._templates() if each.get("name") == node.get("templateName")), {})
        given = [spec.get("podMetadata") or {}, template.get("metadata") or {}]
        labels, annotations = (
            {key: text for each in given for key, text in (each.get(part) or {}).items() if "{{" not in text}
            for part in ("labels", "annotations")
        )
        ref = ObjectRef("Pod", self.chain[0].namespace, self._pod_name(node), "", labels, annotations)
        image = self._main(node).get("image") or (template.get("container") or {}).get("image") or ""
        account = template.get("serviceAccountName") or spec.get("serviceAccountName") or ""
        return TaskPod(ref, str(image), str(account))

    def _flags(self, node: Mapping[str, Any]) -> Mapping[str, str]:
        """The launcher's flags that a node was started with: an executor's are in the patch that its driver made."""
        given = _parameters(node.get("inputs"))
        if given.get("importer"):
            return {"importer_spec": given["importer"], "task_spec": given.get("task", "")}
        return launcher_flags(self._main(node)) or {}

    def _main(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        """The task's container, by the patch that the node was given or, where that is not there, that its driver
        gave out."""
        patch = _parameters(node.get("inputs")).get(_PATCH)
        if not patch and _is_template(node, _EXECUTOR):
            patch = _parameters(self._driver(node).get("outputs")).get(_PATCH)
        return main_container(_object(patch)) if patch else {}

    def _driver(self, executor: Mapping[str, Any]) -> Mapping[str, Any]:
        """The node that decided about an executor's; empty where there is none."""
        return self._drivers.get(stem(str(executor.get("name"))).removesuffix(".executor") + "-driver", {})

    @cached_property
    def _drivers(self) -> Mapping[str, Mapping[str, Any]]:
        return {stem(str(each.get("name"))): each for each in self._nodes if each.get("type") == "Pod"}

    def _task_nodes(self) -> Iterator[Mapping[str, Any]]:
        """The nodes of executors and importers; one that cannot be told hides no other."""
        for each in self._nodes:
            if each.get("type") == "Pod" and (_is_template(each, _EXECUTOR) or _is_template(each, _IMPORTER)):
                try:
                    parse_node_name(str(each.get("name")), self.chain[0].name)
                    life_of_node(each)
                except ValueError:
                    continue
                yield each

    @cached_property
    def _nodes(self) -> Sequence[Mapping[str, Any]]:
        """The nodes in the order of their ids; Argo compresses them where they are many."""
        status = self._status()
        nodes = status.get("nodes") or {}
        if not nodes and status.get("compressedNodes"):
            nodes = _decompressed(str(status["compressedNodes"]))
        return [node for _, node in sorted(nodes.items()) if isinstance(node, Mapping) and node.get("id")]

    def _templates(self) -> Sequence[Mapping[str, Any]]:
        templates: Sequence[Mapping[str, Any]] = (self.body.get("spec") or {}).get("templates") or ()
        return templates

    def _status(self) -> Mapping[str, Any]:
        status: Mapping[str, Any] = self.body.get("status") or {}
        return status


def _is_template(node: Mapping[str, Any], template: str) -> bool:
    """Whether a node is of a template; the compiler puts `retry-` and the like before the name."""
    return str(node.get("templateName") or "").endswith(template)


def _short(node: Mapping[str, Any], workflow: str) -> str:
    try:
        return parse_node_name(str(node.get("name")), workflow).path
    except ValueError:
        return str(node.get("displayName") or node.get("name"))


def _is_driver(template: str) -> bool:
    return template.endswith("system-dag-driver")


def _is_podless(node: Mapping[str, Any]) -> bool:
    """Whether a node failed before a node of the cluster took its pod."""
    return node.get("phase") in _FAILED and not node.get("hostNodeName")


def _parameters(holder: Any) -> Mapping[str, str]:
    listed = holder.get("parameters") if isinstance(holder, Mapping) else None
    found = [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, Sequence) else []
    return {str(each.get("name")): str(each.get("value") or "") for each in found}


def _object(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _decompressed(text: str) -> Mapping[str, Any]:
    """The nodes out of base64 and gzip; none where they are broken or larger than any that Argo writes."""
    unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        return _object(unpack.decompress(b64decode(text), _MOST_BYTES).decode())
    except (binascii.Error, zlib.error, UnicodeDecodeError):
        return {}
