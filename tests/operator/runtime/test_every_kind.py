"""The life of every kind, through the handlers and into the server: succeeded, failed, deleted half-way."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from headwater_operator.app import Operator
from headwater_operator.kinds import ADAPTERS

from .cluster import Cluster, at
from .conftest import Told
from .stories import JOB, complete, declare, running

POD = {"spec": {"containers": [{"name": "main", "image": "python:3.12"}]}}
REPLICAS = {
    "PyTorchJob": "pytorchReplicaSpecs",
    "TFJob": "tfReplicaSpecs",
    "MPIJob": "mpiReplicaSpecs",
    "XGBoostJob": "xgbReplicaSpecs",
    "JAXJob": "jaxReplicaSpecs",
    "PaddleJob": "paddleReplicaSpecs",
}


def condition(kind: str, minute: float = 9) -> dict[str, Any]:
    """The one condition of a status, that holds."""
    return {"conditions": [{"type": kind, "status": "True", "reason": f"It{kind}", "lastTransitionTime": at(minute)}]}


@dataclass(frozen=True)
class Life:
    """How a kind is written, and its statuses; one that has no `running` is a run only once it has ended."""

    spec: dict[str, Any]
    succeeded: dict[str, Any]
    failed: dict[str, Any]
    running: dict[str, Any] = field(default_factory=dict)


def started(**status: Any) -> dict[str, Any]:
    """A status with the time at which it began."""
    return {"startTime": at(1), **status}


def replicated(replicas: str) -> Life:
    """The life of a job of the training operator."""
    return Life(
        {replicas: {"Master": {"replicas": 1, "template": POD}}},
        started(completionTime=at(9), **condition("Succeeded")),
        started(**condition("Failed")),
        started(**condition("Running", 2)),
    )


def model(transition: str, state: str, ready: str) -> dict[str, Any]:
    """The status of an InferenceService."""
    states = {"activeModelState": state if state == "Loaded" else "", "targetModelState": state}
    conditions = [{"type": "Ready", "status": ready, "reason": "It", "lastTransitionTime": at(9)}]
    return {"modelStatus": {"transitionStatus": transition, "states": states}, "conditions": conditions}


def spark(state: str, end: str | None = None) -> dict[str, Any]:
    """The status of a SparkApplication."""
    return {
        "applicationState": {"state": state},
        "lastSubmissionAttemptTime": at(1),
        "terminationTime": end,
        "executionAttempts": 1,
    }


LIVES = {
    "Job": Life(JOB, complete(), started(**condition("Failed")), running() | {"ready": 1}),
    "Workflow": Life(
        {"entrypoint": "main"},
        {"phase": "Succeeded", "startedAt": at(1), "finishedAt": at(9)},
        {"phase": "Failed", "startedAt": at(1), "finishedAt": at(9)},
        {"phase": "Running", "startedAt": at(1)},
    ),
    "TrainJob": Life(
        {"runtimeRef": {"name": "torch"}},
        condition("Complete"),
        condition("Failed"),
        {"jobsStatus": [{"name": "node", "active": 1, "ready": 1}]},
    ),
    **{kind: replicated(replicas) for kind, replicas in REPLICAS.items()},
    **{
        kind: Life(
            {},
            started(completionTime=at(9), **condition("Succeeded")),
            started(**condition("Failed")),
            started(**condition("Running", 2)),
        )
        for kind in ("Experiment", "Trial")
    },
    "InferenceService": Life(
        {"predictor": {"model": {"storageUri": "s3://models/churn"}}},
        model("UpToDate", "Loaded", "True"),
        model("BlockedByFailedLoad", "FailedToLoad", "False"),
    ),
    "SparkApplication": Life(
        {"mainApplicationFile": "s3://code/a.py"}, spark("COMPLETED", at(9)), spark("FAILED", at(9)), spark("RUNNING")
    ),
    "RayJob": Life(
        {"entrypoint": "python a.py"},
        started(jobDeploymentStatus="Complete", jobStatus="SUCCEEDED", endTime=at(9)),
        started(jobDeploymentStatus="Failed", jobStatus="FAILED", endTime=at(9)),
        started(jobDeploymentStatus="Running", jobStatus="RUNNING"),
    ),
}
NO_RUNS = {"CronJob", "CronWorkflow"}
"""Kinds that start others and never run themselves."""


def test_no_kind_is_left_out() -> None:
    assert {adapter.resource.kind for adapter in ADAPTERS} - {"Pod"} == LIVES.keys() | NO_RUNS


async def test_lives_are_told_as_they_were(cluster: Cluster, operator: Operator, told: Told) -> None:
    await declare(cluster)
    await asyncio.gather(*(live(cluster, told, kind, life) for kind, life in LIVES.items()))


async def live(cluster: Cluster, told: Told, kind: str, life: Life) -> None:
    """Lets one object of a kind succeed, one fail, and one go while it runs."""
    good, bad, gone = (f"{kind.lower()}-{end}" for end in ("good", "bad", "gone"))
    for name in (good, bad, gone):
        await cluster.create(kind, name, spec=life.spec, status=life.running)
    if life.running:
        for name in (good, bad, gone):
            assert (await told.run(name, "RUNNING")).start_time.ToJsonString() <= at(2), kind
    await cluster.change(kind, good, status=life.succeeded)
    await cluster.change(kind, bad, status=life.failed)
    await cluster.delete(kind, gone)
    assert (await told.run(good, "SUCCEEDED")).end_time.ToJsonString() == at(9), kind
    assert (await told.run(bad, "FAILED")).end_time.ToJsonString() == at(9), kind
    if life.running:
        assert (await told.run(gone, "ABORTED")).HasField("end_time"), kind
    else:
        assert await told.runs(gone) == [], kind


async def test_what_only_starts_others_is_a_workload_and_no_run(
    cluster: Cluster, operator: Operator, told: Told
) -> None:
    await declare(cluster)
    for kind in sorted(NO_RUNS):
        await cluster.create(kind, kind.lower(), spec={"schedule": "0 3 * * *"}, status={})
    await cluster.until_status("all", lambda status: status.get("jobs") == len(NO_RUNS))
    assert await told.jobs() == set()
