"""What is seen of TrainJobs, of the training operator's six kinds, and of Katib."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from headwater_operator.kinds import ADAPTERS
from headwater_operator.kinds.katib import ExperimentAdapter, TrialAdapter
from headwater_operator.kinds.train_job import TrainJobAdapter
from headwater_operator.kinds.training_operator import TrainingOperatorAdapter
from headwater_operator.observation import RunState

from .objects import CREATED, an_object, names, observe_one, parameters, ref, run_of, start_of, uid, with_status

MADE = datetime.fromisoformat(CREATED)
TRAIN_JOB = an_object(
    "llm-x7k2p",
    """
spec:
  runtimeRef: {name: torchtune-llama3.2-1b, kind: ClusterTrainingRuntime}
  initializer:
    dataset: {storageUri: "hf://tatsu-lab/alpaca"}
    model: {storageUri: "hf://meta-llama/Llama-3.2-1B-Instruct"}
  trainer: {image: "ghcr.io/acme/tune:1.2", numNodes: 2, numProcPerNode: 4, args: ["epochs=3"]}
""",
    generateName="llm-",
    annotations={"headwater.dev/outputs": '[{"uri": "s3://models/llm", "kind": "MODEL"}]'},
)
NODE = "jobsStatus: [{name: node, ready: %d, succeeded: 0, failed: 0, active: %d, suspended: 0}]"
ENDED = """
jobsStatus: [{name: node, ready: 0, succeeded: 1, failed: 0, active: 0, suspended: 0}]
trainerStatus: {metrics: [{name: loss, value: "0.25"}, {name: step, value: n/a}]}
conditions:
- {type: %s, status: "True", reason: %s, message: over, lastTransitionTime: 2026-03-01T13:00:00Z}
"""


@pytest.mark.parametrize(
    "status",
    ["{}", NODE % (0, 0), '{conditions: [{type: Suspended, status: "True", reason: Suspended}]}'],
    ids=["new", "no pods yet", "suspended"],
)
def test_a_train_job_that_has_no_pods_is_no_run(status: str) -> None:
    assert observe_one(TrainJobAdapter(), with_status(TRAIN_JOB, status)).run is None


@pytest.mark.parametrize(
    ("status", "state", "error"),
    [
        (NODE % (0, 1), RunState.STARTED, ""),
        (NODE % (1, 1), RunState.RUNNING, ""),
        (ENDED % ("Complete", "JobsCompleted"), RunState.SUCCEEDED, ""),
        (ENDED % ("Failed", "DeadlineExceeded"), RunState.FAILED, "DeadlineExceeded: over"),
    ],
    ids=["started", "running", "succeeded", "failed"],
)
def test_the_life_of_a_train_job(status: str, state: RunState, error: str) -> None:
    run = run_of(TrainJobAdapter(), with_status(TRAIN_JOB, status))

    assert (run.state, run.error, run.started_at) == (state, error, MADE)
    assert run.ended_at == (datetime(2026, 3, 1, 13, tzinfo=UTC) if state.is_final else None)
    assert start_of(run) == start_of(run_of(TrainJobAdapter(), with_status(TRAIN_JOB, NODE % (0, 1))))


def test_a_train_job_reads_what_is_initialized_and_writes_a_measured_model() -> None:
    run = run_of(TrainJobAdapter(), with_status(TRAIN_JOB, ENDED % ("Complete", "JobsCompleted")))

    assert names(run.inputs) == ["hf://tatsu-lab/alpaca", "hf://meta-llama/Llama-3.2-1B-Instruct"]
    assert [each.kind for each in run.inputs] == ["", "MODEL"]
    assert names(run.planned_outputs) == ["s3://models/llm"]
    assert run.planned_outputs[0].metrics == {"loss": 0.25}
    assert parameters(run)["args"] == '["epochs=3"]'
    assert parameters(run)["numNodes"] == "2"


def test_a_train_job_that_was_resumed_began_again_then() -> None:
    resumed = (
        '\nconditions: [{type: Suspended, status: "False", reason: Resumed, lastTransitionTime: 2026-03-01T12:30:00Z}]'
    )

    run = run_of(TrainJobAdapter(), with_status(TRAIN_JOB, NODE % (0, 1) + resumed))

    assert run.started_at == datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


def test_a_data_set_that_only_the_runtime_names_is_said_to_be_unknown() -> None:
    body = an_object(
        "t", "spec: {runtimeRef: {name: torchtune}, initializer: {dataset: {}, model: {storageUri: hf://a/b}}}"
    )
    run = run_of(TrainJobAdapter(), with_status(body, NODE % (0, 1)))

    assert run.unknown == ("which dataset is read: the runtime torchtune names it, not the TrainJob",)


TRAINING = {adapter.resource.kind: adapter for adapter in ADAPTERS if isinstance(adapter, TrainingOperatorAdapter)}
REPLICAS = {
    "PyTorchJob": "pytorchReplicaSpecs",
    "TFJob": "tfReplicaSpecs",
    "MPIJob": "mpiReplicaSpecs",
    "XGBoostJob": "xgbReplicaSpecs",
    "JAXJob": "jaxReplicaSpecs",
    "PaddleJob": "paddleReplicaSpecs",
}
REPLICATED = """
spec:
  %s:
    Master: {replicas: 1, template: {spec: {containers: [{name: main, image: "acme/train:1"}]}}}
    Worker:
      replicas: 3
      template: {spec: {serviceAccountName: trainer, containers: [{name: main, image: "acme/work:1"}]}}
