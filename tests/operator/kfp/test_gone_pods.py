"""Tasks whose pods are gone are told by their Workflow, as the pods would have told them."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.v1 import event_pb2 as pb
from headwater_operator.run_ids import node_run_id

from .captured import RUNS, Captured
from .cluster_objects import (
    RUN_ID,
    WORKFLOW,
    WORKFLOW_UID,
    artifact,
    at,
    executor_input,
    finished,
    launch,
    node,
    parameters,
    uri,
    workflow,
)
from .replay import Json, Replay, SeenRun

CREATED_BEFORE = timedelta(seconds=10)
"""How long before its task a pod of the captured runs was made."""

DATA, MODEL = uri("prepare", "data"), uri("fit", "model")
PREPARE = executor_input(outputs={"data": artifact("system.Dataset", uri=DATA)})
FIT = executor_input({"data": artifact("Dataset", uri=DATA)}, {"model": artifact("system.Model", uri=MODEL)}, depth=4)
ALONE = executor_input({"raw": artifact(uri="s3://raw/a.csv")}, {"model": artifact("system.Model", uri=MODEL)})


def patch(task: str, given: str, **flags: str) -> Json:
    """What a driver makes of an executor's pod."""
    main = {"name": "main", "image": "python:3.11", "command": launch(task, given, **flags)}
    return parameters(pod_spec_patch=json.dumps({"containers": [main]}))


def executed(task: str, given: str, phase: str = "Succeeded", *, start: int = 8, **facts: Any) -> Json:
    """The node of an executor whose pod ended."""
    known = {"phase": phase, "startedAt": at(start), "finishedAt": at(20), "hostNodeName": "worker"}
    return {**node(f"{task}.executor"), "inputs": patch(task, given), **known, **facts}


def pod_of(of: Json, task: str, given: str, **facts: Any) -> Json:
    """The pod of a node."""
    annotations = {"workflows.argoproj.io/node-id": of["id"], "workflows.argoproj.io/node-name": of["name"]}
    body = finished(task, given, **facts)
    body["metadata"]["annotations"] = annotations
    return body


def run_id(of: Json) -> str:
    return str(node_run_id(WORKFLOW_UID, of["id"]))


async def told(*bodies: Json) -> dict[str, SeenRun]:
    """The runs by their jobs, when nothing is there but these objects."""
    replay = await (await Replay(namespace="ml").see_all(bodies)).without_pods()
    return {each.job: each for each in replay.runs().values()}


@pytest.mark.parametrize("name", RUNS)
async def test_a_captured_workflow_tells_what_its_pods_told(kfp_data: Path, name: str) -> None:
    run = Captured.read(kfp_data / "live", name)
    by_pods = (await Replay().see_all(run.objects)).runs()
    by_workflow = (await (await Replay().see_all(run.objects[-1:])).without_pods()).runs()
    assert by_workflow.keys() == by_pods.keys()
    for run_id, pod in by_pods.items():
        found = by_workflow[run_id]
        assert (found.job, found.state, found.parent, found.error) == (pod.job, pod.state, pod.parent, pod.error)
        assert (found.read_versions, found.written_versions) == (pod.read_versions, pod.written_versions)
        for facet in ("headwater_kubeflow", "executionParameters"):
            assert found.facets.get(facet) == pod.facets.get(facet)
        ours, its = (
            each.facets["headwater_kubernetes"] if "cached" not in str(each.facets) else {} for each in (found, pod)
        )
        assert [ours.get(key) for key in ("kind", "name", "serviceAccount")] == [
            its.get(key) for key in ("kind", "name", "serviceAccount")
        ]
        assert pod.started_at is not None
        assert found.started_at is not None
        assert pod.ended_at is not None
        assert found.ended_at is not None
        assert timedelta(0) <= pod.started_at - found.started_at <= CREATED_BEFORE
        assert timedelta(0) <= found.ended_at - pod.ended_at <= timedelta(seconds=1)


@pytest.mark.parametrize("name", RUNS)
async def test_a_captured_run_is_told_by_its_pods_where_they_are(kfp_data: Path, name: str) -> None:
    run = Captured.read(kfp_data / "live", name)
    pods_first = await (await Replay().see_all(run.objects)).without_pods()
    workflow_first = await (await Replay().see_all(run.objects[::-1])).without_pods()
    assert pods_first.events == workflow_first.events == (await Replay().see_all(run.objects)).events


