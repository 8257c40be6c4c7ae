"""What is watched, and that it is watched again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from headwater_operator import planning, sweeping
from headwater_operator.app import running
from headwater_operator.settings import parse_settings
from headwater_operator.watching import PIPELINES

from ...server_process import RunningServer
from .cluster import KINDS, Cluster, at, running_cluster, until
from .conftest import Start, Told
from .stories import declare, start_job

TF_JOBS = KINDS["TFJob"]
TRAINING = {"spec": {"tfReplicaSpecs": {}}, "status": {"startTime": at(1)}}


async def test_kinds_that_a_cluster_lacks_are_picked_up_when_they_come_and_when_they_come_again(
    server: RunningServer, told: Told, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(sweeping, "MARGIN", timedelta())
    arguments = ["--cluster", "c1", "--address", server.grpc_address, "--spool-dir", f"{tmp_path}/spool"]
    served = ("Job", "PyTorchJob", "LineagePipeline")
    arguments += ["--sweep-interval-seconds", "1"]
    async with running_cluster(without=[kind for kind in KINDS if kind not in served]) as cluster:
        settings = parse_settings([*arguments, "--http-address", "127.0.0.1:0"], {})
        async with running(settings, cluster.connect):
            await declare(cluster)
            await start_job(cluster, "clean")
            await told.run("clean", "STARTED")
            cluster.serve(TF_JOBS)
            await cluster.create(TF_JOBS, "faces", **TRAINING)
            await told.run("faces", "STARTED")
            cluster.withdraw(TF_JOBS)
            await told.run("faces", "ABORTED")
            cluster.serve(TF_JOBS)
            await cluster.create(TF_JOBS, "voices", **TRAINING)
            await told.run("voices", "STARTED")


async def test_pipelines_are_seen_whose_definition_comes_after_the_operator(
    server: RunningServer, told: Told, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "LOOK_SECONDS", 0.2)
    arguments = ["--cluster", "c1", "--address", server.grpc_address, "--spool-dir", f"{tmp_path}/spool"]
    async with running_cluster(without=["LineagePipeline"]) as cluster:
        settings = parse_settings([*arguments, "--http-address", "127.0.0.1:0"], {})
        async with running(settings, cluster.connect) as operator:
            await start_job(cluster, "clean")
            await cluster.until_seen(operator, 1)
            cluster.serve(PIPELINES)
            await declare(cluster)
            await told.run("clean", "STARTED")


async def test_a_kind_is_watched_in_the_version_that_a_cluster_serves(
    server: RunningServer, told: Told, tmp_path: object
) -> None:
    arguments = ["--cluster", "c1", "--address", server.grpc_address, "--spool-dir", f"{tmp_path}/spool"]
    older = replace(KINDS["MPIJob"], version="v1")
    async with running_cluster(without=[kind for kind in KINDS if kind != "LineagePipeline"]) as cluster:
        cluster.serve(older)
        async with running(parse_settings([*arguments, "--http-address", "127.0.0.1:0"], {}), cluster.connect):
            await declare(cluster)
            await cluster.create(older, "faces", spec={"mpiReplicaSpecs": {}}, status={"startTime": at(1)})
            await told.run("faces", "STARTED")


async def test_the_server_filters_what_is_not_wanted(cluster: Cluster, start: Start) -> None:
    async with start():
        watches = await until(lambda: [
            each for each in cluster.api
            if each.resource and each.resource.plural == "pods" and each.params.get("watch")
        ])  # fmt: skip
    assert "pipelines.kubeflow.org" in watches[0].params["labelSelector"]


async def test_only_some_namespaces_are_watched_if_only_some_are_named(
    cluster: Cluster, start: Start, told: Told
) -> None:
    await cluster.create("LineagePipeline", "all", spec={}, namespace="team-b")
    async with start(namespaces="team-b") as operator:
        await start_job(cluster, "mine", namespace="team-b")
        await start_job(cluster, "theirs", namespace="team-c")
        await until(lambda: operator.registrar.changes)
        await until(lambda: told.runs("mine", "k8s://c1/team-b"))
    assert await told.jobs() == {"mine"}
    lists = [each for each in cluster.api if each.resource and each.resource.plural == "jobs"]
    reads = [each for each in lists if str(each.method.value).lower() == "get"]
    assert {each.namespace for each in reads} == {"team-b"}
