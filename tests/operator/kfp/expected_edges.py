"""The edges that a compiled pipeline has by its specification: read from its tree of components, nothing is run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from .simulation import components

Json = dict[str, Any]
Edge = tuple[str, str, str]
"""A job, `reads` or `writes`, and the address of a dataset."""


def edges_of(compiled: Json, address: Callable[[str], str]) -> set[Edge]:
    """All edges, of all branches. `address` says what dataset an imported URI is."""
    return set(_Tree(compiled, address).walk())


class _Tree:
    def __init__(self, compiled: Json, address: Callable[[str], str]) -> None:
        self._components = dict(components(compiled))
        self._importers = {
            each["name"].removeprefix("implementations-"): json.loads(each["value"])
            for each in compiled["spec"]["arguments"]["parameters"]
            if '"artifactUri"' in each["value"]
        }
        self._pipeline = compiled["metadata"]["generateName"].removesuffix("-")
        self._address = address

    def walk(self) -> Iterator[Edge]:
        root = self._components["root"]
        declared = root.get("inputDefinitions", {}).get("parameters", {})
        values = {key: each["defaultValue"] for key, each in declared.items() if "defaultValue" in each}
        yield from self._dag(root["dag"], (), {}, values)

    def _dag(self, dag: Json, path: tuple[str, ...], given: dict[str, set[str]], values: Json) -> Iterator[Edge]:
        for name, task in dag["tasks"].items():
            component = self._components[task["componentRef"]["name"]]
            below = (*path, name)
            inputs = {key: self._sources(dag, path, given, values, each) for key, each in self._inputs(task)}
            if "dag" in component:
                yield from self._dag(component["dag"], below, inputs, self._values(task, values))
                continue
            job = f"{self._pipeline}.{'.'.join(below)}"
            for sources in inputs.values():
                yield from ((job, "reads", each) for each in sources)
            if task["componentRef"]["name"] not in self._importers:
                for key in component.get("outputDefinitions", {}).get("artifacts", {}):
                    yield job, "writes", self._named(below, key)
            elif "constant" in self._importers[task["componentRef"]["name"]]["artifactUri"]:
                yield job, "writes", self._imported(task, values)

    def _inputs(self, task: Json) -> Iterator[tuple[str, Json]]:
        yield from task.get("inputs", {}).get("artifacts", {}).items()

    def _sources(
        self, dag: Json, path: tuple[str, ...], given: dict[str, set[str]], values: Json, source: Json
    ) -> set[str]:
        if "componentInputArtifact" in source:
            return given.get(source["componentInputArtifact"], set())
        wanted = source["taskOutputArtifact"]
        return set(self._outputs(dag, path, wanted["producerTask"], wanted["outputArtifactKey"], values))

    def _outputs(self, dag: Json, path: tuple[str, ...], producer: str, key: str, values: Json) -> Iterator[str]:
        task = dag["tasks"][producer]
        called = task["componentRef"]["name"]
        inner = self._components[called].get("dag")
        if inner is not None:
            for selector in inner["outputs"]["artifacts"][key]["artifactSelectors"]:
                below = (*path, producer)
                subtask, output = selector["producerSubtask"], selector["outputArtifactKey"]
                yield from self._outputs(inner, below, subtask, output, self._values(task, values))
        elif called in self._importers:
            yield self._imported(task, values)
        else:
            yield self._named((*path, producer), key)

    def _imported(self, task: Json, values: Json) -> str:
        source = self._importers[task["componentRef"]["name"]]["artifactUri"]
        own = self._values(task, values)
        return self._address(source.get("constant") or own[source["runtimeParameter"]])

    def _values(self, task: Json, values: Json) -> Json:
        found = {}
        for key, source in task.get("inputs", {}).get("parameters", {}).items():
            if "runtimeValue" in source:
                found[key] = source["runtimeValue"]["constant"]
            elif source.get("componentInputParameter") in values:
                found[key] = values[source["componentInputParameter"]]
        return found

    def _named(self, path: tuple[str, ...], key: str) -> str:
        return f"k8s://prod/kubeflow/{self._pipeline}/{'.'.join(path)}/{key}"
