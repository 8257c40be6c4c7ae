"""The workloads of other projects: their definitions in the cluster, their states set as their controllers would.

The definitions are those that the projects publish (see `crds`), so that every field that is read is one they have.
Katib's allow anything: its fields are those of its models for Python. No controller runs: what it would write is
written by the test.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from kubernetes.dynamic import DynamicClient

from ..server_process import RunningServer
from .crds import apply_crds
from .kubernetes_access import Namespace, Object, has_condition
from .lineage_pipelines import RESOURCE, delivered, pipeline
from .running_operator import Operator, running_operator
from .running_server import runs_of

START, END = "the start", "the end"
"""Stand in a status for the moment in which it is written first, and the one in which it is written last."""

POD = {"spec": {"containers": [{"name": "main", "image": "python:3.11"}]}}
OBJECTIVE = {"type": "maximize", "objectiveMetricName": "auc"}
RATE = {"name": "rate", "parameterType": "double", "feasibleSpace": {"min": "0.01", "max": "0.1"}}
ASSIGNED = {"parameterAssignments": [{"name": "rate", "value": "0.02"}]}
OBSERVATION = {"metrics": [{"name": "auc", "latest": "0.91", "min": "0.4", "max": "0.93"}]}
MODEL = {"modelFormat": {"name": "sklearn"}, "storageUri": "s3://models/churn"}


def condition(kind: str, time: str, reason: str = "AsExpected") -> Object:
    """A condition that holds."""
    return {"type": kind, "status": "True", "reason": reason, "message": "", "lastTransitionTime": time}


LIVES: dict[str, tuple[str, Object, list[Object]]] = {
    "TrainJob": (
        "trainer.kubeflow.org/v1alpha1",
        {"runtimeRef": {"name": "torch"}, "initializer": {"dataset": {"storageUri": "hf://tatsu-lab/alpaca"}}},
        [
            {"jobsStatus": [{"name": "node", "active": 1, "ready": 1, "succeeded": 0, "failed": 0, "suspended": 0}]},
            {
                "jobsStatus": [{"name": "node", "active": 0, "ready": 0, "succeeded": 1, "failed": 0, "suspended": 0}],
                "conditions": [condition("Complete", END)],
            },
        ],
    ),
    "PyTorchJob": (
        "kubeflow.org/v1",
        {"pytorchReplicaSpecs": {"Master": {"replicas": 1, "template": POD}}},
        [
            {"startTime": START, "replicaStatuses": {}, "conditions": [condition("Running", START)]},
            {
                "startTime": START,
                "completionTime": END,
                "replicaStatuses": {},
                "conditions": [condition("Succeeded", END)],
            },
        ],
    ),
    "Workflow": (
        "argoproj.io/v1alpha1",
        {"entrypoint": "main", "templates": [{"name": "main", "container": {"image": "python:3.11"}}]},
        [
            {"phase": "Running", "startedAt": START},
            {"phase": "Succeeded", "startedAt": START, "finishedAt": END},
        ],
    ),
    "RayJob": (
        "ray.io/v1",
        {
            "entrypoint": "python train.py",
            "rayClusterSpec": {"headGroupSpec": {"rayStartParams": {}, "template": POD}},
        },
        [
            {"jobDeploymentStatus": "Running", "jobStatus": "RUNNING", "startTime": START},
            {"jobDeploymentStatus": "Complete", "jobStatus": "SUCCEEDED", "startTime": START, "endTime": END},
        ],
    ),
    "SparkApplication": (
        "sparkoperator.k8s.io/v1beta2",
        {
            "type": "Python",
            "sparkVersion": "3.5.0",
            "mainApplicationFile": "s3://code/clean.py",
            "driver": {},
            "executor": {},
        },
        [
            {
                "applicationState": {"state": "RUNNING"},
                "driverInfo": {},
                "lastSubmissionAttemptTime": START,
                "terminationTime": None,
            },
            {
                "applicationState": {"state": "COMPLETED"},
                "driverInfo": {},
                "lastSubmissionAttemptTime": START,
                "terminationTime": END,
            },
        ],
    ),
    "Experiment": (
        "kubeflow.org/v1beta1",
        {"objective": OBJECTIVE, "algorithm": {"algorithmName": "random"}, "parameters": [RATE], "maxTrialCount": 1},
        [
            {"startTime": START, "conditions": [condition("Running", START)], "trials": 1},
            {
                "startTime": START,
                "completionTime": END,
                "conditions": [condition("Succeeded", END)],
                "trials": 1,
                "trialsSucceeded": 1,
                "currentOptimalTrial": {"bestTrialName": "train-1", "observation": OBSERVATION, **ASSIGNED},
            },
        ],
    ),
    "Trial": (
        "kubeflow.org/v1beta1",
        {"objective": OBJECTIVE, **ASSIGNED},
        [
            {"startTime": START, "conditions": [condition("Running", START)]},
            {
                "startTime": START,
                "completionTime": END,
                "conditions": [condition("Succeeded", END)],
                "observation": OBSERVATION,
            },
        ],
    ),
    "InferenceService": (
        "serving.kserve.io/v1beta1",
        {"predictor": {"model": MODEL}},
        [
            {
                "conditions": [condition("Ready", END), condition("PredictorReady", END)],
                "modelStatus": {
                    "transitionStatus": "UpToDate",
                    "states": {"activeModelState": "Loaded", "targetModelState": "Loaded"},
                },
            },
        ],
    ),
}


@pytest.fixture(scope="module")
def operator(
    client: DynamicClient, permissions: None, server: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Operator]:
    """An operator that was there before any of these kinds was."""
    folder: Path = tmp_path_factory.mktemp("operator")
    with running_operator(server.grpc_address, folder) as found:
        apply_crds(client, *LIVES)
        client.resources.invalidate_cache()
        yield found


@pytest.mark.parametrize("kind", LIVES)
def test_the_life_of_a_workload_is_told(
    namespace: Namespace, operator: Operator, server: RunningServer, kind: str
) -> None:
    version, spec, states = LIVES[kind]
    namespace.apply(pipeline())
    namespace.wait_for(RESOURCE, "all", has_condition("Ready"))
    namespace.apply({"apiVersion": version, "kind": kind, "metadata": {"name": "train"}, "spec": spec})
    start = now()
    for status in states:
        timed = json.dumps(status).replace(START, start).replace(END, now())
        set_status(namespace, kind, version, json.loads(timed))
        delivered(namespace, "SUCCEEDED" if status is states[-1] else "RUNNING")
    (run,) = runs_of(server, namespace, "train")
    assert run.HasField("end_time")


def now() -> str:
    """The time as Kubernetes writes it, in whole seconds, not before what happened until now."""
    return (datetime.now(UTC) + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


def set_status(namespace: Namespace, kind: str, version: str, status: Object) -> None:
    """Writes a status as a controller does, through the subresource where the kind has one."""
    resource = namespace.client.resources.get(api_version=version, kind=kind)
    plural = f"{resource.name}.{resource.group}"
    given: dict[str, Any] = {"status": status}
    how = ["--subresource=status"] if "status" in resource.subresources else []
    namespace.kubectl("patch", plural, "train", "--type=merge", *how, "--patch", json.dumps(given))