async def test_a_task_whose_pod_is_gone_has_its_times_inputs_and_outputs() -> None:
    nodes = [executed("prepare", PREPARE, start=3), executed("fit", FIT)]
    runs = await told(workflow(*nodes, phase="Succeeded", finishedAt=at(30)))
    fit = runs["train.fit"]
    assert (fit.state, fit.started_at, fit.ended_at) == ("COMPLETE", Replay.time(at(8)), Replay.time(at(20)))
    assert fit.read_versions == {("k8s://prod/ml/train/prepare/data", DATA)}
    assert fit.written_versions == {("k8s://prod/ml/train/fit/model", MODEL)}
    assert fit.facets["executionParameters"]["parameters"] == [{"key": "depth", "value": "4"}]
    assert fit.facets["headwater_kubernetes"]["images"] == [{"container": "main", "image": "python:3.11"}]


async def test_what_the_executor_was_given_is_also_known_from_its_driver() -> None:
    driver = node("fit-driver", template="system-container-driver", phase="Succeeded", outputs=patch("fit", ALONE))
    runs = await told(workflow(driver, executed("fit", ALONE, inputs={})))
    assert runs["train.fit"].writes == {"k8s://prod/ml/train/fit/model"}


async def test_what_the_workflow_does_not_hold_stays_unknown() -> None:
    replay = Replay(namespace="ml")
    await (await replay.see_all([workflow(executed("fit", FIT, inputs={}))])).without_pods()
    (run,) = [each for each in replay.runs().values() if each.job == "train.fit"]
    assert (run.state, run.reads, run.writes) == ("COMPLETE", set(), set())
    assert replay.unknown["train.fit"] == (
        "what the task reads and writes: the launcher of a task has no --executor_input",
    )


async def test_a_task_that_runs_is_its_pods_to_tell() -> None:
    runs = await told(workflow(executed("fit", FIT, "Running", finishedAt=None)))
    assert runs.keys() == {"train"}


async def test_a_failed_task_without_a_pod_writes_nothing_and_says_why() -> None:
    runs = await told(workflow(executed("fit", ALONE, "Failed", message="main: Error (exit code 1)")))
    fit = runs["train.fit"]
    assert (fit.state, fit.error, fit.writes) == ("FAIL", "main: Error (exit code 1)", set())
    assert fit.reads == {"s3://raw/a.csv"}


async def test_an_importer_whose_pod_is_gone_is_told_too() -> None:
    spec = json.dumps({"artifactUri": {"constant": "s3://raw/a.csv"}, "typeSchema": {"schemaTitle": "system.Dataset"}})
    facts = {"phase": "Succeeded", "startedAt": at(3), "finishedAt": at(5), "hostNodeName": "worker"}
    runs = await told(workflow(node("importer", template="system-importer", inputs=parameters(importer=spec), **facts)))
    assert runs["train.importer"].writes == {"s3://raw/a.csv"}


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ({}, f"{WORKFLOW}-system-container-impl-"),
        ({"workflows.argoproj.io/pod-name-format": "v2"}, f"{WORKFLOW}-system-container-impl-"),
        ({"workflows.argoproj.io/pod-name-format": "v1"}, f"{WORKFLOW}-"),
    ],
)
async def test_the_pod_that_is_gone_is_named_as_argo_named_it(annotations: dict[str, str], expected: str) -> None:
    body = workflow(executed("fit", ALONE))
    body["metadata"]["annotations"] = annotations
    number = executed("fit", ALONE)["id"].rpartition("-")[2]
    assert (await told(body))["train.fit"].facets["headwater_kubernetes"]["name"] == expected + number


async def test_a_retried_task_is_told_by_the_workflow_where_only_its_first_pod_was_seen() -> None:
    first = executed("fit", ALONE, "Failed")
    again = executed("fit", ALONE, start=40, finishedAt=at(50))
    replay = await Replay(namespace="ml").see_all([pod_of(first, "fit", ALONE, code=1), workflow(again)])
    (run,) = [each for each in (await replay.without_pods()).runs().values() if each.job == "train.fit"]
    assert (run.state, run.started_at, run.ended_at) == ("COMPLETE", Replay.time(at(40)), Replay.time(at(50)))