"""
HISTORY = """
startTime: 2026-03-01T12:00:03Z
%s
conditions:
- {type: Created, status: "True", lastTransitionTime: 2026-03-01T12:00:02Z}
- {type: Running, status: "%s", lastTransitionTime: 2026-03-01T12:01:00Z}
%s
"""
OVER = '- {type: %s, status: "True", reason: %s, message: done, lastTransitionTime: 2026-03-01T13:00:00Z}'
LIVES = [
    (HISTORY % ("", "False", ""), RunState.STARTED, ""),
    (HISTORY % ("", "True", ""), RunState.RUNNING, ""),
    (
        HISTORY % ("completionTime: 2026-03-01T13:00:00Z", "False", OVER % ("Succeeded", "JobSucceeded")),
        RunState.SUCCEEDED,
        "",
    ),
    (HISTORY % ("", "False", OVER % ("Failed", "JobFailed")), RunState.FAILED, "JobFailed: done"),
]


def test_there_are_six_kinds_of_the_training_operator() -> None:
    assert TRAINING.keys() == REPLICAS.keys()


@pytest.mark.parametrize("kind", sorted(REPLICAS))
@pytest.mark.parametrize(("status", "state", "error"), LIVES, ids=["started", "running", "succeeded", "failed"])
def test_the_life_of_a_job_of_many_pods(kind: str, status: str, state: RunState, error: str) -> None:
    adapter, body = TRAINING[kind], an_object("fit", REPLICATED % REPLICAS[kind])
    run = run_of(adapter, with_status(body, status))

    assert (run.state, run.error, run.run_id) == (state, error, UUID(uid("fit")))
    assert run.ended_at == (datetime(2026, 3, 1, 13, tzinfo=UTC) if state.is_final else None)
    assert run.running_at == (datetime(2026, 3, 1, 12, 1, tzinfo=UTC) if state is RunState.RUNNING else None)
    assert start_of(run) == start_of(run_of(adapter, with_status(body, LIVES[0][0])))
    assert observe_one(adapter, body).run is None


def test_the_images_of_all_replicas_are_told() -> None:
    body = an_object("fit", REPLICATED % "pytorchReplicaSpecs")
    facet = run_of(TRAINING["PyTorchJob"], with_status(body, LIVES[0][0])).start_facets["headwater_kubernetes"]

    assert facet["images"] == [
        {"container": "main", "image": "acme/train:1"},
        {"container": "main", "image": "acme/work:1"},
    ]
    assert facet["serviceAccount"] == "trainer"


def test_a_suspended_job_of_many_pods_is_no_run() -> None:
    body = an_object("fit", REPLICATED % "tfReplicaSpecs")
    status = HISTORY % ("", "False", OVER % ("Suspended", "TFJobSuspended"))

    assert observe_one(TRAINING["TFJob"], with_status(body, status)).run is None


OBJECTIVE = """
  objective:
    type: maximize
    goal: 0.99
    objectiveMetricName: accuracy
    metricStrategies: [{name: accuracy, value: max}, {name: loss, value: min}]
"""
EXPERIMENT = an_object(
    "tune",
    """
