"""The facets of Kubeflow Pipelines are as their published schemas say."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from headwater_operator.kfp.facets import output_parameters_facet, parameters_facet

from .cluster_objects import artifact, executor_input, finished, uri, workflow
from .replay import Json, Replay
from .test_enrichment import cached


def validator(name: str) -> Draft202012Validator:
    """Checks what a facet adds to those that all facets have; further properties are an error here."""
    published = json.loads(resources.files("headwater").joinpath("facets", f"{name}.json").read_text())
    own: dict[str, Any] = published["$defs"][name]["allOf"][1]
    marks = {"_producer": {"type": "string"}, "_schemaURL": {"const": published["$id"]}}
    closed = {
        **own,
        "properties": {**own["properties"], **marks},
        "additionalProperties": False,
        "$defs": published["$defs"],
    }
    Draft202012Validator.check_schema(closed)
    return Draft202012Validator(closed)


async def replayed() -> Replay:
    raw = artifact("Dataset", uri="s3://raw/a.csv", metadata={"rows": 5}, artifactId="7")
    given = executor_input({"raw": raw}, {"model": artifact("system.Model", uri=uri("fit", "model"))}, depth=4)
    node = "train-x7f2q.root.loop.iteration-iterations(1:1).fit.executor(2)"
    named = workflow(*cached("prepare"))
    named["metadata"]["annotations"] = {"pipelines.kubeflow.org/run_name": "all of November"}
    named["metadata"]["labels"]["scheduledworkflows.kubeflow.org/scheduledWorkflowName"] = "nightly"
    return await Replay(namespace="ml").see_all([named, finished("fit", given, node=node)])


async def test_run_facets_are_as_published() -> None:
    facets = [each.facets["headwater_kubeflow"] for each in (await replayed()).runs().values()]
    assert {name for each in facets for name in each} >= {
        "runName",
        "recurringRun",
        "task",
        "attempt",
        "iterations",
        "cached",
        "driverPod",
    }
    for each in facets:
        validator("KubeflowRunFacet").validate(each)


@pytest.mark.parametrize("address", ["s3://raw/a.csv", "k8s://prod/ml/train/loop.fit/model"])
async def test_dataset_facets_are_as_published(address: str) -> None:
    facet: Json = (await replayed()).dataset_facets()[address]["headwater_artifact"]
    validator("ArtifactDatasetFacet").validate(facet)


async def test_output_parameters_are_as_published() -> None:
    facet = output_parameters_facet({"accuracy": 0.93, "labels": ["a", "b"], "note": "good"})
    event = {"_schemaURL": "https://headwater.dev/facets/1-0-0/OutputParametersRunFacet.json"}
    validator("OutputParametersRunFacet").validate({**facet["headwater_output_parameters"], **event})
    assert [each["value"] for each in facet["headwater_output_parameters"]["parameters"]] == [
        "0.93",
        '["a", "b"]',
        "good",
    ]


def test_very_many_long_parameters_are_cut_the_shorter() -> None:
    facet = parameters_facet({"short": "s", **{f"long{number:03}": "x" * 20_000 for number in range(100)}})
    texts = [each["value"] for each in facet["executionParameters"]["parameters"]]
    assert sum(len(each) for each in texts) < 25_000
    assert texts[-1] == "s"
    assert texts[0] == "x" * 200 + "... (20000 characters)"
