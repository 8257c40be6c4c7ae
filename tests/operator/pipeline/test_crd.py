"""The definition of LineagePipeline."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from headwater_operator.pipeline.crd import make_crd
from headwater_operator.pipeline.pipeline import InvalidPipeline, parse_pipeline

CHART = Path(__file__).parents[3] / "helm/headwater/files/lineagepipelines.headwater.dev.yaml"
(VERSION,) = make_crd()["spec"]["versions"]
SCHEMA = VERSION["schema"]["openAPIV3Schema"]


def schemas(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """A schema and all inside of it."""
    yield path, schema
    for name, each in schema.get("properties", {}).items():
        yield from schemas(each, f"{path}.{name}")
    if "items" in schema:
        yield from schemas(schema["items"], f"{path}[]")


def test_the_chart_holds_the_definition_that_the_operator_understands() -> None:
    assert yaml.safe_load(CHART.read_text()) == make_crd(), "run make crd"


@pytest.mark.parametrize(("path", "schema"), [*schemas(SCHEMA["properties"]["spec"], "spec")])
def test_every_part_has_a_type_and_every_field_a_description(path: str, schema: dict[str, Any]) -> None:
    assert schema["type"]
    assert "$ref" not in schema
    assert path.endswith("[]") or schema["description"].endswith((".", "?"))


def test_a_resource_with_nothing_but_a_name_is_whole() -> None:
    metadata = {"namespace": "ml", "name": "all", "uid": "u", "creationTimestamp": "2026-02-01T00:00:00Z"}
    spec = parse_pipeline({"metadata": metadata}).spec
    assert (spec.criticality, spec.job_name, spec.sampling.successful_percent) == ("STANDARD", "{name}", 100)


def test_a_resource_that_an_older_definition_let_through_is_refused_with_its_field() -> None:
    metadata = {"namespace": "ml", "name": "all", "uid": "u", "creationTimestamp": "2026-02-01T00:00:00Z"}
    with pytest.raises(InvalidPipeline, match=r"`spec\.sampling\.successfulPercent`.*apply the CRD"):
        parse_pipeline({"metadata": metadata, "spec": {"sampling": {"successfulPercent": 101}}})