async def test_a_task_of_a_retried_run_is_its_new_pods_to_tell_again() -> None:
    first = executed("fit", ALONE, "Failed", finishedAt=at(8))
    again = executed("fit", ALONE, start=9)
    assert again["id"] == first["id"]
    replay = await (await Replay(namespace="ml").see_all([workflow(first)])).without_pods()
    await replay.see_all([workflow(again), pod_of(again, "fit", ALONE)])
    (run,) = [each for each in (await replay.without_pods()).runs().values() if each.job == "train.fit"]
    assert run.state == "COMPLETE"
    times = {pb.Event.FromString(each).run_event.event_time.ToDatetime() for each in replay.events[run_id(first)]}
    assert times == {Replay.time(at(second)) for second in (8, 10, 20)}


@pytest.mark.parametrize(
    "broken", [{"name": "elsewhere"}, {"startedAt": "once"}, {"inputs": {"parameters": [None]}}, {"inputs": 7}]
)
async def test_a_node_that_cannot_be_read_hides_no_other(broken: Json) -> None:
    runs = await told(workflow(executed("bad", ALONE, **broken), executed("fit", ALONE)))
    assert runs["train.fit"].writes == {"k8s://prod/ml/train/fit/model"}


@pytest.mark.parametrize(
    "text",
    ['{"inputs":{"artifacts":{"data":null}}}', '{"inputs":{"artifacts":{"data":{}}},"outputs":{"artifacts":null}}'],
)
async def test_an_optional_input_that_is_absent_is_no_input(text: str) -> None:
    replay = await Replay(namespace="ml").see_all([finished("fit", text)])
    (run,) = replay.runs().values()
    assert (run.state, run.reads, replay.unknown["train.fit"]) == ("COMPLETE", set(), ())


@pytest.mark.parametrize(
    "text", ["[]", '{"inputs":[1]}', '{"outputs":{"artifacts":{"model":[1]}}}', '{"inputs":{"parameterValues":5}}']
)
async def test_an_executor_input_of_another_form_leaves_the_task(text: str) -> None:
    pods = await Replay(namespace="ml").see_all([finished("fit", text)])
    gone = await (
        await Replay(namespace="ml").see_all([workflow(executed("fit", text), executed("x", ALONE))])
    ).without_pods()
    assert [each.state for each in pods.runs().values()] == ["COMPLETE"]
    assert {each.job for each in gone.runs().values()} == {"train", "train.fit", "train.x"}
    assert "--executor_input is n" in gone.unknown["train.fit"][0]


NODES = [executed("prepare", PREPARE, start=3), executed("fit", FIT)]
OBJECTS = [
    workflow(NODES[0]),
    workflow(*NODES, phase="Succeeded", finishedAt=at(30)),
    pod_of(NODES[0], "prepare", PREPARE),
    pod_of(NODES[1], "fit", FIT),
]


@settings(max_examples=25, deadline=None)
@given(order=st.permutations(range(len(OBJECTS))), seen=st.sets(st.sampled_from([0, 2, 3])))
def test_whichever_is_seen_first_the_events_are_the_same(order: list[int], seen: set[int]) -> None:
    """Whichever of the pods there are."""
    there = {1, *seen}

    async def events(objects: list[Json]) -> dict[str, set[bytes]]:
        return (await (await Replay(namespace="ml").see_all(objects)).without_pods()).events

    ordered = asyncio.run(events([OBJECTS[each] for each in sorted(there)]))
    assert asyncio.run(events([OBJECTS[each] for each in order if each in there] * 2)) == ordered


async def test_where_the_run_of_a_workflow_is_not_retried_a_pod_that_was_seen_is_enough() -> None:
    replay = await Replay(namespace="ml").see_all([OBJECTS[3], OBJECTS[1]])
    runs = {each.job: each for each in (await replay.without_pods()).runs().values()}
    assert runs["train.fit"].started_at == Replay.time(at(10))
    assert runs["train.prepare"].started_at == Replay.time(at(3))
    assert runs["train.fit"].facets["headwater_kubeflow"]["runId"] == RUN_ID
