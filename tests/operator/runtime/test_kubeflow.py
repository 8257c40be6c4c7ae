"""Captured runs of Kubeflow Pipelines, from the watch to the server."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from headwater import Client
from headwater.errors import NotFound
from headwater.names import DatasetName, JobName
from headwater.v1 import catalog_pb2 as pb
from headwater_operator.records import Waiting

from ..kfp.captured import Captured, Json, watched_objects
from ..kfp.cluster_objects import artifact, executor_input, finished, uri
from ..kfp.conftest import kfp_data as kfp_data  # noqa: PLC0414 (a fixture)
from ..kfp.kubeflow_server import KubeflowServer
from .cluster import KINDS, Cluster, until
from .conftest import Start

STATES = {"COMPLETE": "RUN_STATE_SUCCEEDED", "FAIL": "RUN_STATE_FAILED"}


async def show(cluster: Cluster, captured: Captured, live: Path, watched: dict[str, list[Json]] | None = None) -> None:
    """Shows the cluster's pods as the watch told of them, or else as they were stored, and the Workflow at its end."""
    await cluster.create("LineagePipeline", "all", namespace="kubeflow", spec={})
    name = captured.workflow["metadata"]["name"]
    for pod in (watched_objects(live) if watched is None else watched).get(name, captured.pods):
        await cluster.put(KINDS["Pod"], pod)
    await cluster.put(
        KINDS["Workflow"], {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", **captured.workflow}
    )


async def runs_of(client: Client, captured: Captured) -> dict[str, pb.Run]:
    """The runs that are expected, as the server has them, once all of them have ended."""

    async def found() -> dict[str, pb.Run] | None:
        try:
            runs = {run_id: await client.get_run(run_id) for run_id in captured.expected_runs()}
        except NotFound:
            return None
        return runs if all(run.HasField("end_time") for run in runs.values()) else None

    runs: dict[str, pb.Run] = await until(found, seconds=40)
    return runs


def edges_of(runs: dict[str, pb.Run]) -> set[tuple[str, str, str]]:
    """Which job reads and writes which dataset."""
    found = set()
    for run in runs.values():
        job = JobName.parse(run.job).job
        for side, each in [("reads", each) for each in run.inputs] + [("writes", each) for each in run.outputs]:
            name = DatasetName.parse(each.dataset)
            found.add((job, side, f"{name.namespace}/{name.dataset}"))
    return found


@pytest.mark.parametrize("name", ["churn-1", "fails-retried"])
async def test_a_run_is_in_the_server_as_it_was(
    cluster: Cluster, start: Start, client: Client, kfp_data: Path, name: str
) -> None:
    captured = Captured.read(kfp_data / "live", name)
    async with start(cluster="prod", object_store="s3.example.com", artifact_wait_seconds="2"):
        await show(cluster, captured, kfp_data / "live")
        runs = await runs_of(client, captured)
    expected = captured.expected_runs()
    assert {run_id: (JobName.parse(run.job).job, pb.RunState.Name(run.state)) for run_id, run in runs.items()} == {
        run_id: (job, STATES[state]) for run_id, (job, state, *_) in expected.items()
    }
    by_pods = {edge[:3] for edge in captured.expected_edges(by_api=False)}
    assert {edge for edge in by_pods if edge[1] == "reads"} <= edges_of(runs)


async def test_the_api_of_kubeflow_pipelines_tells_what_no_pod_does(
    cluster: Cluster, start: Start, client: Client, kfp_data: Path
) -> None:
    captured = Captured.read(kfp_data / "live", "churn-1")
    async with (
        KubeflowServer([captured.truth]) as kubeflow,
        start(cluster="prod", object_store="s3.example.com", kubeflow_api=kubeflow.address),
    ):
        await show(cluster, captured, kfp_data / "live")
        await runs_of(client, captured)
        wanted = {edge[:3] for edge in captured.expected_edges(by_api=True)}

        async def has_all() -> bool:
            return wanted <= edges_of(await runs_of(client, captured))

        await until(has_all, seconds=40)


async def test_tasks_whose_pods_are_gone_are_told_by_their_workflow(
    cluster: Cluster, start: Start, client: Client, kfp_data: Path
) -> None:
    captured = Captured.read(kfp_data / "live", "churn-1")
    async with start(cluster="prod", object_store="s3.example.com"):
        await show(cluster, replace(captured, pods=()), kfp_data / "live", watched={})
        runs = await runs_of(client, captured)
    by_pods = {edge[:3] for edge in captured.expected_edges(by_api=False)}
    assert {edge for edge in by_pods if edge[1] == "reads"} <= edges_of(runs)


async def test_where_pods_and_workflow_are_there_the_pods_tell(
    cluster: Cluster, start: Start, client: Client, kfp_data: Path
) -> None:
    captured = Captured.read(kfp_data / "live", "churn-1")
    await show(cluster, captured, kfp_data / "live", watched={})
    async with start(cluster="prod", object_store="s3.example.com") as operator:
        runs = await runs_of(client, captured)
        await until(lambda: not operator.registrar.stand_ins.held(float("inf")))
        (requests,) = [each.value for each in operator.figures() if each.name == "kubernetes_requests"]
        assert "list_metadata" not in requests
    for run_id, (_, _, started_at, ended_at) in captured.expected_runs().items():
        assert runs[run_id].start_time.ToDatetime() == started_at
        assert runs[run_id].end_time.ToDatetime() == ended_at


async def test_after_a_restart_a_workflow_does_not_tell_again_what_pods_told(
    cluster: Cluster, start: Start, client: Client, kfp_data: Path
) -> None:
    captured = Captured.read(kfp_data / "live", "shell")
    settings = {"cluster": "prod", "object_store": "s3.example.com"}
    await show(cluster, captured, kfp_data / "live", watched={})
    async with start(**settings):
        before = await runs_of(client, captured)
    for pod in captured.pods:
        await cluster.delete("Pod", pod["metadata"]["name"], "kubeflow")
    async with start(**settings) as operator:
        await until(lambda: operator.registrar.changes)
        await until(lambda: operator.reporter.reported and not operator.waiting)
        assert not operator.registrar.stand_ins.held(float("inf"))
        assert operator.reporter.reported == 2  # the Workflow's own
    assert await runs_of(client, captured) == before


async def test_of_a_pod_that_waits_for_an_artifact_only_what_is_read_is_kept(cluster: Cluster, start: Start) -> None:
    reads = {"data": artifact("Dataset", uri=uri("elsewhere", "data"))}
    pod = finished("fit", executor_input(reads, text="x" * 256_000))
    async with start() as operator:
        await cluster.create("LineagePipeline", "all", namespace="ml", spec={})
        await cluster.put(KINDS["Pod"], {"apiVersion": "v1", **pod})

        def waiting() -> list[Waiting]:
            return [each.waiting for each in operator.registrar.records if each.waiting is not None]

        (found,) = await until(waiting)
    assert len(json.dumps(found.body)) < 50_000
