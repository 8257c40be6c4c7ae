"""The definition of LineagePipeline, as a platform team meets it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from kubernetes.dynamic import DynamicClient

from .kubernetes_access import Namespace, kubectl
from .lineage_pipelines import define, pipeline


@pytest.fixture(autouse=True)
def definition(client: DynamicClient) -> None:
    """The cluster knows LineagePipelines."""
    define(client)


def test_a_pipeline_needs_nothing_but_a_name_and_is_filled_in(namespace: Namespace) -> None:
    namespace.apply(pipeline())
    spec = json.loads(namespace.kubectl("get", "lp", "all", "--output", "json"))["spec"]
    assert (spec["criticality"], spec["jobName"], spec["sampling"]) == (
        "STANDARD",
        "{name}",
        {"successfulPercent": 100},
    )


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"criticality": "PRODUCTION", "sampling": {"successfulPercent": 10}}, "are never sampled: remove sampling"),
        ({"criticality": "HIGH"}, 'supported values: "EXPERIMENTAL", "PRODUCTION", "STANDARD"'),
        ({"selector": {"kinds": ["Foo"]}}, "is not known: use CronJob"),
        (
            {"selector": {"labelSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}},
            "In and NotIn need values",
        ),
        ({"jobName": "train"}, "must hold {name}, or all jobs of the pipeline would be one"),
        ({"namespaceName": "k8s://{clutser}"}, "braces may hold only cluster, namespace"),
        ({"declared": [{"job": "x"}]}, "declares nothing: give inputs, outputs or both"),
        ({"declared": [{"inputs": ["clicks"]}]}, "must be a URI such as s3://bucket/path"),
        (
            {"rules": [{"group": "a.b", "version": "v1", "kind": "Fit", "plural": "fits"}]},
            'missing required field "started"',
        ),
        ({"sampling": {"successfulPercent": 101}}, "less than or equal to 100"),
        ({"slector": {}}, 'unknown field "slector"'),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_way_out(
    namespace: Namespace, spec: dict[str, Any], said: str
) -> None:
    with pytest.raises(AssertionError) as refused:
        namespace.apply(pipeline(**spec))
    assert said in str(refused.value)


def test_a_kind_that_a_rule_describes_may_be_selected(namespace: Namespace) -> None:
    rule = {"group": "a.b", "version": "v1", "kind": "Fit", "plural": "fits", "started": "x", "succeeded": "y"}
    namespace.apply(pipeline(selector={"kinds": ["Fit"]}, rules=[rule]))


def test_explain_reads_like_documentation() -> None:
    said = " ".join(kubectl("explain", "lp.spec", "--recursive=false").split())
    for field in ("selector", "declared", "rules", "sampling", "criticality", "injection", "retention"):
        assert f"{field} <" in said
    assert "Runs of a PRODUCTION pipeline are never sampled." in said
    assert "JMESPath" in " ".join(kubectl("explain", "lp.spec.rules").split())


def test_a_list_shows_what_one_looks_for(namespace: Namespace) -> None:
    namespace.apply(pipeline())
    heading, row = namespace.kubectl("get", "lp").splitlines()
    assert heading.split() == ["NAME", "READY", "JOBS", "RUNS", "INJECTED", "MISSED", "LAST", "RUN", "AGE"]
    assert row.startswith("all")
    assert "lineagepipeline.headwater.dev/all" in namespace.kubectl("get", "headwater", "--output", "name")
