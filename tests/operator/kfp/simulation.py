"""Plays a compiled pipeline through as Argo and the driver of Kubeflow Pipelines do: templates, nodes, scopes, pods.

Loops have two iterations; conditions hold or do not, as a play says; an executor that may be retried fails at first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_URL, uuid5

Json = dict[str, Any]
_PLACEHOLDER = re.compile(r"\{\{(.+?)\}\}")


@dataclass
class Scope:
    """A DAG or a task that was entered: what it was given, and what is inside."""

    component: Json
    artifacts: dict[str, list[Json]]
    parameters: dict[str, Any]
    parent: Scope | None = None
    children: dict[str, list[Scope]] = field(default_factory=dict)
    written: dict[str, Json] = field(default_factory=dict)

    def output(self, key: str) -> list[Json]:
        """What it gives to others under a name."""
        if "dag" not in self.component:
            return [self.written[key]] if key in self.written else []
        items = list(self.children.get("", ())) or [self]
        selectors = (
            self.component["dag"].get("outputs", {}).get("artifacts", {}).get(key, {}).get("artifactSelectors", [])
        )
        return [
            artifact
            for item in items
            for selector in selectors
            for child in item.children.get(selector["producerSubtask"], ())
            for artifact in child.output(selector["outputArtifactKey"])
        ]


@dataclass(frozen=True)
class Dialect:
    """How a release writes names and flags: with Argo's retry around every node, and before or after ML Metadata."""

    wraps_nodes: bool
    has_metadata_store: bool


