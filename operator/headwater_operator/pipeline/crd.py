"""The CustomResourceDefinition of `LineagePipeline`, made from `spec` and `status`.

`make crd` writes it into the chart; a test holds the two together.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import msgspec
import yaml

from ..kinds import ADAPTERS
from .matching import KUBEFLOW_PIPELINE_RUN
from .spec import Spec, rule
from .status import Status

GROUP = "headwater.dev"
VERSION = "v1alpha1"
KIND = "LineagePipeline"
PLURAL = "lineagepipelines"

_COLUMNS = (
    (
        "Ready",
        "string",
        '.status.conditions[?(@.type=="Ready")].status',
        "Whether the pipeline is understood and registered",
    ),
    ("Jobs", "integer", ".status.jobs", "How many workloads it covers"),
    ("Runs", "integer", ".status.runs", "How many runs were reported since the operator started"),
    ("Injected", "integer", ".status.injected", "How many of its running pods have the emitter"),
    ("Missed", "integer", ".status.missed", "How many runs came and went while the operator was away"),
    ("Last run", "date", ".status.lastRun.time", "When a run last changed"),
    ("Age", "date", ".metadata.creationTimestamp", "Since when it exists"),
)
_INSIDE_SPEC = (
    (
        "self.criticality != 'PRODUCTION' || self.sampling.successfulPercent == 100",
        (
            "runs of a PRODUCTION pipeline are never sampled: remove sampling, or set criticality to STANDARD or "
            "EXPERIMENTAL"
        ),
    ),
    (
        "self.selector.kinds.all(k, k in [{kinds}] || self.rules.exists(r, r.kind == k))",
        "selector.kinds names a kind that is not known: use {kinds}, or add a rule for it",
    ),
)


def make_crd() -> dict[str, Any]:
    """The definition as the API server takes it."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["lp"],
                "categories": ["headwater"],
            },
            "versions": [_version()],
        },
    }


def _version() -> dict[str, Any]:
    columns = [
        {"name": name, "type": kind, "jsonPath": path, "description": description}
        for name, kind, path, description in _COLUMNS
    ]
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": columns,
        "schema": {"openAPIV3Schema": _resource_schema()},
    }


def _resource_schema() -> dict[str, Any]:
    spec, status = _structural(Spec), _structural(Status)
    kinds = sorted({adapter.resource.kind for adapter in ADAPTERS} - {"Pod"} | {KUBEFLOW_PIPELINE_RUN})
    spec["x-kubernetes-validations"] = [each for pair in _INSIDE_SPEC for each in _filled(pair, kinds)]
    status["properties"]["conditions"] |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}
    return {
        "description": "Registers the workloads of its namespace that it selects, with their runs, inputs and outputs, "
        "in Headwater. Of two that select one workload the older covers it.",
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": "The version of this definition: headwater.dev/v1alpha1."},
            "kind": {"type": "string", "description": "The kind: LineagePipeline."},
            "metadata": {"type": "object"},
            "spec": spec,
            "status": status,
        },
    }


def _filled(pair: tuple[str, str], kinds: list[str]) -> list[dict[str, str]]:
    expression, message = pair
    quoted = ", ".join(f"'{kind}'" for kind in kinds)
    found: list[dict[str, str]] = rule(
        expression.replace("{kinds}", quoted), message.replace("{kinds}", ", ".join(kinds))
    )["x-kubernetes-validations"]
    return found


def _structural(part: type[Spec | Status]) -> dict[str, Any]:
    """The schema of a part with every reference written out, as Kubernetes wants it."""
    whole = msgspec.json.schema(part, ref_template="{name}")
    found: dict[str, Any] = _written_out(whole, whole["$defs"])
    return found


def _written_out(schema: object, definitions: Mapping[str, Any]) -> Any:
    if isinstance(schema, list | tuple):
        return [_written_out(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _written_out({**definitions[schema["$ref"]], **_without(schema, "$ref")}, definitions)
    if "anyOf" in schema:  # what may be absent
        (present,) = (each for each in schema["anyOf"] if each != {"type": "null"})
        return _written_out({**present, **_without(schema, "anyOf", "default")}, definitions)
    found = {key: _written_out(value, definitions) for key, value in _without(schema, "title", "$defs").items()}
    if "properties" in schema:
        found["properties"] = {
            name: _property(_written_out(each, definitions)) for name, each in schema["properties"].items()
        }
        if not schema.get("required"):
            del found["required"]
    if "enum" in schema:
        found["type"] = "string"
    if isinstance(description := schema.get("description"), str):
        found["description"] = " ".join(description.split())
    return found


def _property(schema: dict[str, Any]) -> dict[str, Any]:
    """A property; one that is an object of which every part may be left out may be left out itself."""
    fits_empty = "properties" in schema and "required" not in schema
    return {**schema, "default": {}} if fits_empty else schema


def _without(schema: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key not in keys}


if __name__ == "__main__":
    sys.stdout.write("# Made by `make crd` from headwater_operator.pipeline.\n")
    yaml.safe_dump(make_crd(), sys.stdout, sort_keys=False, width=120)
