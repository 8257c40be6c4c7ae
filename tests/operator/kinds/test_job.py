"""What is seen of Jobs and CronJobs."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from headwater_operator.kinds.job import CronJobAdapter, JobAdapter
from headwater_operator.observation import RunState, Workload

from .objects import CREATED, an_object, names, observe_one, ref, run_of, start_of, uid, with_status

SPEC = """
spec:
  backoffLimit: 2
  template:
    spec:
      serviceAccountName: trainer
      restartPolicy: Never
      initContainers: [{name: fetch, image: busybox:1.37}]
      containers:
      - name: main
        image: ghcr.io/acme/train@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
"""
STARTED = "{startTime: 2026-03-01T12:00:05Z, active: 1, ready: 0}"
RUNNING = "{startTime: 2026-03-01T12:00:05Z, active: 1, ready: 1}"
ENDING = """
startTime: 2026-03-01T12:00:05Z
conditions: [{type: SuccessCriteriaMet, status: "True", lastTransitionTime: 2026-03-01T12:10:00Z}]
"""
SUCCEEDED = """
startTime: 2026-03-01T12:00:05Z
completionTime: 2026-03-01T12:10:02Z
succeeded: 1
conditions:
- {type: SuccessCriteriaMet, status: "True", lastTransitionTime: 2026-03-01T12:10:00Z}
- {type: Complete, status: "True", lastTransitionTime: 2026-03-01T12:10:02Z}
"""
FAILING = """
startTime: 2026-03-01T12:00:05Z
conditions: [{type: FailureTarget, status: "True", lastTransitionTime: 2026-03-01T12:10:00Z}]
"""
FAILED = """
startTime: 2026-03-01T12:00:05Z
failed: 3
conditions:
- {type: FailureTarget, status: "True", reason: BackoffLimitExceeded, lastTransitionTime: 2026-03-01T12:10:00Z}
- type: Failed
  status: "True"
  reason: BackoffLimitExceeded
  message: Job has reached the specified backoff limit
  lastTransitionTime: 2026-03-01T12:10:04Z