spec:
  algorithm: {algorithmName: random}
  maxTrialCount: 12
  parameters:
  - {name: lr, parameterType: double, feasibleSpace: {min: "0.01", max: "0.05"}}
  - {name: optimizer, parameterType: categorical, feasibleSpace: {list: [sgd, adam]}}
"""
    + OBJECTIVE,
)
TRIAL = an_object(
    "tune-4hs7k2mw",
    "spec:\n  parameterAssignments: [{name: lr, value: '0.03'}]\n" + OBJECTIVE,
    annotations={"headwater.dev/outputs": "s3://models/tune"},
)
OBSERVED = """
observation:
  metrics:
  - {name: accuracy, min: "0.1", max: "0.95", latest: "0.94"}
  - {name: loss, min: "0.2", max: "2", latest: unavailable}
  - {name: speed, min: unavailable, max: unavailable, latest: unavailable}
"""


def test_a_trial_tells_its_parameters_and_what_was_measured() -> None:
    status = HISTORY % ("completionTime: 2026-03-01T13:00:00Z", "False", OVER % ("Succeeded", "TrialSucceeded"))
    observation = observe_one(
        TrialAdapter(), with_status(TRIAL, status + OBSERVED), ref("Experiment.kubeflow.org", "tune")
    )
    run = observation.run

    assert run is not None
    assert observation.job.name == "tune.trial"
    assert run.parent is not None
    assert run.parent.job == "tune"
    assert parameters(run) == {"lr": "0.03"}
    assert run.planned_outputs[0].metrics == {"accuracy": 0.95, "loss": 0.2}
    assert run.end_facets["headwater_training"] == {
        "metrics": [{"name": "accuracy", "value": 0.95}, {"name": "loss", "value": 0.2}],
        "objective": {"metric": "accuracy", "type": "maximize", "goal": 0.99},
    }


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("Failed", RunState.FAILED),
        ("MetricsUnavailable", RunState.FAILED),
        ("Killed", RunState.ABORTED),
        ("EarlyStopped", RunState.ABORTED),
    ],
)
def test_a_trial_ends_in_many_ways(kind: str, state: RunState) -> None:
    run = run_of(TrialAdapter(), with_status(TRIAL, HISTORY % ("", "False", OVER % (kind, f"Trial{kind}"))))

    assert (run.state, run.error) == (state, f"Trial{kind}: done")
    assert run.ended_at == datetime(2026, 3, 1, 13, tzinfo=UTC)


@pytest.mark.parametrize("adapter", [ExperimentAdapter(), TrialAdapter()], ids=["Experiment", "Trial"])
@pytest.mark.parametrize(("status", "state", "error"), LIVES, ids=["started", "running", "succeeded", "failed"])
def test_the_life_of_a_search(adapter: ExperimentAdapter, status: str, state: RunState, error: str) -> None:
    body = EXPERIMENT if isinstance(adapter, ExperimentAdapter) else TRIAL
    run = run_of(adapter, with_status(body, status))

    assert (run.state, run.error) == (state, error)
    assert start_of(run) == start_of(run_of(adapter, with_status(body, LIVES[0][0])))
    assert observe_one(adapter, body).run is None


def test_an_experiment_tells_what_it_searches_and_its_best_trial() -> None:
    best = """
currentOptimalTrial:
  bestTrialName: tune-4hs7k2mw
  parameterAssignments: [{name: lr, value: "0.03"}]
  observation: {metrics: [{name: accuracy, max: "0.95", latest: "0.94"}]}
trials: 12
trialsSucceeded: 11
"""
    status = HISTORY % (best, "False", OVER % ("Succeeded", "ExperimentMaxTrialsReached"))
    run = run_of(ExperimentAdapter(), with_status(EXPERIMENT, status))

    assert parameters(run) == {
        "lr": "0.01 to 0.05",
        "optimizer": "sgd, adam",
        "maxTrialCount": "12",
        "algorithm": "random",
    }
    assert run.end_facets["headwater_training"] == {
        "metrics": [{"name": "accuracy", "value": 0.95}],
        "objective": {"metric": "accuracy", "type": "maximize", "goal": 0.99},
        "bestTrial": {"name": "tune-4hs7k2mw", "parameters": {"lr": "0.03"}},
        "trials": {"trials": 12, "trialsSucceeded": 11},
    }
