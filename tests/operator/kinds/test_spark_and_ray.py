"""What is seen of SparkApplications and RayJobs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from headwater_operator.kinds.ray_job import RayJobAdapter
from headwater_operator.kinds.spark_application import SparkApplicationAdapter
from headwater_operator.observation import RunState, Workload

from .objects import CREATED, an_object, names, observe_one, parameters, ref, run_of, start_of, with_status

MADE = datetime.fromisoformat(CREATED)
SPARK = an_object(
    "daily-1772366400",
    """
spec:
  type: Python
  mode: cluster
  sparkVersion: 3.5.5
  image: acme/spark:3.5
  mainApplicationFile: s3a://code/daily.py
  arguments: ["--day", "2026-03-01"]
  sparkConf: {spark.hadoop.fs.s3a.secret.key: hidden}
  deps: {jars: ["local:///opt/a.jar", "s3a://code/b.jar"]}
  driver: {serviceAccount: spark, cores: 1}
  executor: {instances: 2, image: "acme/executor:3.5"}
""",
)
SUBMITTED = """
lastSubmissionAttemptTime: 2026-03-01T12:00:09Z
terminationTime: %s
executionAttempts: %d
applicationState: {state: %s, errorMessage: "%s"}
"""
OVER = "2026-03-01T13:00:00Z"


@pytest.mark.parametrize("state", ["", "SUSPENDED"])
def test_an_application_that_was_not_submitted_is_no_run(state: str) -> None:
    body = with_status(SPARK, SUBMITTED % ("null", 0, state or '""', ""))

    assert observe_one(SparkApplicationAdapter(), body).run is None
    assert observe_one(SparkApplicationAdapter(), SPARK).run is None


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (SUBMITTED % ("null", 0, "SUBMITTED", ""), RunState.STARTED),
        (SUBMITTED % ("null", 1, "RUNNING", ""), RunState.RUNNING),
        (SUBMITTED % (OVER, 1, "PENDING_RERUN", ""), RunState.STARTED),
        (SUBMITTED % (OVER, 1, "SUCCEEDING", ""), RunState.RUNNING),
        (SUBMITTED % (OVER, 1, "COMPLETED", ""), RunState.SUCCEEDED),
        (SUBMITTED % (OVER, 2, "FAILED", "driver container failed with ExitCode: 1"), RunState.FAILED),
    ],
)
def test_the_life_of_an_application(status: str, state: RunState) -> None:
    run = run_of(SparkApplicationAdapter(), with_status(SPARK, status))

    assert (run.state, run.started_at) == (state, MADE)
    assert run.ended_at == (datetime(2026, 3, 1, 13, tzinfo=UTC) if state.is_final else None)
    assert run.error == ("driver container failed with ExitCode: 1" if state is RunState.FAILED else "")
    first = with_status(SPARK, SUBMITTED % ("null", 0, "SUBMITTED", ""))
    assert start_of(run) == start_of(run_of(SparkApplicationAdapter(), first))


def test_an_application_reads_the_files_that_are_fetched_and_hides_its_configuration() -> None:
    run = run_of(SparkApplicationAdapter(), with_status(SPARK, SUBMITTED % ("null", 1, "RUNNING", "")))

    assert names(run.inputs) == ["s3://code/daily.py", "s3://code/b.jar"]
    assert {each.kind for each in run.inputs} == {"FILE"}
    assert parameters(run)["arguments"] == "--day 2026-03-01"
    assert "hidden" not in str(run)
    facet = run.start_facets["headwater_kubernetes"]
    assert facet["serviceAccount"] == "spark"
    assert facet["images"] == [
        {"container": "driver", "image": "acme/spark:3.5"},
        {"container": "executor", "image": "acme/executor:3.5"},
    ]


def test_an_application_goes_by_its_schedule() -> None:
    schedule = ref("ScheduledSparkApplication.sparkoperator.k8s.io", "daily")
    observation = observe_one(SparkApplicationAdapter(), SPARK, schedule)

    assert observation.job.name == "daily"
    assert observation.workload == Workload(schedule.kind, "daily")


RAY_SPEC = """
spec:
  entrypoint: python train.py --epochs 3
  metadata: {team: churn}
  rayClusterSpec:
    headGroupSpec: {template: {spec: {containers: [{name: ray-head, image: "rayproject/ray:2.46"}]}}}
    workerGroupSpecs: [{template: {spec: {containers: [{name: ray-worker, image: "acme/worker:1"}]}}}]
