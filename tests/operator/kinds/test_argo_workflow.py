"""What is seen of Argo's Workflows and CronWorkflows."""

from __future__ import annotations

import copy
import gzip
import json
from base64 import b64encode
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from headwater_operator.kinds.argo_workflow import CronWorkflowAdapter, WorkflowAdapter
from headwater_operator.kinds.kubeflow_pipelines import RunAdapter
from headwater_operator.naming import ClusterNames, Unseen
from headwater_operator.observation import Observation, RunState, Workload
from headwater_operator.run_ids import node_run_id

from .objects import an_object, names, observe, observe_one, parameters, ref, uid, with_status

ADAPTER = WorkflowAdapter()
ETL = an_object(
    "etl-x7k2p",
    """
spec:
  entrypoint: main
  serviceAccountName: runner
  arguments: {parameters: [{name: day, value: "2026-03-01"}]}
  templates:
  - {name: main, dag: {tasks: [{name: extract, template: pull}, {name: load, template: push}]}}
  - {name: pull, container: {image: "acme/pull:1"}}
  - {name: push, serviceAccountName: loader, script: {image: "acme/push:2"}}
""",
    generateName="etl-",
)
REPOSITORY = """
artifactRepositoryRef:
  artifactRepository: {s3: {bucket: artifacts, endpoint: "minio.argo:9000", insecure: true}}
"""
PLACED = "etl-x7k2p/etl-x7k2p-pull-111/rows.tgz"
NODES: dict[str, Any] = {
    "etl-x7k2p": {
        "id": "etl-x7k2p",
        "name": "etl-x7k2p",
        "displayName": "etl-x7k2p",
        "type": "DAG",
        "templateName": "main",
        "phase": "Succeeded",
        "startedAt": "2026-03-01T12:00:05Z",
    },
    "etl-x7k2p-100": {
        "id": "etl-x7k2p-100",
        "name": "etl-x7k2p.extract",
        "displayName": "extract",
        "type": "Retry",
        "boundaryID": "etl-x7k2p",
        "phase": "Succeeded",
        "startedAt": "2026-03-01T12:00:05Z",
    },
    "etl-x7k2p-110": {
        "id": "etl-x7k2p-110",
        "name": "etl-x7k2p.extract(0)",
        "displayName": "extract(0)",
        "type": "Pod",
        "templateName": "pull",
        "boundaryID": "etl-x7k2p",
        "phase": "Failed",
        "message": "main: Error (exit code 1)",
        "startedAt": "2026-03-01T12:00:05Z",
        "finishedAt": "2026-03-01T12:00:20Z",
    },
    "etl-x7k2p-111": {
        "id": "etl-x7k2p-111",
        "name": "etl-x7k2p.extract(1)",
        "displayName": "extract(1)",
        "type": "Pod",
        "templateName": "pull",
        "boundaryID": "etl-x7k2p",
        "phase": "Succeeded",
        "startedAt": "2026-03-01T12:00:21Z",
        "finishedAt": "2026-03-01T12:00:40Z",
        "inputs": {
            "parameters": [{"name": "day", "value": "2026-03-01"}],
            "artifacts": [
                {"name": "users", "s3": {"bucket": "lake", "key": "raw/users.csv", "endpoint": "s3.amazonaws.com"}},
                {"name": "code", "git": {"repo": "https://git.example.com/etl", "revision": "693e354"}},
                {"name": "note", "raw": {"data": "hello"}},
            ],
        },
        "outputs": {
            "artifacts": [
                {"name": "rows", "s3": {"key": PLACED}},
                {"name": "main-logs", "s3": {"key": "etl-x7k2p/etl-x7k2p-pull-111/main.log"}},
            ]
        },
    },
    "etl-x7k2p-200": {
        "id": "etl-x7k2p-200",
        "name": "etl-x7k2p.load(0:eu.west)",
        "displayName": "load(0:eu.west)",
        "type": "Pod",
        "templateName": "push",
        "boundaryID": "etl-x7k2p",
        "phase": "Succeeded",
        "startedAt": "2026-03-01T12:00:41Z",
        "finishedAt": "2026-03-01T12:01:00Z",
        "inputs": {"artifacts": [{"name": "data", "s3": {"key": PLACED}}]},
        "outputs": {
            "artifacts": [
                {"name": "table", "gcs": {"bucket": "warehouse", "key": "users/eu"}},
                {"name": "copy", "s3": {"key": "latest/users.csv"}},
            ]
        },
    },
    "etl-x7k2p-300": {
        "id": "etl-x7k2p-300",
        "name": "etl-x7k2p.notify",
        "displayName": "notify",
        "type": "Skipped",
        "boundaryID": "etl-x7k2p",
        "phase": "Omitted",
        "startedAt": "2026-03-01T12:01:00Z",
    },
}
LIFE = "{phase: %s, startedAt: %s, finishedAt: %s, message: '%s'}"
BEGUN, OVER = "2026-03-01T12:00:05Z", "2026-03-01T12:01:05Z"


