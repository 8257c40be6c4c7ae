"""What observations become."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from headwater.events import to_open_lineage
from headwater.v1 import event_pb2 as pb
from headwater_operator.events import events_of, undeclarable
from headwater_operator.observation import Dataset, Observation, ParentRun, RunState
from headwater_operator.pipeline.coverage import Coverage

from .cluster_objects import CLUSTER, NOON, a_run, observed, pipeline, ref, uid

JOB = ref("Job.batch", "train-1")
CLICKS = Dataset("s3://raw", "clicks")


def told(observation: Observation, *pipelines: Any) -> list[dict[str, Any]]:
    coverage = Coverage("prod", pipelines or [pipeline()])
    events = events_of(observation, coverage, CLUSTER)
    return [json.loads(to_open_lineage(pb.Event.FromString(each.body))) for each in events]


@pytest.mark.parametrize(
    ("state", "types"),
    [
        (RunState.STARTED, ["START"]),
        (RunState.SUCCEEDED, ["START", "COMPLETE"]),
        (RunState.FAILED, ["START", "FAIL"]),
        (RunState.ABORTED, ["START", "ABORT"]),
    ],
)
def test_a_run_is_told_from_its_start_to_where_it_is(state: RunState, types: list[str]) -> None:
    events = told(observed(JOB, run=a_run(state)))
    assert [each["eventType"] for each in events] == types
    assert [each["eventTime"] for each in events] == ["2026-03-01T12:00:00Z", "2026-03-01T12:30:00Z"][: len(types)]


def test_a_start_seen_live_and_one_learnt_after_the_end_are_one_event() -> None:
    coverage = Coverage("prod", [pipeline()])
    live = events_of(observed(JOB, run=a_run(RunState.STARTED, inputs=(CLICKS,))), coverage, CLUSTER)
    late = events_of(
        observed(JOB, run=a_run(inputs=(CLICKS,), end_facets={"environmentVariables": {}}, error="")), coverage, CLUSTER
    )
    assert late[0] == live[0]


def test_running_is_told_with_its_time_where_the_cluster_says_it() -> None:
    run = a_run(RunState.RUNNING, running_at=NOON.replace(minute=1))
    _, running = told(observed(JOB, run=run))
    assert (running["eventType"], running["eventTime"]) == ("RUNNING", "2026-03-01T12:01:00Z")


def test_running_is_told_while_it_runs_where_the_cluster_says_no_time() -> None:
    _, running = told(observed(JOB, run=a_run(RunState.RUNNING)))
    assert (running["eventType"], running["eventTime"]) == ("RUNNING", "2026-03-01T12:00:00Z")


def test_nothing_is_told_of_what_no_pipeline_covers_or_what_is_not_complete() -> None:
    assert told(observed(JOB, run=a_run()), pipeline(selector={"names": ["other"]})) == []
    assert told(observed(JOB)) == []
    assert told(observed(JOB, run=a_run(unresolved=("minio://mlpipeline/x",)))) == []


def test_the_error_is_told_at_the_end_alone() -> None:
    start, fail = told(observed(JOB, run=a_run(RunState.FAILED, error="OOMKilled")))
    assert "facets" not in start["run"]
    assert fail["run"]["facets"]["errorMessage"]["message"] == "OOMKilled"


def test_a_parent_is_named_as_its_own_pipeline_names_it() -> None:
    workflow = ref("Workflow.argoproj.io", "churn-x7")
    parent = ParentRun(UUID(uid("churn-x7")), "churn", at=1)
    event, *_ = told(
        observed(ref("Pod", "churn-x7-1"), workflow, run=a_run(parent=parent, root=parent)),
        pipeline(jobName="team/{name}"),
    )
    facet = event["run"]["facets"]["parent"]
    assert facet["run"]["runId"] == uid("churn-x7")
    assert facet["job"] == {"namespace": "k8s://prod/ml", "name": "team/churn"}


def test_a_parent_that_nothing_covers_is_not_named() -> None:
    job, cron_job = ref("Job.batch", "train-1", mine="yes"), ref("Trial.kubeflow.org", "trial-1")
    parent = ParentRun(UUID(uid("trial-1")), "trial", at=1)
    selector = {"labelSelector": {"matchLabels": {"mine": "yes"}}}
    event, *_ = told(observed(job, cron_job, run=a_run(parent=parent)), pipeline(selector=selector))
    assert "facets" not in event["run"]


def test_what_is_declared_is_told_of_runs_that_say_nothing_and_marked() -> None:
    declared = pipeline(declared=[{"job": "tr*", "inputs": ["s3://raw/clicks"], "outputs": ["s3://models/churn"]}])
    silent, *_ = told(observed(JOB, run=a_run()), declared)
    (read,), (written,) = silent["inputs"], silent["outputs"]
    assert (read["namespace"], read["name"]) == ("s3://raw", "clicks")
    assert written["facets"]["headwater_declared"]["pipeline"] == "churn"
    talking, *_ = told(observed(JOB, run=a_run(inputs=(CLICKS,))), declared)
    assert "headwater_declared" not in talking["inputs"][0].get("facets", {})
    assert not talking.get("outputs")
    other, *_ = told(observed(JOB, run=a_run(), job="serve"), declared)
    assert not other.get("inputs")


def test_a_declared_uri_that_names_nothing_is_left_out_and_can_be_told() -> None:
    declared = pipeline(declared=[{"inputs": ["oci://registry", "s3://raw/clicks"]}])
    event, *_ = told(observed(JOB, run=a_run()), declared)
    assert [each["name"] for each in event["inputs"]] == ["clicks"]
    (problem,) = undeclarable(declared, CLUSTER)
    assert problem.startswith("spec.declared[0].inputs: 'oci://registry' names no repository")


def test_jobs_carry_their_kind_pipeline_owner_and_criticality() -> None:
    event, *_ = told(observed(JOB, run=a_run()), pipeline(owner="team-churn", criticality="PRODUCTION"))
    facets = event["job"]["facets"]
    assert facets["jobType"]["processingType"] == "BATCH"
    assert facets["ownership"]["owners"] == [{"name": "team-churn"}]
    assert {(each["key"], each["value"]) for each in facets["tags"]["tags"]} == {
        ("pipeline", "churn"),
        ("criticality", "PRODUCTION"),
    }


def test_only_events_of_production_pipelines_are_never_dropped() -> None:
    run = observed(JOB, run=a_run())
    for criticality, droppable in (("PRODUCTION", False), ("STANDARD", True)):
        coverage = Coverage("prod", [pipeline(criticality=criticality)])
        assert {each.droppable for each in events_of(run, coverage, CLUSTER)} == {droppable}


def test_metrics_are_told_of_what_was_written() -> None:
    model = Dataset("k8s://prod/ml", "churn/train/model", "MODEL", "minio://x", metrics={"auc": 0.91})
    *_, event = told(observed(JOB, run=a_run(outputs=(model,))))
    assert event["outputs"][0]["outputFacets"]["headwater_metrics"]["metrics"][0]["name"] == "auc"