class Simulation:
    """One play of a compiled Workflow. `pods` are those of drivers, importers and executors, as they start."""

    def __init__(self, compiled: Json, dialect: Dialect, *, conditions_hold: bool) -> None:
        spec = compiled["spec"]
        self._dialect = dialect
        self._hold = conditions_hold
        self._given = {each["name"]: each["value"] for each in spec["arguments"]["parameters"]}
        self._templates: dict[str, Json] = {each["name"]: each for each in spec["templates"]}
        self._scopes: dict[str, Scope] = {}
        self._clock = 0
        self.name = compiled["metadata"]["generateName"] + "x7f2q"
        self.uid = str(uuid5(NAMESPACE_URL, self.name))
        self.run_id = str(uuid5(NAMESPACE_URL, self.uid))
        self.pods: list[Json] = []
        self._nodes: dict[str, Json] = {}
        self._dag("entrypoint", self.name + self._attempt(), {})

    @property
    def workflow(self) -> Json:
        """The Workflow at its end, as Argo leaves it."""
        times = [each[key] for each in self._nodes.values() for key in ("startedAt", "finishedAt")]
        return {
            "kind": "Workflow",
            "metadata": {
                "name": self.name,
                "generateName": self.name.removesuffix("x7f2q"),
                "namespace": "kubeflow",
                "uid": self.uid,
                "labels": {"pipeline/runid": self.run_id},
            },
            "spec": {"templates": list(self._templates.values()), "serviceAccountName": "pipeline-runner"},
            "status": {
                "phase": "Succeeded",
                "startedAt": min(times),
                "finishedAt": max(times),
                "nodes": self._nodes,
            },
        }

    def _attempt(self) -> str:
        return "(0)" if self._dialect.wraps_nodes else ""

    def _dag(self, template: str, node: str, inputs: Mapping[str, str]) -> None:
        tasks = {each["name"]: each for each in self._templates[template]["dag"]["tasks"]}
        done: dict[str, dict[str, str] | None] = {}
        while len(done) < len(tasks):
            for name, task in tasks.items():
                needs = re.findall(r"([\w-]+)\.Succeeded", task.get("depends", ""))
                if name not in done and all(each in done for each in needs):
                    skipped = any(done[each] is None for each in needs)
                    done[name] = None if skipped else self._task(task, node, inputs, done)

    def _task(
        self, task: Json, dag: str, inputs: Mapping[str, str], done: Mapping[str, dict[str, str] | None]
    ) -> dict[str, str] | None:
        known = {f"inputs.parameters.{name}": value for name, value in inputs.items()}
        known |= {f"workflow.parameters.{name}": value for name, value in self._given.items()}
        known |= {f"tasks.{t}.outputs.parameters.{n}": v for t, found in done.items() for n, v in (found or {}).items()}
        if "when" in task and not _holds(_filled(task["when"], known)):
            return None
        node = f"{dag}.{task['name']}"
        if "withSequence" not in task:
            outputs = self._template(task["template"], node + self._attempt(), self._arguments(task, known))
        else:
            outputs = {}
            for item in range(int(_filled(str(task["withSequence"]["count"]), known))):
                arguments = self._arguments(task, known | {"item": str(item)})
                self._template(task["template"], f"{node}({item}:{item}){self._attempt()}", arguments)
        if hook := task.get("hooks", {}).get("exit"):
            self._template(hook["template"], f"{node}.onExit{self._attempt()}", self._arguments(hook, known))
        return outputs

    def _arguments(self, task: Json, known: Mapping[str, str]) -> dict[str, str]:
        listed = task.get("arguments", {}).get("parameters", [])
        given = {each["name"]: _filled(str(each["value"]), known) for each in listed}
        defaults = self._templates[task["template"]].get("inputs", {}).get("parameters", [])
        return {each["name"]: each["default"] for each in defaults if "default" in each} | given

    def _template(self, name: str, node: str, inputs: dict[str, str]) -> dict[str, str]:
        if "dag" in self._templates[name]:
            self._dag(name, node, inputs)
            return {}
        if name == "system-dag-driver":
            return self._drive_dag(name, node, inputs)
        if name == "system-container-driver":
            return self._drive_container(name, node, inputs)
        self._execute(name, node, inputs)
        return {}

    def _drive_dag(self, name: str, node: str, inputs: dict[str, str]) -> dict[str, str]:
        component, task = json.loads(inputs["component"]), json.loads(inputs.get("task") or "{}")
        parent = self._scopes.get(inputs.get("parent-dag-id", ""))
        item = int(inputs.get("iteration-index", "-1"))
        if item >= 0 and parent is not None:
            scope = Scope(component, dict(parent.artifacts), dict(parent.parameters), parent)
            parent.children.setdefault("", []).append(scope)
        else:
            scope = self._enter(component, task, parent, inputs)
        identity = str(len(self._scopes) + 1)
        self._scopes[identity] = scope
        self._pod(name, node, {"name": "main", "command": ["driver"], "args": ["--type", "DAG"]})
        count = 2 if "parameterIterator" in task and item < 0 else 0
        condition = str(self._hold or "condition" not in task.get("triggerPolicy", {})).lower()
        return {"execution-id": identity, "iteration-count": str(count), "condition": condition}

    def _enter(self, component: Json, task: Json, parent: Scope | None, inputs: Mapping[str, str]) -> Scope:
        artifacts, parameters = _resolved(task, parent)
        runtime = json.loads(inputs.get("runtime-config") or "{}").get("parameterValues", {})
        declared = component.get("inputDefinitions", {}).get("parameters", {})
        defaults = {key: each["defaultValue"] for key, each in declared.items() if "defaultValue" in each}
        scope = Scope(component, artifacts, {**defaults, **parameters, **runtime}, parent)
        if parent is not None:
            name = inputs.get("task-name") or task["taskInfo"]["name"]
            parent.children.setdefault(name, []).append(scope)
        return scope

    def _drive_container(self, name: str, node: str, inputs: dict[str, str]) -> dict[str, str]:
        component, task = json.loads(inputs["component"]), json.loads(inputs["task"])
        scope = self._enter(component, task, self._scopes[inputs["parent-dag-id"]], inputs)
        self._pod(name, node, {"name": "main", "command": ["driver"], "args": ["--type", "CONTAINER"]})
        folder = self._folder(task["taskInfo"]["name"], node)
        outputs = component.get("outputDefinitions", {}).get("artifacts", {})
        scope.written = {key: _artifact(key, each["artifactType"], folder) for key, each in outputs.items()}
        logs = _artifact("executor-logs", {"schemaTitle": "system.Artifact"}, folder)
        executor_input = {
            "inputs": {
                "parameterValues": scope.parameters,
                "artifacts": {
                    key: {"artifacts": [self._read(a) for a in some]} for key, some in scope.artifacts.items()
                },
            },
            "outputs": {
                "artifacts": {
                    key: {"artifacts": [each]} for key, each in {**scope.written, "executor-logs": logs}.items()
                },
                "outputFile": "/minio/output_metadata.json",
            },
        }
        main = {"name": "main", "image": "python:3.11", "command": self._launch(executor_input), "args": ["sh", "-ec"]}
        main["args"] += ["--executor_input", "{{$}}", "--"]
        return {"pod-spec-patch": json.dumps({"containers": [main]}), "cached-decision": "false", "condition": "nil"}

    def _launch(self, executor_input: Json) -> list[str]:
        flags = ["--pipeline_name", self.name.removesuffix("-x7f2q"), "--run_id", self.run_id]
        text = json.dumps(executor_input)
        if self._dialect.has_metadata_store:
            flags += ["--execution_id", "42", "--executor_input", text, "--component_spec", "{}", "--cache_disabled"]
        else:
            flags += ["--task_id", str(uuid5(NAMESPACE_URL, text)), f"--executor_input={text}", "--fingerprint", ""]
        return ["/kfp-launcher/launch", *flags, "--ca_cert_path", "", "--log_level", "1", "--"]

    def _read(self, artifact: Json) -> Json:
        """An artifact as its reader is given it."""
        if self._dialect.has_metadata_store:
            return artifact
        title = artifact["type"]["schemaTitle"].removeprefix("system.")
        return {**artifact, "type": {"schemaTitle": title}, "artifactId": str(uuid5(NAMESPACE_URL, artifact["uri"]))}

    def _folder(self, task: str, node: str) -> str:
        salt = uuid5(NAMESPACE_URL, node)
        return f"minio://mlpipeline/v2/artifacts/{self.name.removesuffix('-x7f2q')}/{self.run_id}/{task}/{salt}"

    def _execute(self, name: str, node: str, inputs: dict[str, str]) -> None:
        if name == "system-importer":
            self._import(name, node, inputs)
            return
        (main,) = json.loads(inputs["pod-spec-patch"])["containers"]
        if "retryStrategy" not in self._templates[name]:
            self._pod(name, node, main)
            return
        bare = node.removesuffix("(0)")
        self._pod(name, f"{bare}(0)", main, exit_code=1)
        self._pod(name, f"{bare}(1)", main)

    def _import(self, name: str, node: str, inputs: dict[str, str]) -> None:
        component, task, spec = (json.loads(inputs[each]) for each in ("component", "task", "importer"))
        scope = self._enter(component, task, self._scopes[inputs["parent-dag-id"]], inputs)
        source = spec["artifactUri"]
        uri = source.get("constant") or scope.parameters[source["runtimeParameter"]]
        scope.written = {"artifact": {"name": uri.rpartition("/")[2], "type": spec["typeSchema"], "uri": uri}}
        known = {f"inputs.parameters.{key}": value for key, value in inputs.items()} | {"workflow.uid": self.run_id}
        container = self._templates[name]["container"]
        args = [_filled(each, known) for each in container["args"]]
        if not self._dialect.has_metadata_store:
            place = args.index("--task_spec")
            args[place : place + 2] = ["--task_name", task["taskInfo"]["name"]]
        self._pod(name, node, {"name": "main", "image": "kfp-launcher", "command": ["launcher-v2"], "args": args})

    def _pod(self, template: str, node: str, main: Json, *, exit_code: int = 0) -> None:
        self._clock += 10
        minute, second = divmod(self._clock, 60)
        hour, minute = divmod(minute, 60)
        start, end = (f"2026-11-22T{10 + hour}:{minute:02}:{second + more:02}Z" for more in (2, 5))
        number = str(int(uuid5(NAMESPACE_URL, node)) % 10**10)
        state = {"exitCode": exit_code, "reason": "Error" if exit_code else "Completed", "startedAt": start}
        roles = {"system-dag-driver": "dag-driver", "system-container-driver": "container-driver"}
        role = roles.get(template, "importer" if template == "system-importer" else "container-executor")
        labels = {"pipeline/runid": self.run_id, "pipelines.kubeflow.org/v2_component": "true"}
        if not self._dialect.has_metadata_store:
            labels["pipelines.kubeflow.org/pod-role"] = role
        emissary = ["/var/run/argo/argoexec", "emissary", "--loglevel", "info", "--"]
        given = {"pod-spec-patch": json.dumps({"containers": [main]})} if template.endswith("-impl") else {}
        if template == "system-importer":
            flags = dict(zip(main["args"], main["args"][1:], strict=False))
            given = {"importer": flags["--importer_spec"], "task": flags.get("--task_spec", "")}
        self._nodes[f"{self.name}-{number}"] = {
            "id": f"{self.name}-{number}",
            "name": node,
            "type": "Pod",
            "templateName": template,
            "phase": "Failed" if exit_code else "Succeeded",
            "startedAt": start,
            "finishedAt": end,
            "hostNodeName": "worker",
            "inputs": {"parameters": [{"name": name, "value": value} for name, value in given.items()]},
        }
        owner = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": self.name, "uid": self.uid}
        self.pods.append(
            {
                "kind": "Pod",
                "apiVersion": "v1",
                "metadata": {
                    "name": f"{self.name}-{template}-{number}",
                    "namespace": "kubeflow",
                    "uid": str(uuid5(NAMESPACE_URL, node + "/pod")),
                    "creationTimestamp": f"2026-11-22T{10 + hour}:{minute:02}:{second:02}Z",
                    "labels": labels,
                    "annotations": {
                        "workflows.argoproj.io/node-id": f"{self.name}-{number}",
                        "workflows.argoproj.io/node-name": node,
                    },
                    "ownerReferences": [owner | {"controller": True}],
                },
                "spec": {
                    "nodeName": "worker",
                    "serviceAccountName": "pipeline-runner",
                    "containers": [{"name": "wait"}, {**main, "command": [*emissary, *main["command"]]}],
                },
                "status": {
                    "phase": "Failed" if exit_code else "Succeeded",
                    "containerStatuses": [{"name": "main", "state": {"terminated": state | {"finishedAt": end}}}],
                },
            }
        )