def etl(nodes: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    """The Workflow at its end, with its nodes."""
    body = with_status(ETL, LIFE % ("Succeeded", BEGUN, OVER, ""))
    body["status"] |= with_status(ETL, REPOSITORY)["status"] | {"nodes": copy.deepcopy(nodes or NODES)} | status
    return body


def tasks(body: dict[str, Any], *owners: Any) -> list[Observation]:
    return observe(ADAPTER, body, *owners)[1:]


@pytest.mark.parametrize(
    ("status", "state", "error"),
    [
        (LIFE % ("Pending", BEGUN, "null", ""), RunState.STARTED, ""),
        (LIFE % ("Running", BEGUN, "null", ""), RunState.RUNNING, ""),
        (LIFE % ("Succeeded", BEGUN, OVER, ""), RunState.SUCCEEDED, ""),
        (LIFE % ("Failed", BEGUN, OVER, "child failed"), RunState.FAILED, "child failed"),
        (LIFE % ("Error", BEGUN, OVER, "no such template"), RunState.FAILED, "no such template"),
    ],
)
def test_the_life_of_a_workflow(status: str, state: RunState, error: str) -> None:
    observation = observe_one(ADAPTER, with_status(ETL, status))
    run = observation.run

    assert (observation.job.name, observation.job.type, observation.workload) == (
        "etl",
        "DAG",
        Workload("Workflow.argoproj.io", "etl"),
    )
    assert run is not None
    assert (run.state, run.error, run.run_id) == (state, error, UUID(uid("etl-x7k2p")))
    assert run.ended_at == (datetime(2026, 3, 1, 12, 1, 5, tzinfo=UTC) if state.is_final else None)
    assert parameters(run) == {"day": "2026-03-01"}


@pytest.mark.parametrize("status", ["{}", "{phase: '', startedAt: null}"])
def test_a_workflow_that_the_controller_has_not_seen_is_no_run(status: str) -> None:
    assert observe_one(ADAPTER, with_status(ETL, status)).run is None


def test_a_workflow_that_was_stopped_is_aborted() -> None:
    body = with_status(ETL, LIFE % ("Failed", BEGUN, OVER, "Stopped with strategy Terminate"))
    body["spec"]["shutdown"] = "Terminate"
    run = observe_one(ADAPTER, body).run

    assert run is not None
    assert run.state is RunState.ABORTED


def test_a_failed_workflow_that_gives_no_reason_gives_those_of_its_tasks() -> None:
    run = observe(ADAPTER, etl(phase="Failed"))[0].run

    assert run is not None
    assert run.error == "extract(0): main: Error (exit code 1)"


def test_each_attempt_of_a_task_is_a_run_of_one_job_below_the_workflow() -> None:
    found = tasks(etl())

    assert [each.job.name for each in found] == ["etl.extract", "etl.extract", "etl.load"]
    runs = [each.run for each in found if each.run]
    assert [each.run_id for each in runs] == [
        node_run_id(uid("etl-x7k2p"), f"etl-x7k2p-{node}") for node in (110, 111, 200)
    ]
    assert [each.state for each in runs] == [RunState.FAILED, RunState.SUCCEEDED, RunState.SUCCEEDED]
    assert runs[0].error == "main: Error (exit code 1)"
    assert {(each.parent.run_id, each.parent.job) for each in runs if each.parent} == {(UUID(uid("etl-x7k2p")), "etl")}


def test_an_artifact_of_one_workflow_is_named_after_its_task_and_joins_it_to_its_readers() -> None:
    _, extract, load = (each.run for each in tasks(etl()))

    assert extract is not None
    assert load is not None
    assert names(extract.planned_outputs) == ["k8s://prod/ml/etl.extract/rows"]
    assert extract.planned_outputs[0].version == f"s3://artifacts/{PLACED}"
    assert load.inputs == extract.planned_outputs


def test_artifacts_with_a_place_of_their_own_are_named_after_it() -> None:
    _, extract, load = (each.run for each in tasks(etl()))

    assert extract is not None
    assert load is not None
    assert names(extract.inputs) == ["s3://lake/raw/users.csv"]
    assert names(load.planned_outputs) == [
        "gs://warehouse/users/eu",
        "minio://prod/minio.argo:9000/artifacts/latest/users.csv",
    ]


def test_a_task_tells_its_image_account_parameters_and_code() -> None:
    _, extract, load = tasks(etl())

    assert extract.run is not None
    assert load.run is not None
    facets = [each.run.start_facets["headwater_kubernetes"] for each in (extract, load) if each.run]
    assert [(each["images"], each["serviceAccount"]) for each in facets] == [
        ([{"container": "main", "image": "acme/pull:1"}], "runner"),
        ([{"container": "main", "image": "acme/push:2"}], "loader"),
    ]
    assert parameters(extract.run) == {"day": "2026-03-01"}
    assert extract.job.facets["sourceCodeLocation"]["version"] == "693e354"


def test_compressed_nodes_tell_the_same() -> None:
    text = b64encode(gzip.compress(json.dumps(NODES).encode())).decode()
    body = etl(compressedNodes=text)
    del body["status"]["nodes"]

    assert tasks(body) == tasks(etl())


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ({"offloadNodeStatusVersion": "fnv:123"}, "Argo keeps its nodes in a database"),
        ({"compressedNodes": "bm8gZ3ppcA=="}, "no gzip of nodes"),
        ({"compressedNodes": "!"}, "no gzip of nodes"),
    ],
)
def test_nodes_that_are_not_in_the_workflow_are_said_to_be_unknown(status: dict[str, str], reason: str) -> None:
    body = with_status(ETL, LIFE % ("Running", BEGUN, "null", ""))
    body["status"] |= status
    run = observe_one(ADAPTER, body).run

    assert run is not None
    assert reason in run.unknown[0]


