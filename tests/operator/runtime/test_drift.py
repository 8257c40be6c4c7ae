"""The server's pipelines are those of the cluster, whoever was away when."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from headwater import Client
from headwater.v1 import pipeline_pb2 as pb
from headwater_operator.declarations import Declarations, Declared
from headwater_operator.drift import Drift
from headwater_operator.kinds.adapter import Resource
from headwater_operator.kubernetes_api import KubernetesApiError
from headwater_operator.naming import ClusterNames
from headwater_operator.pipeline.coverage import Coverage
from headwater_operator.registration import Registration
from headwater_operator.watched_kinds import WatchedKinds

from .cluster import KINDS, Cluster, make_object, until
from .conftest import Start
from .stories import declare
from .test_endings import NOWHERE

NAME = "k8s://c1/team-a/all"


async def test_a_pipeline_that_went_while_the_server_was_away_ends_after_a_restart(
    cluster: Cluster, start: Start, client: Client
) -> None:
    await declare(cluster)
    async with start():
        await cluster.until_ready("all")
    async with start(address=NOWHERE, deletion_wait_seconds="1"):
        await cluster.delete("LineagePipeline", "all")
        await until(lambda: cluster.get("LineagePipeline", "all") is None)
    assert (await client.get_pipeline(NAME)).state == pb.PIPELINE_STATE_ACTIVE

    async def has_ended() -> bool:
        return (await client.get_pipeline(NAME)).state == pb.PIPELINE_STATE_ENDED

    async with start():
        await until(has_ended)


class Both:
    """A server and a cluster that disagree, or not; notes what the server is told."""

    def __init__(self, there: set[str], *held: pb.Pipeline) -> None:
        self.there: set[str] | None = there
        self.held = held
        self.told: list[str] = []

    async def pipelines(self, *, timeout_seconds: float | None = None) -> AsyncIterator[pb.Pipeline]:
        """What the server holds."""
        for each in self.held:
            yield each

    async def list_uids(self, resource: Resource, namespace: str = "") -> AsyncIterator[str]:
        """What the cluster has."""
        if self.there is None:
            raise KubernetesApiError(404, "no such kind")
        for each in self.there:
            yield each

    async def update_pipeline(
        self, pipeline: pb.Pipeline, *, allow_missing: bool = False, timeout_seconds: float | None = None
    ) -> pb.Pipeline:
        """The server is told of a pipeline."""
        self.told.append(f"there is {pipeline.uid}")
        return pipeline

    async def delete_pipeline(
        self, pipeline: str, *, uid: str = "", allow_missing: bool = False, timeout_seconds: float | None = None
    ) -> pb.Pipeline:
        """The server is told that one ended."""
        self.told.append(f"{uid} ended")
        return pb.Pipeline()

    async def compare(self, *namespaces: str) -> list[str]:
        """What the server is told where the cluster has the pipeline `all`, which was registered."""
        coverage = Coverage("c1")
        declarations = Declarations(ClusterNames("c1"), coverage, WatchedKinds(()))
        declarations.put(make_object(KINDS["LineagePipeline"], "all", spec={}))
        for each in declarations:
            each.registered_generation = each.generation
        registration = Registration(self, declarations, coverage, ignore)
        await Drift((self, self), declarations, registration, coverage, namespaces).mend()
        await registration.tell_all()
        return self.told


def ignore(_: Declared) -> None:
    """Nobody cares."""


UID = make_object(KINDS["LineagePipeline"], "all")["metadata"]["uid"]
ALL = pb.Pipeline(namespace="k8s://c1/team-a", display_name="all", uid=UID, generation=1)
GONE = pb.Pipeline(namespace="k8s://c1/team-b", display_name="gone", uid="gone")
THEIRS = pb.Pipeline(namespace="k8s://c2/team-a", display_name="theirs", uid="theirs")


async def test_what_agrees_is_left_alone() -> None:
    assert await Both({UID}, ALL, THEIRS).compare() == []


async def test_what_the_cluster_no_longer_has_ends_and_what_is_of_other_clusters_does_not() -> None:
    assert await Both({UID}, ALL, GONE, THEIRS).compare() == ["gone ended"]


async def test_what_is_of_namespaces_that_are_not_watched_does_not_end() -> None:
    assert await Both({UID}, ALL, GONE).compare("team-a") == []


async def test_a_server_that_lost_what_it_was_told_is_told_again() -> None:
    assert await Both({UID}).compare() == [f"there is {UID}"]
    old = pb.Pipeline(namespace="k8s://c1/team-a", display_name="all", uid="older", generation=9)
    assert await Both({UID}, old).compare() == [f"there is {UID}"]


async def test_nothing_ends_where_the_cluster_does_not_say_what_it_has() -> None:
    both = Both({UID}, GONE)
    both.there = None
    with pytest.raises(KubernetesApiError):
        await both.compare()
    assert both.told == []
