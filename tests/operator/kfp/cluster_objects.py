"""Pods and Workflows of Kubeflow Pipelines, made as the tests need them."""

from __future__ import annotations

import json
from typing import Any
from zlib import crc32

Json = dict[str, Any]

WORKFLOW = "train-x7f2q"
WORKFLOW_UID = "62b24299-b3d2-45a6-936b-ec62d867d1fe"
RUN_ID = "f1e00bb3-bcfa-4d20-bd38-4aee5fc5d4e4"
ROOT = f"s3://mlpipeline/v2/artifacts/train/{RUN_ID}"
EMISSARY = ("/var/run/argo/argoexec", "emissary", "--loglevel", "info", "--")


def at(second: int) -> str:
    return f"2026-11-22T23:10:{second:02}Z"


def uri(task: str, output: str) -> str:
    return f"{ROOT}/{task}/8aa845c4-6b11-4122-aa02-b0696fd6d601/{output}"


def artifact(type_name: str = "system.Dataset", **facts: Any) -> Json:
    return {"artifacts": [{"type": {"schemaTitle": type_name}, **facts}]}


def executor_input(inputs: Json | None = None, outputs: Json | None = None, **parameters: Any) -> str:
    given = {"artifacts": inputs or {}, "parameterValues": parameters}
    return json.dumps({"inputs": given, "outputs": {"artifacts": outputs or {}}})


def launch(task: str = "fit", given: str | None = None, **flags: str) -> list[str]:
    """The launcher's command."""
    known = {"pipeline_name": "train", "run_id": RUN_ID, "task_id": f"id of {task}"}
    known |= {"executor_input": executor_input() if given is None else given} | flags
    return ["/kfp-launcher/launch", *(word for name, value in known.items() for word in (f"--{name}", value)), "--"]


def pod(task: str = "fit", command: list[str] | None = None, *, node: str = "", **facts: Any) -> Json:
    """An executor's pod that nothing is known of yet but where it is to run."""
    node = node or f"{WORKFLOW}.root.{task}.executor"
    main = {"name": "main", "image": "python:3.11", "command": [*EMISSARY, *(command or launch(task))]}
    return {
        "kind": "Pod",
        "metadata": {
            "name": f"{WORKFLOW}-system-container-impl-{abs(hash(node))}",
            "namespace": "ml",
            "uid": f"uid of {node}",
            "creationTimestamp": at(0),
            "labels": {"pipeline/runid": RUN_ID, "pipelines.kubeflow.org/pod-role": "container-executor"},
            "annotations": {"workflows.argoproj.io/node-id": node, "workflows.argoproj.io/node-name": node},
            "ownerReferences": [
                {
                    "apiVersion": "argoproj.io/v1alpha1",
                    "kind": "Workflow",
                    "name": WORKFLOW,
                    "uid": WORKFLOW_UID,
                    "controller": True,
                }
            ],
            **facts.pop("metadata", {}),
        },
        "spec": {"nodeName": "worker", "containers": [{"name": "wait"}, main], **facts.pop("spec", {})},
        "status": {"phase": "Pending", **facts},
    }


def main_state(**state: Json) -> list[Json]:
    """The statuses of containers with that of the task."""
    return [{"name": "wait", "state": {}}, {"name": "main", "state": state}]


def ended(code: int = 0, *, start: int = 10, end: int = 20, **facts: Any) -> Json:
    """The state of a container that ended."""
    reason = "Error" if code else "Completed"
    return {"exitCode": code, "reason": reason, "startedAt": at(start), "finishedAt": at(end), **facts}


def finished(task: str = "fit", given: str | None = None, *, code: int = 0, node: str = "", **facts: Any) -> Json:
    """An executor's pod that ended."""
    phase = "Failed" if code else "Succeeded"
    statuses = main_state(terminated=ended(code))
    return pod(task, launch(task, given), node=node, phase=phase, containerStatuses=statuses, **facts)


def workflow(*nodes: Json, phase: str = "Running", metadata: Json | None = None, **status: Any) -> Json:
    """A Workflow with nodes."""
    return {
        "kind": "Workflow",
        "metadata": {
            "name": WORKFLOW,
            "generateName": "train-",
            "namespace": "ml",
            "uid": WORKFLOW_UID,
            "labels": {"pipeline/runid": RUN_ID, **(metadata or {})},
        },
        "spec": {"templates": []},
        "status": {"phase": phase, "startedAt": at(1), "nodes": {each["id"]: each for each in nodes}, **status},
    }


def node(name: str, kind: str = "Pod", template: str = "system-container-impl", **facts: Any) -> Json:
    """A node of the Workflow, below the root."""
    full = f"{WORKFLOW}.root.{name}"
    return {"id": f"{WORKFLOW}-{crc32(full.encode())}", "name": full, "type": kind, "templateName": template, **facts}


def parameters(**values: str) -> Json:
    return {"parameters": [{"name": name.replace("_", "-"), "value": value} for name, value in values.items()]}