def test_an_artifact_whose_repository_is_not_told_is_unknown() -> None:
    body = etl()
    del body["status"]["artifactRepositoryRef"]
    _, extract, _ = (each.run for each in tasks(body))

    assert extract is not None
    assert extract.unknown == ("where the artifact rows lies: its repository is not in the Workflow",)


def test_an_artifact_of_a_pipelines_run_that_nobody_was_seen_to_write_waits() -> None:
    names = ClusterNames("prod", find_artifact=lambda uri, namespace: Unseen.PRODUCER if "lake" in uri else None)
    _, _, extract, _ = (each.run for each in ADAPTER.observe(etl(), (), names))

    assert extract is not None
    assert (extract.inputs, extract.unresolved) == ((), ("s3://lake/raw/users.csv",))


def test_what_comes_from_the_cache_of_argo_is_not_said_to_be_written() -> None:
    nodes = copy.deepcopy(NODES)
    nodes["etl-x7k2p-111"]["memoizationStatus"] = {"hit": True, "key": "k", "cacheName": "c"}
    _, extract, _ = (each.run for each in tasks(etl(nodes)))

    assert extract is not None
    assert (extract.inputs, extract.planned_outputs) == ((), ())
    assert "cache" in extract.unknown[0]


def test_a_task_that_was_shut_down_is_aborted() -> None:
    nodes = copy.deepcopy(NODES)
    nodes["etl-x7k2p-110"]["message"] = "workflow shutdown with strategy:  Terminate"
    first = tasks(etl(nodes))[0].run

    assert first is not None
    assert first.state is RunState.ABORTED


