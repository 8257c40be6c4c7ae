"""Which pipeline covers a workload."""

from __future__ import annotations

import pytest

from headwater_operator.pipeline.matching import choose

from .cluster_objects import pipeline, ref

JOB = ref("Job.batch", "train-1", team="churn")
CRON_JOB = ref("CronJob.batch", "train", tier="gold")


def covers(*, chain: tuple[object, ...] = (JOB, CRON_JOB), **selector: object) -> bool:
    return choose([pipeline(selector=selector)], chain).pipeline is not None  # type: ignore[arg-type]


def test_an_empty_selector_covers_everything_in_its_namespace() -> None:
    assert covers()
    assert choose([pipeline(namespace="elsewhere")], [JOB]).pipeline is None


def test_a_workload_is_covered_by_its_own_kind_or_that_of_an_owner() -> None:
    assert covers(kinds=["Job"])
    assert covers(kinds=["CronJob"])
    assert not covers(kinds=["Workflow", "TrainJob"])


def test_names_are_those_of_the_workload_or_of_an_owner() -> None:
    assert covers(names=["train"])
    assert covers(names=["other", "tr?in-*"])
    assert not covers(names=["Train", "rain"])


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ({"key": "team", "operator": "In", "values": ["churn", "fraud"]}, True),
        ({"key": "team", "operator": "In", "values": ["fraud"]}, False),
        ({"key": "team", "operator": "NotIn", "values": ["fraud"]}, True),
        ({"key": "team", "operator": "NotIn", "values": ["churn"]}, False),
        ({"key": "absent", "operator": "NotIn", "values": ["x"]}, True),
        ({"key": "team", "operator": "Exists"}, True),
        ({"key": "absent", "operator": "Exists"}, False),
        ({"key": "absent", "operator": "DoesNotExist"}, True),
        ({"key": "team", "operator": "DoesNotExist"}, False),
    ],
)
def test_labels_are_compared_as_kubernetes_does(expression: dict[str, object], holds: bool) -> None:
    assert covers(chain=(JOB,), labelSelector={"matchExpressions": [expression]}) is holds


def test_one_object_must_meet_all_conditions() -> None:
    assert covers(kinds=["Job"], labelSelector={"matchLabels": {"team": "churn"}})
    assert not covers(kinds=["CronJob"], labelSelector={"matchLabels": {"team": "churn"}})


def test_of_two_pipelines_the_older_covers_a_workload_and_the_other_is_told() -> None:
    younger, older, unrelated = pipeline("a", day=2), pipeline("b", day=1), pipeline("c", selector={"names": ["x"]})
    match = choose([younger, unrelated, older], [JOB])
    assert match.pipeline is older
    assert match.shadowed == (younger,)


def test_a_workflow_of_kubeflow_pipelines_has_a_kind_of_its_own() -> None:
    workflow = ref("Workflow.argoproj.io", "churn-x7")
    kubeflow = ref("Workflow.argoproj.io", "churn-x8", **{"pipeline/runid": "1"})
    assert covers(chain=(kubeflow,), kinds=["KubeflowPipelineRun"])
    assert covers(chain=(kubeflow,), kinds=["Workflow"])
    assert not covers(chain=(workflow,), kinds=["KubeflowPipelineRun"])


def test_a_kind_that_only_a_rule_knows_is_covered_by_pipelines_with_that_rule() -> None:
    rule = {"group": "example.com", "version": "v1", "kind": "Fit", "plural": "fits", "started": "a", "succeeded": "b"}
    ruled, other = pipeline("ruled", rules=[rule], day=2), pipeline("other", day=1)
    match = choose([ruled, other], [ref("Fit.example.com", "fit-1")])
    assert match.pipeline is ruled
    assert match.shadowed == ()
