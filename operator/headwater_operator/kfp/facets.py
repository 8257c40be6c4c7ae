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

_LONGEST_VALUE = 10_000


def artifact_facet(artifact: Artifact) -> Mapping[str, object]:
    """What Kubeflow Pipelines says of an artifact beyond its name."""
    known = {"type": artifact.type, "metadata": artifact.metadata, "artifactId": artifact.artifact_id}
    return {name: value for name, value in known.items() if value}


def parameters_facet(parameters: Mapping[str, Any]) -> Facets:
    """The parameters of a run; a very long value is cut and says its length. No facet where there are none."""
    listed = [{"key": key, "value": _text(value)} for key, value in sorted(parameters.items())]
    return {"executionParameters": {"parameters": listed}} if listed else {}


def _text(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    if len(text) <= _LONGEST_VALUE:
        return text
    return f"{text[:_LONGEST_VALUE]}… ({len(text)} characters)"