@pytest.mark.parametrize(
    ("node", "path"),
    [
        ({"displayName": "etl-x7k2p", "templateName": "hello"}, "hello"),
        ({"displayName": "etl-x7k2p(0)", "templateName": "hello"}, "hello"),
        ({"displayName": "etl-x7k2p.onExit", "templateName": "clean"}, "onExit"),
        ({"displayName": "train(2:lr:0.1,name:a.b(c))", "boundaryID": "inner"}, "outer.train"),
    ],
)
def test_a_tasks_name_leaves_out_items_and_attempts(node: dict[str, str], path: str) -> None:
    inner = {"id": "inner", "displayName": "outer(0:x)", "boundaryID": "etl-x7k2p", "type": "Steps"}
    pod = {"id": "p", "name": "n", "type": "Pod", "phase": "Running", "startedAt": BEGUN, **node}
    [found] = tasks(etl({"etl-x7k2p": NODES["etl-x7k2p"], "inner": inner, "p": pod}))

    assert found.job.name == f"etl.{path}"


def test_a_workflow_of_a_cron_workflow_goes_by_its_name_and_knows_when_it_was_due() -> None:
    body = etl()
    body["metadata"]["annotations"] = {"workflows.argoproj.io/scheduled-time": "2026-03-01T12:00:00Z"}
    body["metadata"]["labels"] = {"workflows.argoproj.io/cron-workflow": "nightly"}
    workflow, *pods = observe(ADAPTER, body, ref("CronWorkflow.argoproj.io", "nightly"))

    assert workflow.job.name == "nightly"
    assert {each.workload for each in (workflow, *pods)} == {Workload("CronWorkflow.argoproj.io", "nightly")}
    assert [each.job.name for each in pods] == ["nightly.extract", "nightly.extract", "nightly.load"]
    assert workflow.run is not None
    assert workflow.run.nominal_time == datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_cron_workflow_is_a_workload_and_no_run() -> None:
    observation = observe_one(CronWorkflowAdapter(), an_object("nightly", "spec: {schedules: ['0 1 * * *']}"))

    assert (observation.job.name, observation.run) == ("nightly", None)


def test_workflows_of_kubeflow_pipelines_are_not_this_adapters_to_tell() -> None:
    body = etl()
    body["metadata"]["labels"] = {"pipeline/runid": "f1e00bb3"}

    assert observe(ADAPTER, body) == []


def test_workflows_of_the_first_kubeflow_pipelines_are_told_as_any_other() -> None:
    body = etl()
    body["metadata"]["labels"] = {"pipeline/runid": "f1e00bb3", "pipelines.kubeflow.org/kfp_sdk_version": "1.8.22"}

    assert len(observe(ADAPTER, body)) == len(observe(ADAPTER, etl())) > 1
    assert list(RunAdapter().observe(body, (), ClusterNames("prod"))) == []


def test_the_person_who_started_it_is_told_where_argo_names_one() -> None:
    body = etl()
    body["metadata"]["labels"] = {"workflows.argoproj.io/creator-email": "ada.at.example.com"}
    run = observe(ADAPTER, body)[0].run

    assert run is not None
    assert run.start_facets["headwater_kubernetes"]["startedBy"] == "ada@example.com"


def test_the_start_is_told_the_same_while_it_runs_and_at_its_end() -> None:
    running = etl(phase="Running", finishedAt=None)
    running["metadata"]["labels"] = {"workflows.argoproj.io/phase": "Running"}
    ended = etl()
    ended["metadata"]["labels"] = {
        "workflows.argoproj.io/phase": "Succeeded",
        "workflows.argoproj.io/completed": "true",
    }

    for before, after in zip(observe(ADAPTER, running), observe(ADAPTER, ended), strict=True):
        assert before.run is not None
        assert after.run is not None
        assert before.run.start_facets == after.run.start_facets
