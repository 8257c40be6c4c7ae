"""The facets that Kubeflow Pipelines' runs and artifacts have. Their schemas are published with the client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..observation import Facets
from .cutting import cut_metadata, cut_values
from .executor_input import Artifact

KUBEFLOW = "headwater_kubeflow"
"""The run facet: which run and task of Kubeflow Pipelines it is."""

ARTIFACT = "headwater_artifact"
"""The dataset facet: the artifact's type, metadata and id."""

OUTPUT_PARAMETERS = "headwater_output_parameters"
"""The run facet: the values that a task gave to others beside its artifacts."""


def artifact_facet(artifact: Artifact) -> Mapping[str, object]:
    """What Kubeflow Pipelines says of an artifact beyond its name."""
    known = {"type": artifact.type, "metadata": cut_metadata(artifact.metadata), "artifactId": artifact.artifact_id}
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
    return [{"key": key, "value": text} for key, text in cut_values(parameters).items()]
