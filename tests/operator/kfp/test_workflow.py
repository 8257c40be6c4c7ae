"""What the Workflow of a run tells by itself."""

from __future__ import annotations

import base64
import gzip
import json

from headwater_operator.kinds.kubeflow_pipelines import RunAdapter, TaskAdapter
from headwater_operator.naming import ClusterNames
from headwater_operator.observation import Observation

from .cluster_objects import at, finished, node, workflow
from .replay import Json, Replay
from .test_enrichment import cached

CLUSTER = ClusterNames("prod")


def observed(body: Json) -> list[Observation]:
    return list(RunAdapter().observe(body, (), CLUSTER))


def test_a_pipeline_is_called_as_its_drivers_are_told() -> None:
    body = workflow()
    body["metadata"]["generateName"] = "my-schedule-2-"
    assert observed(body)[0].job.name == "my-schedule-2"
    body["spec"]["templates"] = [{"container": {"args": ["--type", "CONTAINER", "--pipeline_name", "train"]}}]
    assert observed(body)[0].job.name == "train"


def test_a_workflow_of_others_is_none_of_it() -> None:
    body = workflow()
    body["metadata"]["labels"] = {}
    assert observed(body) == []
    pod = finished()
    pod["metadata"]["labels"] = {}
    assert list(TaskAdapter().observe(pod, (), CLUSTER)) == []


def test_a_run_that_waits_has_not_begun() -> None:
    body = workflow(phase="Pending")
    del body["status"]["startedAt"]
    assert [each.run for each in observed(body)] == [None]


def test_a_recurring_run_says_when_it_was_due() -> None:
    (found,) = observed(workflow(metadata={"scheduledworkflows.kubeflow.org/workflowEpoch": "1795388400"}))
    assert found.run is not None
    assert found.run.nominal_time is not None
    assert found.run.nominal_time.isoformat() == "2026-11-22T23:00:00+00:00"


async def test_compressed_nodes_are_read() -> None:
    body = workflow(phase="Succeeded", finishedAt=at(9))
    nodes = {each["id"]: each for each in cached("prepare")}
    body["status"] |= {
        "nodes": None,
        "compressedNodes": base64.b64encode(gzip.compress(json.dumps(nodes).encode())).decode(),
    }
    replay = await Replay(namespace="ml").see_all([body])
    assert {each.job: each.state for each in replay.runs().values()} == {
        "train": "COMPLETE",
        "train.prepare": "COMPLETE",
    }


async def test_broken_nodes_leave_the_run() -> None:
    for broken in ("no base64!", base64.b64encode(b"no gzip").decode()):
        body = workflow(phase="Succeeded", finishedAt=at(9), compressedNodes=broken)
        replay = await Replay(namespace="ml").see_all([body])
        assert [each.job for each in replay.runs().values()] == ["train"]


def test_nodes_that_argo_keeps_to_itself_are_said_to_be_hidden() -> None:
    (found,) = observed(workflow(offloadNodeStatusVersion="fnv:1"))
    assert found.run is not None
    assert found.run.unknown == ("which tasks were taken from the cache: Argo hides the nodes",)


def test_a_branch_that_is_not_taken_is_no_run() -> None:
    not_taken = node("condition-3", "Skipped", "comp-condition-3", phase="Skipped", startedAt=at(3))
    omitted = node("say", "Skipped", "system-container-executor", phase="Omitted", startedAt=at(3))
    assert len(observed(workflow(not_taken, omitted))) == 1


def test_a_failed_run_names_some_of_its_failures() -> None:
    failed = [
        node(f"t{number}.executor", phase="Failed", hostNodeName="worker", startedAt=at(3), message="main: Error")
        for number in range(7)
    ]
    found, *_ = observed(workflow(*failed, phase="Failed", finishedAt=at(9)))
    assert found.run is not None
    assert found.run.error == "; ".join(f"t{number}: main: Error" for number in range(5)) + "; and 2 more"


async def test_tasks_are_below_their_run() -> None:
    replay = await Replay(namespace="ml").see_all([workflow(), finished("fit")])
    runs = {each.job: (run_id, each) for run_id, each in replay.runs().items()}
    assert runs["train.fit"][1].parent == runs["train"][0]
