"""What a task is given and is to write: the driver's ExecutorInput, and an importer's spec."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .cutting import cut_metadata, cut_values

LOGS = "executor-logs"
"""The output that every task has: its log. It is no lineage."""

_SHORT = 8_000
"""Up to which length an ExecutorInput is not worth a look for what could be cut."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One artifact: the input or output it is of the task at hand, its type without `system.`, and its URI.

    An input's `name` is its producer's output. Metrics have no URI as an input; `artifact_id` is Kubeflow's own.
    """

    key: str
    name: str = ""
    type: str = ""
    uri: str = ""
    artifact_id: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExecutorInput:
    """The parameters of a task, what it reads, and what it writes if it succeeds.

    `output_file` is where its `output_metadata.json` will be, `parameter_files` where each output parameter will be.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[Artifact, ...] = ()
    outputs: tuple[Artifact, ...] = ()
    output_file: str = ""
    parameter_files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImporterSpec:
    """What an importer imports: a URI, or the input parameter that holds it."""

    uri: str = ""
    parameter: str = ""
    type: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


def parse_executor_input(text: str) -> ExecutorInput:
    """Reads an ExecutorInput. Raises ValueError where it is not one."""
    whole = _object(text, "--executor_input")
    try:
        inputs, outputs = whole.get("inputs") or {}, whole.get("outputs") or {}
        return ExecutorInput(
            parameters=dict(sorted((inputs.get("parameterValues") or {}).items())),
            inputs=tuple(_artifacts(inputs)),
            outputs=tuple(each for each in _artifacts(outputs) if each.key != LOGS),
            output_file=str(outputs.get("outputFile") or ""),
            parameter_files={
                name: str(each["outputFile"])
                for name, each in sorted((outputs.get("parameters") or {}).items())
                if each.get("outputFile")
            },
        )
    except (AttributeError, TypeError):
        raise ValueError("--executor_input is not of the form that drivers give it") from None


def cut_executor_input(text: str) -> str:
    """An ExecutorInput with very long parameters and metadata cut; as it is where it is short, or is none."""
    if len(text) <= _SHORT:
        return text
    try:
        whole = _object(text, "--executor_input")
        inputs = whole.get("inputs") or {}
        for side in (inputs, whole.get("outputs") or {}):
            for listed in (side.get("artifacts") or {}).values():
                for each in listed.get("artifacts") or ():
                    each["metadata"] = cut_metadata(each.get("metadata") or {})
        if inputs.get("parameterValues"):
            inputs["parameterValues"] = cut_values(inputs["parameterValues"])
    except (ValueError, AttributeError, TypeError):
        return text
    return json.dumps(whole)


def parse_importer_spec(spec: str, task: str = "") -> ImporterSpec:
    """Reads an importer's spec; a parameter that its task sets to a constant is that constant. Raises ValueError."""
    whole = _object(spec, "--importer_spec")
    try:
        source = whole.get("artifactUri") or {}
        parameter = str(source.get("runtimeParameter") or "")
        return ImporterSpec(
            uri=_constant(source) or (_task_constant(task, parameter) if task and parameter else ""),
            parameter=parameter,
            type=type_name(whole.get("typeSchema") or {}),
            metadata=dict(whole.get("metadata") or {}),
        )
    except (AttributeError, TypeError):
        raise ValueError("--importer_spec is not of the form that the compiler gives it") from None


def type_name(schema: Mapping[str, Any]) -> str:
    """The name of an artifact's type: `Model` whether it is written `Model` or `system.Model`."""
    return str(schema.get("schemaTitle") or "").removeprefix("system.")


def _artifacts(side: Mapping[str, Any]) -> Iterator[Artifact]:
    for key, listed in sorted((side.get("artifacts") or {}).items()):
        for each in (listed or {}).get("artifacts") or ():
            yield Artifact(
                key=key,
                name=str(each.get("name") or ""),
                type=type_name(each.get("type") or {}),
                uri=str(each.get("uri") or ""),
                artifact_id=str(each.get("artifactId") or ""),
                metadata=dict(each.get("metadata") or {}),
            )


def _task_constant(task: str, parameter: str) -> str:
    parameters = (_object(task, "--task_spec").get("inputs") or {}).get("parameters") or {}
    return _constant((parameters.get(parameter) or {}).get("runtimeValue") or {})


def _constant(value: Mapping[str, Any]) -> str:
    constant = value.get("constant") or (value.get("constantValue") or {}).get("stringValue")
    return constant if isinstance(constant, str) else ""


def _object(text: str, flag: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{flag} is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"{flag} is no JSON object")
    return found
