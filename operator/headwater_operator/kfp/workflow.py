"""The Workflow of a run of Kubeflow Pipelines: the run itself, and the tasks that no pod tells of.

Those are tasks that were taken from the cache (their executor is skipped), and tasks whose pod was refused or never
given a node. Every other task is told by its pod alone, so nothing is said twice.
"""

from __future__ import annotations

import binascii
import json
import zlib
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from ..observation import ObjectRef
from .launcher import launcher_flags
from .life import Life, life_of_node, main_container, parse_time
from .node_name import parse_node_name, stem
from .task import Task

_EXECUTOR = "system-container-impl"
_IMPORTER = "system-importer"
_EPOCH = "scheduledworkflows.kubeflow.org/workflowEpoch"
_FAILED = ("Failed", "Error")
_MOST_BYTES = 64 * 1024 * 1024
_MOST_FAILURES = 5


@dataclass(frozen=True)
class RunWorkflow:
    """A Workflow that is a run of Kubeflow Pipelines, with its own reference and those of its owners."""

    body: Mapping[str, Any]
    chain: tuple[ObjectRef, ...]

    @property
    def pipeline(self) -> str:
        """The pipeline's name, as every driver is told it. Raises ValueError where the Workflow has none."""
        for template in self._templates():
            words = [str(word) for word in (template.get("container") or {}).get("args") or ()]
            if "--pipeline_name" in words[:-1]:
                return words[words.index("--pipeline_name") + 1]
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
        nodes = self._nodes
        drivers = {stem(str(each.get("name"))): each for each in nodes if each.get("type") == "Pod"}
        for node in nodes:
            if node.get("type") != "Skipped" or not _is_template(node, _EXECUTOR):
                continue
            driver = drivers.get(stem(str(node.get("name"))).removesuffix(".executor") + "-driver", {})
            found = life_of_node({**driver, "phase": "Succeeded"})
            if _parameters(driver.get("outputs")).get("cached-decision") == "true" and found and found.ended_at:
                task = self._task(node, {}, {"cached": True, "driverPod": self._pod_name(driver)})
                yield task, Life(found.state, found.ended_at, found.ended_at)

    def podless_tasks(self) -> Iterator[tuple[Task, Life]]:
        """The failed tasks whose pod no node of the cluster ever took."""
        for node in self._task_nodes():
            life = life_of_node(node)
            if node.get("phase") in _FAILED and not node.get("hostNodeName") and life:
                yield self._task(node, _flags(node)), life

    def started_tasks(self) -> Iterator[Task]:
        """All tasks whose executor or importer was started, whether or not its pod is still there."""
        return (self._task(node, _flags(node)) for node in self._task_nodes())

    def _task(
        self, node: Mapping[str, Any], flags: Mapping[str, str], details: Mapping[str, object] | None = None
    ) -> Task:
        workflow = self.chain[0]
        return Task(
            chain=self.chain,
            workflow_at=0,
            pipeline=self.pipeline,
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
        """The name that Argo gives a node's pod: the Workflow, the template, and the number that ends the node's id."""
        return f"{self.chain[0].name}-{node.get('templateName')}-{str(node.get('id')).rpartition('-')[2]}"

    def _task_nodes(self) -> Iterator[Mapping[str, Any]]:
        pods = (each for each in self._nodes if each.get("type") == "Pod")
        return (each for each in pods if _is_template(each, _EXECUTOR) or _is_template(each, _IMPORTER))

    @cached_property
    def _nodes(self) -> Sequence[Mapping[str, Any]]:
        """The nodes in the order of their ids; Argo compresses them where they are many."""
        status = self._status()
        nodes = status.get("nodes") or {}
        if not nodes and status.get("compressedNodes"):
            nodes = _decompressed(str(status["compressedNodes"]))
        return [node for _, node in sorted(nodes.items())]

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


def _flags(node: Mapping[str, Any]) -> Mapping[str, str]:
    """The launcher's flags that a node was started with: an executor's are in the patch that its driver made."""
    given = _parameters(node.get("inputs"))
    if given.get("importer"):
        return {"importer_spec": given["importer"], "task_spec": given.get("task", "")}
    patch = _object(given["pod-spec-patch"]) if given.get("pod-spec-patch") else {}
    return launcher_flags(main_container(patch)) or {}


def _parameters(holder: Any) -> Mapping[str, str]:
    listed = (holder or {}).get("parameters") or ()
    return {str(each.get("name")): str(each.get("value") or "") for each in listed}


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
