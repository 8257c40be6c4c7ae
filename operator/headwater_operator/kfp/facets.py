"""The facets that Kubeflow Pipelines' runs and artifacts have. Their schemas are published with the client."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..observation import Facets
from .executor_input import Artifact

KUBEFLOW = "headwater_kubeflow"
"""The run facet: which run and task of Kubeflow Pipelines it is."""

ARTIFACT = "headwater_artifact"
"""The dataset facet: the artifact's type, metadata and id."""

OUTPUT_PARAMETERS = "headwater_output_parameters"
"""The run facet: the values that a task gave to others beside its artifacts."""

_LONGEST_VALUE = 10_000
_LONGEST_PARAMETERS = 50_000
_SHORTEST_CUT = 200


def artifact_facet(artifact: Artifact) -> Mapping[str, object]:
    """What Kubeflow Pipelines says of an artifact beyond its name."""
    known = {"type": artifact.type, "metadata": artifact.metadata, "artifactId": artifact.artifact_id}
    return {name: value for name, value in known.items() if value}


def parameters_facet(parameters: Mapping[str, Any]) -> Facets:
    """The parameters of a run; a very long value is cut and says its length. No facet where there are none."""
    listed = _listed(parameters)
    return {"executionParameters": {"parameters": listed}} if listed else {}


def output_parameters_facet(parameters: Mapping[str, Any]) -> Facets:
    """The output parameters of a task, cut as its parameters are. No facet where there are none."""
    listed = _listed(parameters)
    return {OUTPUT_PARAMETERS: {"parameters": listed}} if listed else {}


def _listed(parameters: Mapping[str, Any]) -> list[Mapping[str, str]]:
    """The parameters as text. Where they are very long together, the long ones among them are cut shorter."""
    texts = {key: _text(value) for key, value in sorted(parameters.items())}
    longest = _LONGEST_VALUE
    if sum(min(len(text), longest) for text in texts.values()) > _LONGEST_PARAMETERS:
        longest = max(_SHORTEST_CUT, _LONGEST_PARAMETERS // len(texts))
    return [{"key": key, "value": _cut(text, longest)} for key, text in texts.items()]


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}… ({len(text)} characters)"
