"""Runs that read an artifact wait for its producer, and not for ever."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio

from headwater.errors import NotFound
from headwater.spool import Spool, SpoolFile
from headwater.v1 import catalog_service_pb2 as api
from headwater.v1 import event_pb2
from headwater_operator.artifact_search import ArtifactSearch
from headwater_operator.kfp.artifact_index import ArtifactIndex
from headwater_operator.kinds.adapter import Adapter, Body, Cluster
from headwater_operator.naming import ClusterNames, Unseen
from headwater_operator.observation import Dataset, Job, ObjectRef, Observation, Run, RunState, Workload
from headwater_operator.owners import Owners
from headwater_operator.pipeline.coverage import Coverage
from headwater_operator.pipeline.pipeline import parse_pipeline
from headwater_operator.records import Record
from headwater_operator.registrar import Known, Registrar
from headwater_operator.reporting import Reporter
from headwater_operator.run_ids import object_run_id
from headwater_operator.watched_kinds import WatchedKinds

from .cluster import EPOCH, KINDS, make_object
from .test_owners import FakeMetadata

RUN, SALT = "3a1c8a52-2c9c-4f6e-9a93-0a4c1f3d2b11", "5b1c8a52-2c9c-4f6e-9a93-0a4c1f3d2b11"
URI = f"minio://mlpipeline/v2/artifacts/churn/{RUN}/train/{SALT}/model"
READER = KINDS["Job"]


class ReaderAdapter:
    """Objects that read one artifact, or write it."""

    resource = READER

    def observe(self, body: Body, owners: Any, cluster: Cluster) -> list[Observation]:
        """One run."""
        metadata = body["metadata"]
        ref = ObjectRef("Job.batch", metadata["namespace"], metadata["name"], metadata["uid"])
        uri = body["spec"].get("reads", URI)
        found = cluster.dataset(uri, metadata["namespace"])
        writes = (Dataset("k8s://c1/team-a", "churn/train/model", version=URI),) if body["spec"]["writes"] else ()
        run = Run(
            object_run_id(metadata["uid"]), RunState.STARTED, EPOCH, outputs=writes,
            inputs=() if writes or found is None else (found,), unresolved=() if found or writes else (uri,),
        )  # fmt: skip
        return [Observation((ref,), Job(metadata["name"]), Workload("Job.batch", metadata["name"]), run)]


class Nobody:
    """Listens, and does nothing; knows no asset."""

    def record_changed(self, record: Record) -> None:
        """Nothing."""

    async def resolve_address(
        self, address: str, *, timeout_seconds: float | None = None
    ) -> api.ResolveAddressResponse:
        """Nothing is known."""
        raise NotFound("not known")


class Somebody(Nobody):
    """Knows the artifact."""

    async def resolve_address(
        self, address: str, *, timeout_seconds: float | None = None
    ) -> api.ResolveAddressResponse:
        """The dataset."""
        assert address == URI
        return api.ResolveAddressResponse(
            name="namespaces/k8s%3A%2F%2Fc1%2Fteam-a/datasets/churn%2Finner%2Ftrain%2Fmodel"
        )


class Desk:
    """A registrar with what it needs, and what it reported."""

    def __init__(self, spool: Spool) -> None:
        self.artifacts = ArtifactIndex()
        find = self.artifacts.lookup

        def lookup(address: str, namespace: str) -> Any:
            return find(address, namespace) or Unseen.PRODUCER

        self.names = ClusterNames("c1", "", lookup)
        pipeline = parse_pipeline(make_object(KINDS["LineagePipeline"], "all", spec={}))
        adapters: list[Adapter] = [ReaderAdapter()]
        known = self.known = Known(self.names, Coverage("c1", [pipeline]), WatchedKinds(adapters), self.artifacts)
        self.registrar = Registrar(known, Owners(FakeMetadata()), Reporter(spool), Nobody())
        self._spool = spool

    async def see(self, name: str, *, writes: bool, reads: str = URI) -> None:
        """An object appears."""
        body = make_object(READER, name, spec={"writes": writes, "reads": reads})
        await self.registrar.see(READER, body, is_deleted=False)

    async def search(self, resolver: Nobody) -> None:
        """What has waited is searched for."""
        await ArtifactSearch(self.registrar, self.known, resolver, patience_seconds=0).search()

    async def reported(self, what: str = "name") -> dict[str, list[str]]:
        """The inputs of each job for which something was reported, by their names or versions."""
        events = [event_pb2.Event.FromString(each.item.event).run_event for each in await self._spool.peek(100, 10**6)]
        return {each.job.name: [getattr(one.dataset, what) for one in each.inputs] for each in events}


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """A registrar that has seen nothing."""
    async with Spool(SpoolFile(tmp_path / "events.spool")) as spool:
        yield Desk(spool)


async def test_a_reader_is_reported_once_the_producer_was_seen(desk: Desk) -> None:
    await desk.see("reader", writes=False)
    assert await desk.reported() == {}
    await desk.see("producer", writes=True)
    assert await desk.reported() == {"reader": ["churn/train/model"], "producer": []}
    assert not any(each.waiting for each in desk.registrar.records)


async def test_who_reads_a_file_in_an_artifact_is_reported_once_its_producer_was_seen(desk: Desk) -> None:
    await desk.see("reader", writes=False, reads=f"{URI}/weights/part-1.bin")
    await desk.see("producer", writes=True)
    assert await desk.reported() == {"reader": ["churn/train/model"], "producer": []}


async def test_a_file_in_an_artifact_that_was_searched_for_is_of_the_artifact_s_version(desk: Desk) -> None:
    await desk.see("reader", writes=False, reads=f"{URI}/weights/part-1.bin")
    await desk.search(Somebody())
    assert await desk.reported() == {"reader": ["churn/inner/train/model"]}
    assert await desk.reported("version") == {"reader": [URI]}


async def test_the_server_is_asked_when_no_producer_comes(desk: Desk) -> None:
    await desk.see("reader", writes=False)
    await desk.search(Somebody())
    assert await desk.reported() == {"reader": ["churn/inner/train/model"]}


async def test_at_last_the_uri_says_what_it_can(desk: Desk) -> None:
    await desk.see("reader", writes=False)
    await desk.search(Nobody())
    assert await desk.reported() == {"reader": ["churn/train/model"]}


async def test_an_object_that_went_while_it_waited_is_reported_and_forgotten(desk: Desk) -> None:
    await desk.see("reader", writes=False)
    body = make_object(READER, "reader", spec={"writes": False})
    await desk.registrar.see(READER, body, is_deleted=True)
    assert len(desk.registrar.records) == 1
    await desk.search(Nobody())
    assert await desk.reported() == {"reader": ["churn/train/model"]}
    assert len(desk.registrar.records) == 0