"""
RAY = an_object("rank", RAY_SPEC)
RAY_STATUS = """
startTime: 2026-03-01T12:00:04Z
%s
jobDeploymentStatus: "%s"
jobStatus: "%s"
reason: %s
message: %s
rayJobInfo: {startTime: "2026-03-01T12:02:00Z"}
"""
ENDED = "endTime: 2026-03-01T13:00:00Z"


@pytest.mark.parametrize(
    "status", ["{}", RAY_STATUS % ("", "Suspended", "", "", ""), RAY_STATUS % ("", "", "", "", "")]
)
def test_a_ray_job_that_has_not_begun_is_no_run(status: str) -> None:
    assert observe_one(RayJobAdapter(), with_status(RAY, status)).run is None


@pytest.mark.parametrize(
    ("status", "state", "error"),
    [
        (RAY_STATUS % ("", "Initializing", "", "", ""), RunState.STARTED, ""),
        (RAY_STATUS % ("", "Running", "RUNNING", "", ""), RunState.RUNNING, ""),
        (RAY_STATUS % (ENDED, "Complete", "SUCCEEDED", "", ""), RunState.SUCCEEDED, ""),
        (RAY_STATUS % (ENDED, "Failed", "FAILED", "AppFailed", "exit 1"), RunState.FAILED, "AppFailed: exit 1"),
        (RAY_STATUS % (ENDED, "Complete", "FAILED", "AppFailed", "exit 1"), RunState.FAILED, "AppFailed: exit 1"),
        (
            RAY_STATUS % (ENDED, "Failed", "RUNNING", "DeadlineExceeded", "late"),
            RunState.FAILED,
            "DeadlineExceeded: late",
        ),
        (RAY_STATUS % (ENDED, "Complete", "STOPPED", "", "stopped"), RunState.ABORTED, "stopped"),
    ],
)
def test_the_life_of_a_ray_job(status: str, state: RunState, error: str) -> None:
    run = run_of(RayJobAdapter(), with_status(RAY, status))

    assert (run.state, run.error) == (state, error)
    assert run.started_at == datetime(2026, 3, 1, 12, 0, 4, tzinfo=UTC)
    assert run.ended_at == (datetime(2026, 3, 1, 13, tzinfo=UTC) if state.is_final else None)
    assert start_of(run) == start_of(
        run_of(RayJobAdapter(), with_status(RAY, RAY_STATUS % ("", "Initializing", "", "", "")))
    )


def test_a_ray_job_tells_what_it_runs() -> None:
    run = run_of(RayJobAdapter(), with_status(RAY, RAY_STATUS % ("", "Running", "RUNNING", "", "")))

    assert parameters(run) == {"entrypoint": "python train.py --epochs 3", "team": "churn"}
    assert [each["image"] for each in run.start_facets["headwater_kubernetes"]["images"]] == [
        "rayproject/ray:2.46",
        "acme/worker:1",
    ]


def test_a_ray_job_that_is_tried_again_began_once() -> None:
    body = an_object("rank", RAY_SPEC + "  backoffLimit: 2\n")
    first = run_of(RayJobAdapter(), with_status(body, RAY_STATUS % ("", "Running", "RUNNING", "", "")))
    between = run_of(RayJobAdapter(), with_status(body, "failed: 1\n" + RAY_STATUS % ("", "", "", "", "")))

    assert first.started_at == between.started_at == MADE
    assert start_of(first) == start_of(between)
    assert between.state is RunState.STARTED
