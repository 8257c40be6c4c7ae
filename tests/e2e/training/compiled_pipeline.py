"""A compiled pipeline, as the drivers of Kubeflow Pipelines read it: its tasks, and what each is given and is to write.

What it does not have is not read: loops, conditions, nested pipelines, output parameters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any
from uuid import uuid4

import yaml

from ..kubernetes_access import Object

ROOT = "minio://mlpipeline/v2/artifacts"
"""Kubeflow's own pipeline root."""
SCRATCH = "/minio/"
"""Where an executor has what lies behind minio://."""


@dataclass(frozen=True)
class Task:
    """A task of a run: an importer with its spec, or a container with what a driver gives it."""

    name: str
    importer: Object | None = None
    container: Object | None = None
    executor_input: Object | None = None

    def output(self, key: str) -> str:
        """The URI of an output."""
        assert self.executor_input is not None
        (artifact,) = self.executor_input["outputs"]["artifacts"][key]["artifacts"]
        return str(artifact["uri"])


@dataclass(frozen=True)
class CompiledPipeline:
    """The specification that `kfp dsl compile` writes."""

    spec: Object

    @classmethod
    def parse(cls, text: str) -> CompiledPipeline:
        """Reads it."""
        return cls(yaml.safe_load(text))

    @property
    def name(self) -> str:
        """The pipeline's name."""
        return str(self.spec["pipelineInfo"]["name"])

    @property
    def parameters(self) -> Object:
        """The pipeline's parameters, with their defaults."""
        declared = self.spec["root"]["inputDefinitions"]["parameters"]
        return {name: each["defaultValue"] for name, each in declared.items()}

    def tasks(self, run_id: str) -> Iterator[Task]:
        """The tasks of a run, producers first."""
        tasks = self.spec["root"]["dag"]["tasks"]
        made: dict[tuple[str, str], Object] = {}
        for name in TopologicalSorter(
            {name: each.get("dependentTasks", ()) for name, each in tasks.items()}
        ).static_order():
            component = self.spec["components"][tasks[name]["componentRef"]["name"]]
            executor = self.spec["deploymentSpec"]["executors"][component["executorLabel"]]
            if importer := executor.get("importer"):
                made[name, "artifact"] = _imported(importer)
                yield Task(name, importer=importer)
                continue
            given = {key: made[_producer(each)] for key, each in tasks[name]["inputs"]["artifacts"].items()}
            outputs = self._outputs(component, f"{ROOT}/{self.name}/{run_id}/{name}/{uuid4()}")
            made |= {(name, key): _as_input(each) for key, each in outputs["artifacts"].items()}
            inputs = {"artifacts": given, "parameterValues": self._values(tasks[name]["inputs"])}
            yield Task(name, container=executor["container"], executor_input={"inputs": inputs, "outputs": outputs})

    def _values(self, inputs: Object) -> Object:
        declared = inputs.get("parameters", {})
        return {name: self.parameters[each["componentInputParameter"]] for name, each in declared.items()}

    @staticmethod
    def _outputs(component: Object, folder: str) -> Object:
        declared = component["outputDefinitions"]["artifacts"]
        types = {name: each["artifactType"] for name, each in declared.items()}
        types["executor-logs"] = {"schemaTitle": "system.Artifact"}
        return {
            "artifacts": {
                name: _one(name=name, type=type_, uri=f"{folder}/{name}") for name, type_ in sorted(types.items())
            },
            "outputFile": f"{SCRATCH}{folder.partition('://')[2]}/output_metadata.json",
        }


def _producer(given: Object) -> tuple[str, str]:
    artifact = given["taskOutputArtifact"]
    return artifact["producerTask"], artifact["outputArtifactKey"]


def _imported(importer: Object) -> Object:
    uri = importer["artifactUri"]["constant"]
    return _as_input(_one(name=uri.rpartition("/")[2], type=importer["typeSchema"], uri=uri))


def _as_input(made: Object) -> Object:
    """An artifact as the driver of its consumer tells it: by its short type, and with Kubeflow's own id."""
    (artifact,) = made["artifacts"]
    short = {"schemaTitle": artifact["type"]["schemaTitle"].removeprefix("system.")}
    return _one(name=artifact["name"], type=short, uri=artifact["uri"], artifactId=str(uuid4()))


def _one(**artifact: Any) -> Object:
    return {"artifacts": [artifact]}
