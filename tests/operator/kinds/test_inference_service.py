"""What is seen of InferenceServices."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

import pytest

from headwater_operator.kinds.inference_service import InferenceServiceAdapter
from headwater_operator.naming import ClusterNames, Unseen
from headwater_operator.observation import Dataset, RunState

from .objects import an_object, names, observe_one, parameters, run_of, with_status

ADAPTER = InferenceServiceAdapter()
CHURN = an_object(
    "churn",
    """
spec:
  predictor:
    serviceAccountName: server
    model: {modelFormat: {name: sklearn}, runtime: kserve-sklearnserver, storageUri: "s3://models/churn/1"}
""",
)
LOADING = """
conditions: [{type: Ready, status: "False", reason: PredictorNotReady, lastTransitionTime: 2026-03-01T12:00:01Z}]
modelStatus: {transitionStatus: InProgress, states: {activeModelState: "", targetModelState: Loading}}
"""
LOADED = """
conditions:
- {type: IngressReady, status: "True", lastTransitionTime: 2026-03-01T12:01:20Z}
- {type: PredictorReady, status: "True", lastTransitionTime: 2026-03-01T12:01:10Z}
- {type: Ready, status: "True", lastTransitionTime: 2026-03-01T12:01:20Z}
components: {predictor: {latestCreatedRevision: churn-predictor-00001, latestReadyRevision: churn-predictor-00001}}
modelStatus: {transitionStatus: UpToDate, states: {activeModelState: Loaded, targetModelState: Loaded}}
url: http://churn.ml.example.com
"""
BROKEN = """
conditions: [{type: Ready, status: "False", reason: RevisionFailed, lastTransitionTime: 2026-03-01T12:03:00Z}]
modelStatus:
  transitionStatus: BlockedByFailedLoad
  states: {activeModelState: "", targetModelState: FailedToLoad}
  lastFailureInfo: {reason: ModelLoadFailed, message: no such object, exitCode: 1}
"""
READY = datetime(2026, 3, 1, 12, 1, 20, tzinfo=UTC)


def written(body: dict[str, Any], spec_at: str, status_at: str) -> dict[str, Any]:
    """The object with the API server's notes of when spec and status were last written."""
    marked = copy.deepcopy(body)
    marked["metadata"]["managedFields"] = [
        {"manager": "kubectl", "operation": "Update", "time": spec_at, "fieldsV1": {"f:spec": {"f:predictor": {}}}},
        {"manager": "manager", "operation": "Update", "subresource": "status", "time": status_at, "fieldsV1": {}},
    ]
    return marked


@pytest.mark.parametrize("status", ["{}", LOADING])
def test_a_service_is_no_run_while_its_model_is_not_loaded(status: str) -> None:
    observation = observe_one(ADAPTER, with_status(CHURN, status))

    assert (observation.job.name, observation.job.processing, observation.run) == ("churn", "SERVICE", None)


def test_a_loaded_model_is_a_deployment_that_read_it() -> None:
    run = run_of(ADAPTER, with_status(CHURN, LOADED))

    assert (run.state, run.started_at, run.ended_at) == (RunState.SUCCEEDED, READY, READY)
    assert names(run.inputs) == ["s3://models/churn/1"]
    assert run.inputs[0].kind == "MODEL"
    assert run.outputs == ()
    assert parameters(run) == {
        "modelFormat": "sklearn",
        "runtime": "kserve-sklearnserver",
        "revision": "churn-predictor-00001",
    }


def test_a_model_that_cannot_be_loaded_is_a_failed_deployment() -> None:
    run = run_of(ADAPTER, with_status(CHURN, BROKEN))

    assert (run.state, run.error) == (RunState.FAILED, "ModelLoadFailed: no such object")
    assert run.ended_at == datetime(2026, 3, 1, 12, 3, tzinfo=UTC)


def test_another_model_is_another_run() -> None:
    changed = copy.deepcopy(CHURN)
    changed["spec"]["predictor"]["model"]["storageUri"] = "s3://models/churn/2"
    first, second = (run_of(ADAPTER, with_status(body, LOADED)) for body in (CHURN, changed))

    assert first.run_id != second.run_id
    assert names(second.inputs) == ["s3://models/churn/2"]


def test_a_service_that_becomes_ready_again_has_loaded_its_model_again() -> None:
    again = LOADED.replace("12:01:20Z", "18:00:00Z")
    first, second = (run_of(ADAPTER, with_status(CHURN, status)) for status in (LOADED, again))

    assert first.run_id != second.run_id
    assert first.started_at < second.started_at


def test_a_status_that_speaks_of_the_spec_before_tells_nothing_of_the_new_one() -> None:
    body = written(with_status(CHURN, LOADED), spec_at="2026-03-01T15:00:00Z", status_at="2026-03-01T12:01:20Z")

    assert observe_one(ADAPTER, body).run is None


def test_a_model_that_was_changed_while_the_service_stayed_ready_was_loaded_then() -> None:
    body = written(with_status(CHURN, LOADED), spec_at="2026-03-01T15:00:00Z", status_at="2026-03-01T15:00:30Z")

    assert run_of(ADAPTER, body).started_at == datetime(2026, 3, 1, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"predictor": {"sklearn": {"storageUri": "gs://m/a"}}}, ["gs://m/a"]),
        (
            {"predictor": {"storageUris": [{"uri": "hf://o/base"}, {"uri": "hf://o/lora"}]}},
            ["hf://o/base", "hf://o/lora"],
        ),
        ({"predictor": {"model": {"storageUri": "pvc://disk/m"}}}, ["pvc://prod/ml/disk/m"]),
        (
            {"predictor": {"containers": [{"image": "a", "env": [{"name": "STORAGE_URI", "value": "s3://m/b"}]}]}},
            ["s3://m/b"],
        ),
        (
            {
                "predictor": {
                    "model": {"storage": {"key": "k", "path": "a/b", "parameters": {"type": "s3", "bucket": "m"}}}
                }
            },
            ["s3://m/a/b"],
        ),
        (
            {"predictor": {"model": {"storageUri": "s3://m/a"}}, "explainer": {"art": {"storageUri": "s3://m/e"}}},
            ["s3://m/a", "s3://m/e"],
        ),
    ],
)
def test_models_are_found_wherever_they_are_named(spec: dict[str, Any], expected: list[str]) -> None:
    body = with_status({**an_object("s"), "spec": spec}, LOADED)

    assert names(run_of(ADAPTER, body).inputs) == expected


def test_a_model_in_a_bucket_that_only_a_secret_names_is_unknown() -> None:
    body = {**an_object("s"), "spec": {"predictor": {"model": {"storage": {"key": "k", "path": "a/b"}}}}}

    assert "its Secret does" in run_of(ADAPTER, with_status(body, LOADED)).unknown[0]


def test_an_artifact_of_a_pipeline_is_read_as_that_dataset_and_version() -> None:
    model = Dataset("k8s://prod/kubeflow", "churn/train/model", "MODEL", "s3://models/churn/1")
    known = ClusterNames("prod", find_artifact=lambda uri, namespace: model)
    [observation] = ADAPTER.observe(with_status(CHURN, LOADED), (), known)

    assert observation.run is not None
    assert observation.run.inputs == (model,)


def test_an_artifact_that_nobody_was_seen_to_write_waits() -> None:
    waiting = ClusterNames("prod", find_artifact=lambda uri, namespace: Unseen.PRODUCER)
    [observation] = ADAPTER.observe(with_status(CHURN, LOADED), (), waiting)

    assert observation.run is not None
    assert observation.run.inputs == ()
    assert observation.run.unresolved == ("s3://models/churn/1",)
