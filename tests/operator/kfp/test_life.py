"""How far a task is, by its pod at any moment, or by its Workflow where no pod ever ran."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .cluster_objects import (
    at,
    ended,
    executor_input,
    finished,
    launch,
    main_state,
    node,
    parameters,
    pod,
    uri,
    workflow,
)
from .replay import Json, Replay, SeenRun


async def seen(*bodies: Json) -> SeenRun:
    replay = await Replay(namespace="ml").see_all(bodies)
    (run,) = [each for each in replay.runs().values() if each.job != "train"]
    return run


def told(run: SeenRun) -> tuple[str, int | None, int | None]:
    return run.state, run.started_at and run.started_at.second, run.ended_at and run.ended_at.second


RUNNING = main_state(running={"startedAt": at(10)})
LIVES: dict[str, tuple[Json, tuple[str, int | None, int | None]]] = {
    "running": (pod(phase="Running", containerStatuses=RUNNING), ("STARTED", 10, None)),
    "ended, while a sidecar lingers": (
        pod(phase="Running", containerStatuses=main_state(terminated=ended())),
        ("STARTED", 10, None),
    ),
    "succeeded": (finished(), ("COMPLETE", 10, 20)),
    "failed": (finished(code=1), ("FAIL", 10, 20)),
    "killed": (finished(code=143), ("FAIL", 10, 20)),
    "being deleted, still running": (
        pod(phase="Running", containerStatuses=RUNNING, metadata={"deletionTimestamp": at(40)}),
        ("STARTED", 10, None),
    ),
    "being deleted, main has ended": (
        pod(
            phase="Running",
            containerStatuses=main_state(terminated=ended(143)),
            metadata={"deletionTimestamp": at(40)},
        ),
        ("FAIL", 10, 20),
    ),
    "an init container failed": (
        pod(
            phase="Failed",
            startTime=at(2),
            containerStatuses=main_state(waiting={"reason": "PodInitializing"}),
            initContainerStatuses=[{"name": "kfp-launcher", "state": {"terminated": ended(1, start=3, end=4)}}],
        ),
        ("FAIL", 2, 4),
    ),
    "evicted before anything ran": (pod(phase="Failed", reason="Evicted", startTime=at(2)), ("FAIL", 2, 2)),
    "deleted before main began": (
        pod(
            startTime=at(2),
            metadata={"deletionTimestamp": at(45), "deletionGracePeriodSeconds": 30},
            initContainerStatuses=[{"name": "sidecar", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}],
        ),
        ("FAIL", 2, 15),
    ),
    "lost with its node": (
        pod(
            phase="Failed",
            startTime=at(2),
            containerStatuses=main_state(terminated={"exitCode": 137, "reason": "ContainerStatusUnknown"}),
        ),
        ("FAIL", 2, 2),
    ),
}


@pytest.mark.parametrize(("body", "expected"), LIVES.values(), ids=LIVES.keys())
async def test_a_pod_tells_state_and_times(body: Json, expected: tuple[str, int | None, int | None]) -> None:
    assert told(await seen(body)) == expected


@pytest.mark.parametrize(
    "body",
    [
        pod(),
        pod(containerStatuses=main_state(waiting={"reason": "PodInitializing"})),
        pod(phase="Failed", spec={"nodeName": ""}),
        pod(initContainerStatuses=[{"name": "sidecar", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]),
    ],
)
async def test_what_has_not_begun_is_no_run(body: Json) -> None:
    replay = await Replay(namespace="ml").see_all([body])
    assert replay.events == {}


ERRORS: dict[str, tuple[Json, str]] = {
    "the user's code": (finished(code=1), "main: Error (exit code 1)"),
    "a sidecar failed too": (
        pod(
            phase="Failed",
            containerStatuses=main_state(terminated=ended(1)),
            initContainerStatuses=[{"name": "sidecar", "state": {"terminated": ended(1)}}],
        ),
        "main: Error (exit code 1)",
    ),
    "only another container": (
        pod(
            phase="Failed",
            containerStatuses=[
                {"name": "wait", "state": {"terminated": ended(2, message="no bucket\n")}},
                {"name": "main", "state": {"terminated": ended()}},
            ],
        ),
        "wait: Error (exit code 2); no bucket",
    ),
    "eviction": (
        pod(phase="Failed", startTime=at(2), reason="Evicted", message="low on memory"),
        "Evicted: low on memory",
    ),
    "nothing": (pod(phase="Failed", startTime=at(2)), "the pod failed and says no reason"),
}


@pytest.mark.parametrize(("body", "expected"), ERRORS.values(), ids=ERRORS.keys())
async def test_a_failed_pod_says_why(body: Json, expected: str) -> None:
    assert (await seen(body)).error == expected


def refused(**facts: Any) -> Json:
    main = {"containers": [{"name": "main", "command": launch(given=executor_input({"data": IMPORTED}, depth=4))}]}
    message = 'pods "x" is forbidden: violates PodSecurity "restricted:latest"'
    given = parameters(pod_spec_patch=json.dumps(main))
    known = {"phase": "Error", "message": message, "startedAt": at(5), "finishedAt": at(6), "inputs": given}
    return node("fit.executor", **{**known, **facts})


IMPORTED = {"artifacts": [{"type": {"schemaTitle": "Dataset"}, "uri": "s3://raw/customers.csv"}]}


async def test_a_task_whose_pod_was_refused_is_told_by_the_workflow() -> None:
    run = await seen(workflow(refused(), phase="Error"))
    assert told(run) == ("FAIL", 5, 6)
    assert "violates PodSecurity" in run.error
    assert run.reads == {"s3://raw/customers.csv"}
    assert run.facets["headwater_kubeflow"]["task"] == "fit"


async def test_a_task_whose_pod_had_a_node_is_told_by_its_pod_alone() -> None:
    replay = await Replay(namespace="ml").see_all([workflow(refused(hostNodeName="worker"), phase="Failed")])
    assert [each.job for each in replay.runs().values()] == ["train"]


async def test_a_retried_run_is_told_anew_under_the_same_ids() -> None:
    replay = await Replay(namespace="ml").see_all(
        [
            workflow(phase="Failed", finishedAt=at(30), message="child failed"),
            finished(code=1),
            pod(
                phase="Succeeded",
                containerStatuses=main_state(terminated=ended(start=40, end=50)),
                metadata={"uid": "of the second pod"},
            ),
            workflow(phase="Succeeded", startedAt=at(35), finishedAt=at(55)),
        ]
    )
    assert {each.job: told(each) for each in replay.runs().values()} == {
        "train": ("COMPLETE", 35, 55),
        "train.fit": ("COMPLETE", 40, 50),
    }


async def test_a_terminated_run_says_so() -> None:
    stopped = workflow(phase="Failed", finishedAt=at(30), message="Stopped with strategy 'Terminate'")
    replay = await Replay(namespace="ml").see_all([stopped])
    (run,) = replay.runs().values()
    assert (told(run), run.error) == (("FAIL", 1, 30), "Stopped with strategy 'Terminate'")


async def test_outputs_are_written_by_success_alone() -> None:
    outputs = {"model": {"artifacts": [{"type": {"schemaTitle": "system.Model"}, "uri": uri("fit", "model")}]}}
    given = executor_input(outputs=outputs)
    assert (await seen(finished(given=given, code=1))).writes == set()
    assert (await seen(finished(given=given))).writes == {"k8s://prod/ml/train/fit/model"}