def _resolved(task: Json, parent: Scope | None) -> tuple[dict[str, list[Json]], dict[str, Any]]:
    """What a task is given, out of its parent's scope."""
    given = task.get("inputs", {})
    artifacts: dict[str, list[Json]] = {}
    parameters: dict[str, Any] = {}
    for key, source in given.get("artifacts", {}).items():
        if "componentInputArtifact" in source and parent:
            artifacts[key] = parent.artifacts.get(source["componentInputArtifact"], [])
        elif parent:
            wanted = source["taskOutputArtifact"]
            producers = parent.children.get(wanted["producerTask"], [])
            artifacts[key] = [each for one in producers for each in one.output(wanted["outputArtifactKey"])]
    for key, source in given.get("parameters", {}).items():
        if "runtimeValue" in source:
            parameters[key] = source["runtimeValue"]["constant"]
        elif "componentInputParameter" in source and parent:
            parameters[key] = parent.parameters.get(source["componentInputParameter"], "x")
    return artifacts, parameters


def _artifact(key: str, schema: Json, folder: str) -> Json:
    return {"name": key, "type": schema, "uri": f"{folder}/{key}"}


def _filled(text: str, known: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: known.get(found[1], found[0]), text)


def _holds(condition: str) -> bool:
    left, right = (each.strip() for each in condition.split("!="))
    return left != right


def components(compiled: Json) -> Iterator[tuple[str, Json]]:
    """The components of a compiled pipeline, by the names that tasks call them by, as its parameters hold them."""
    given = {each["name"]: each["value"] for each in compiled["spec"]["arguments"]["parameters"]}
    for name, value in given.items():
        if name.startswith("components-comp-") or name == "components-root":
            yield name.removeprefix("components-"), json.loads(value)
    for template in compiled["spec"]["templates"]:
        for task in template.get("dag", {}).get("tasks", ()):
            arguments = {each["name"]: each["value"] for each in task.get("arguments", {}).get("parameters", ())}
            if "task" in arguments and "component" in arguments:
                called = json.loads(arguments["task"])["componentRef"]["name"]
                held = _PLACEHOLDER.fullmatch(arguments["component"])
                if held:
                    yield called, json.loads(given[held[1].removeprefix("workflow.parameters.")])