"""
TRAIN = an_object("train-x7k2p", SPEC, generateName="train-", labels={"team": "churn", "controller-uid": "1"})


def test_a_job_that_has_not_begun_is_no_run() -> None:
    assert observe_one(JobAdapter(), with_status(TRAIN, "{}")).run is None
    assert observe_one(JobAdapter(), TRAIN).run is None


def test_a_suspended_job_is_no_run() -> None:
    suspended = '{conditions: [{type: Suspended, status: "True", lastTransitionTime: 2026-03-01T12:00:00Z}]}'

    assert observe_one(JobAdapter(), with_status(TRAIN, suspended)).run is None


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (STARTED, RunState.STARTED),
        (RUNNING, RunState.RUNNING),
        (ENDING, RunState.STARTED),
        (FAILING, RunState.STARTED),
        (SUCCEEDED, RunState.SUCCEEDED),
        (FAILED, RunState.FAILED),
    ],
    ids=["started", "running", "ending", "failing", "succeeded", "failed"],
)
def test_the_state_follows_the_conditions_that_are_an_end(status: str, state: RunState) -> None:
    run = run_of(JobAdapter(), with_status(TRAIN, status))

    assert run.state is state
    assert run.run_id == UUID(uid("train-x7k2p"))
    assert start_of(run) == start_of(run_of(JobAdapter(), with_status(TRAIN, STARTED)))


def test_the_times_are_the_clusters() -> None:
    run = run_of(JobAdapter(), with_status(TRAIN, SUCCEEDED))

    assert run.started_at == datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)
    assert run.ended_at == datetime(2026, 3, 1, 12, 10, 2, tzinfo=UTC)


def test_a_failure_says_why() -> None:
    run = run_of(JobAdapter(), with_status(TRAIN, FAILED))

    assert run.error == "BackoffLimitExceeded: Job has reached the specified backoff limit"
    assert run.ended_at == datetime(2026, 3, 1, 12, 10, 4, tzinfo=UTC)


def test_a_job_is_called_without_its_generated_suffix() -> None:
    observation = observe_one(JobAdapter(), TRAIN)

    assert observation.job.name == "train"
    assert observation.workload == Workload("Job.batch", "train")


def test_a_job_of_a_cron_job_goes_by_its_name_and_knows_when_it_was_due() -> None:
    due = {"batch.kubernetes.io/cronjob-scheduled-timestamp": "2026-03-01T12:00:00Z"}
    body = with_status(an_object("nightly-29384720", SPEC, annotations=due), SUCCEEDED)
    observation = observe_one(JobAdapter(), body, ref("CronJob.batch", "nightly"))

    assert observation.job.name == "nightly"
    assert observation.workload == Workload("CronJob.batch", "nightly")
    assert observation.run is not None
    assert observation.run.nominal_time == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert observation.run.parent is None


def test_a_cron_job_is_a_workload_and_no_run() -> None:
    observation = observe_one(CronJobAdapter(), an_object("nightly", "spec: {schedule: '@daily'}"))

    assert (observation.job.name, observation.workload, observation.run) == (
        "nightly",
        Workload("CronJob.batch", "nightly"),
        None,
    )


def test_what_a_job_is_made_of_is_told() -> None:
    annotations = {"headwater.dev/repository": "https://git.example.com/train", "headwater.dev/commit": "693e354"}
    body = with_status(an_object("train", SPEC, labels={"team": "churn"}, annotations=annotations), STARTED)
    observation = observe_one(JobAdapter(), body)

    assert observation.run is not None
    digest = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    assert observation.run.start_facets["headwater_kubernetes"] == {
        "cluster": "prod",
        "kind": "Job.batch",
        "namespace": "ml",
        "name": "train",
        "uid": uid("train"),
        "serviceAccount": "trainer",
        "images": [
            {"container": "fetch", "image": "busybox:1.37"},
            {"container": "main", "image": f"ghcr.io/acme/train@{digest}", "digest": digest},
        ],
        "codeVersion": "693e354",
        "labels": {"team": "churn"},
    }
    assert observation.job.facets["sourceCodeLocation"]["version"] == "693e354"


def test_annotations_say_what_is_read_and_written() -> None:
    annotations = {
        "headwater.dev/inputs": "s3://lake/raw/users, pvc://data/labels",
        "headwater.dev/outputs": '[{"uri": "s3://models/churn", "kind": "model"}]',
    }
    run = run_of(JobAdapter(), with_status(an_object("train", SPEC, annotations=annotations), STARTED))

    assert names(run.inputs) == ["s3://lake/raw/users", "pvc://prod/ml/data/labels"]
    assert names(run.outputs) == ["s3://models/churn"]
    assert run.outputs[0].kind == "MODEL"


def test_annotations_of_a_cron_job_hold_for_its_jobs() -> None:
    nightly = ref(
        "CronJob.batch", "nightly", **{"headwater.dev/inputs": "s3://lake/a", "headwater.dev/outputs": "s3://b/c"}
    )
    body = with_status(an_object("nightly-1", SPEC, annotations={"headwater.dev/inputs": "s3://lake/own"}), STARTED)
    run = run_of(JobAdapter(), body, nightly)

    assert (names(run.inputs), names(run.outputs)) == (["s3://lake/own"], ["s3://b/c"])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('["s3://a/b"', "is none: write"),
        ('[{"url": "s3://a/b"}]', "an entry is a URI"),
        ('[{"uri": "s3://a/b", "kind": "POTATO"}]', "use one of TABLE"),
        ("s3://a/b, users", "'users' must hold a namespace and a name"),
        ("[1]", "an entry is a URI"),
    ],
)
def test_a_broken_annotation_is_one_clear_problem(text: str, reason: str) -> None:
    run = run_of(JobAdapter(), with_status(an_object("t", SPEC, annotations={"headwater.dev/inputs": text}), STARTED))

    assert run.inputs == ()
    [problem] = run.unknown
    assert "annotation headwater.dev/inputs" in problem
    assert reason in problem


def test_a_job_below_a_run_names_it_as_its_parent() -> None:
    body = with_status(an_object("llm-x7k2p-node-0", SPEC), STARTED)
    job_set = ref("JobSet.jobset.x-k8s.io", "llm-x7k2p")
    train_job = ref("TrainJob.trainer.kubeflow.org", "llm-x7k2p", generate_name="llm-")
    observation = observe_one(JobAdapter(), body, job_set, train_job)

    assert observation.job.name == "llm-node-0"
    assert observation.workload == Workload("TrainJob.trainer.kubeflow.org", "llm")
    assert observation.run is not None
    assert observation.run.parent is not None
    assert observation.run.parent == observation.run.root
    assert (observation.run.parent.run_id, observation.run.parent.job, observation.run.parent.at) == (
        UUID(uid("llm-x7k2p")),
        "llm",
        2,
    )


def test_an_object_without_an_identity_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no metadata\.uid"):
        observe_one(JobAdapter(), {"metadata": {"name": "a", "namespace": "ml", "creationTimestamp": CREATED}})
