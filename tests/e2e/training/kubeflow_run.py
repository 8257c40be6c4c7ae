"""A run of Kubeflow Pipelines in a cluster that has none: what its API server, its drivers and Argo would do is done
here, and its pods really run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from ..kubernetes_access import Namespace, Object
from .compiled_pipeline import CompiledPipeline, Task
from .task_pods import ACCOUNT, SECRET, SELF, SERVER, Node, RunOfPods

WORKFLOW = "workflows.argoproj.io"


@dataclass(frozen=True)
class Ended:
    """A run that has ended: its Workflow, and its tasks."""

    workflow: Object
    tasks: tuple[Task, ...]

    def output(self, task: str, key: str) -> str:
        """The URI of an output of a task."""
        (found,) = [each for each in self.tasks if each.name == task]
        return found.output(key)


class KubeflowRun:
    """Plays one run of a pipeline in a namespace. `claim` is the volume that stands in for object stores."""

    def __init__(self, namespace: Namespace, pipeline: CompiledPipeline, image: str, claim: str) -> None:
        self._namespace = namespace
        self._pipeline = pipeline
        self._id = str(uuid4())
        self._name = f"{pipeline.name}-{self._id[:5]}"
        self._nodes: dict[str, Object] = {}
        namespace.apply(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT}},
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET}, "stringData": {"accesskey": "minio"}},
            self._workflow(),
        )
        self._patch({"phase": "Running", "startedAt": _now(), "nodes": {}})
        self._pods = RunOfPods(self._get(), self._id, image, claim)

    def play(self) -> Ended:
        """Runs its tasks one after the other, and gives the run as it ended."""
        driven = ("--type", "ROOT_DAG", "--pipeline_name", self._pipeline.name)
        self._run(self._pods.driver(self._node("root-driver", "system-dag-driver"), "dag-driver", *driven))
        tasks = tuple(self._pipeline.tasks(self._id))
        for task in tasks:
            if task.importer is not None:
                self._import(task)
            else:
                self._execute(task)
        self._patch({"phase": "Succeeded", "finishedAt": _now()})
        return Ended(self._get(), tasks)

    def _import(self, task: Task) -> None:
        assert task.importer is not None
        node = self._node(f"root(0).{task.name}", "system-importer")
        given = ("--task_name", task.name, "--pipeline_name", self._pipeline.name)
        self._run(self._pods.importer(node, task.importer, *given), {"importer": json.dumps(task.importer)})

    def _execute(self, task: Task) -> None:
        driven = ("--type", "CONTAINER", "--pipeline_name", self._pipeline.name, "--task_name", task.name)
        driver = self._node(f"root(0).{task.name}-driver", "system-container-driver")
        self._run(self._pods.driver(driver, "container-driver", *driven))
        node, patch = self._node(f"root(0).{task.name}(0).executor", "system-container-impl"), self._pod_patch(task)
        self._run(self._pods.executor(node, patch), {"pod-spec-patch": json.dumps(patch)})

    def _pod_patch(self, task: Task) -> Object:
        """What a task's driver puts into the pod of its executor."""
        assert task.container is not None
        launcher = [
            *("/kfp-launcher/launch", "--executor_type", "container", "--pipeline_name", self._pipeline.name),
            *("--run_id", self._id, "--task_id", str(uuid4()), "--parent_task_id", str(uuid4())),
            *("--executor_input", json.dumps(task.executor_input), *SELF, *SERVER),
            *("--publish_logs", "true", "--task_name", task.name, "--ml_pipeline_tls_enabled=false"),
            *("--ca_cert_path", "", "--cache_disabled=false", "--log_level", "1", "--"),
        ]
        users = [*task.container["command"], *task.container["args"]]
        return {"containers": [{"name": "main", "image": task.container["image"], "command": launcher, "args": users}]}

    def _run(self, pod: Object, inputs: dict[str, str] | None = None) -> None:
        """Creates a pod, waits until it has ended, and tells the Workflow as Argo does."""
        metadata = pod["metadata"]
        name, began = metadata["name"], _now()
        self._namespace.kubectl("create", "--filename", "-", given=json.dumps(pod))
        ended = self._namespace.wait_for("v1/Pod", name, _has_ended)
        logs = self._namespace.kubectl("logs", name, "--container", "main")
        assert ended["status"]["phase"] == "Succeeded", f"{name}: {logs}"
        node = metadata["annotations"]["workflows.argoproj.io/node-name"]
        node_id = metadata["annotations"]["workflows.argoproj.io/node-id"]
        told = {
            "id": node_id,
            "name": node,
            "displayName": node.rpartition(".")[2],
            "type": "Pod",
            "phase": "Succeeded",
            "templateName": metadata["annotations"]["pipelines.kubeflow.org/template-name"],
            "templateScope": f"local/{self._name}",
            "hostNodeName": ended["spec"]["nodeName"],
            "startedAt": began,
            "finishedAt": _now(),
            "inputs": {"parameters": [{"name": key, "value": text} for key, text in (inputs or {}).items()]},
        }
        self._patch({"nodes": {node_id: told}})
        self._namespace.kubectl("label", "pod", name, "--overwrite", "workflows.argoproj.io/completed=true")

    def _node(self, path: str, template: str) -> Node:
        return Node(f"{self._name}(0).{path}(0)", template)

    def _get(self) -> Object:
        found: Object = json.loads(self._namespace.kubectl("get", WORKFLOW, self._name, "--output", "json"))
        return found

    def _patch(self, status: Object) -> None:
        self._namespace.kubectl(
            "patch", WORKFLOW, self._name, "--type=merge", "--patch", json.dumps({"status": status})
        )

    def _workflow(self) -> Object:
        """The Workflow that Kubeflow's API server compiles the pipeline to, without what only Argo reads."""
        config = json.dumps({"parameterValues": self._pipeline.parameters})
        root = {
            "parameters": [{"name": "runtime-config", "value": config}, {"name": "driver-type", "value": "ROOT_DAG"}]
        }
        driver = {
            "image": "driver",
            "command": ["driver"],
            "args": ["--type", "{{inputs.parameters.driver-type}}", "--pipeline_name", self._pipeline.name],
        }
        return {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Workflow",
            "metadata": {
                "name": self._name,
                "generateName": f"{self._pipeline.name}-",
                "labels": {"pipeline/runid": self._id},
                "annotations": {
                    "pipelines.kubeflow.org/run_name": f"{self._pipeline.name} of today",
                    "workflows.argoproj.io/pod-name-format": "v2",
                },
            },
            "spec": {
                "entrypoint": "entrypoint",
                "serviceAccountName": ACCOUNT,
                "templates": [
                    {
                        "name": "entrypoint",
                        "dag": {"tasks": [{"name": "root-driver", "template": "system-dag-driver", "arguments": root}]},
                    },
                    {"name": "system-dag-driver", "container": driver},
                ],
            },
        }


def _has_ended(pod: Object) -> bool:
    return pod.get("status", {}).get("phase") in ("Succeeded", "Failed")


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
