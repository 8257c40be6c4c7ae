"""What is seen later holds, whoever takes longer; and what is gone is found, but not too soon."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from headwater.spool import Spool, SpoolFile
from headwater.v1 import event_pb2
from headwater_operator.kfp.artifact_index import ArtifactIndex
from headwater_operator.kinds import ADAPTERS
from headwater_operator.kinds.adapter import Resource
from headwater_operator.kubernetes_api import KubernetesApiError
from headwater_operator.naming import ClusterNames
from headwater_operator.observation import Observation, RunState
from headwater_operator.owners import Owners
from headwater_operator.pipeline.coverage import Coverage
from headwater_operator.pipeline.pipeline import parse_pipeline
from headwater_operator.records import NEVER
from headwater_operator.registrar import Known, Registrar
from headwater_operator.reporting import Reporter
from headwater_operator.sweeping import Sweep
from headwater_operator.watched_kinds import WatchedKinds

from .cluster import KINDS, make_object
from .stories import complete, running
from .test_artifacts import Nobody
from .test_owners import FakeMetadata

JOB = KINDS["Job"]
RUNNING = make_object(JOB, "clean", status=running())
DONE = make_object(JOB, "clean", status=complete())


class SlowAnswer:
    """Knows nothing more, and of a run that goes on it takes until it is told to say so."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.answer = asyncio.Event()

    async def enrich(self, observation: Observation) -> Observation:
        """The same observation."""
        if observation.run and not observation.run.state.is_final:
            self.asked.set()
            await self.answer.wait()
        return observation


@pytest_asyncio.fixture
async def spool(tmp_path: Path) -> AsyncIterator[Spool]:
    """An empty spool."""
    async with Spool(SpoolFile(tmp_path / "events.spool")) as found:
        yield found


def a_registrar(spool: Spool, enrichment: SlowAnswer | None = None) -> Registrar:
    """A registrar of a cluster with one pipeline."""
    pipeline = parse_pipeline(make_object(KINDS["LineagePipeline"], "all", spec={}))
    known = Known(ClusterNames("c1"), Coverage("c1", [pipeline]), WatchedKinds(ADAPTERS), ArtifactIndex())
    return Registrar(known, Owners(FakeMetadata()), Reporter(spool), Nobody(), enrichment)


async def reported(spool: Spool) -> list[str]:
    """The types of the events that were reported."""
    events = [event_pb2.Event.FromString(each.item.event).run_event for each in await spool.peek(100, 10**6)]
    return [event_pb2.EventType.Name(each.event_type).removeprefix("EVENT_TYPE_") for each in events]


async def test_a_look_that_takes_long_does_not_undo_what_was_seen_meanwhile(spool: Spool) -> None:
    slow = SlowAnswer()
    registrar = a_registrar(spool, slow)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(registrar.see(JOB, RUNNING, is_deleted=False))
        await slow.asked.wait()
        tasks.create_task(registrar.see(JOB, DONE, is_deleted=False))
        for _ in range(20):
            await asyncio.sleep(0)
        slow.answer.set()
    (record,) = registrar.records
    run = record.observations[0].run
    assert run is not None
    assert run.state is RunState.SUCCEEDED
    assert (await reported(spool))[-1] == "COMPLETE"


class Lists:
    """Lists nothing, or fails."""

    def __init__(self, status: int = 0) -> None:
        self.status = status

    async def list_uids(self, resource: Resource, namespace: str = "") -> AsyncIterator[str]:
        """Nothing."""
        if self.status:
            raise KubernetesApiError(self.status, "no")
        for each in ():
            yield each


async def test_what_was_there_long_ago_and_is_not_listed_is_gone(spool: Spool) -> None:
    registrar = a_registrar(spool)
    await registrar.see(JOB, RUNNING, is_deleted=False)
    await Sweep(registrar, Lists(), (), 600).sweep([JOB])
    assert len(registrar.records) == 1
    next(iter(registrar.records)).seen_at = NEVER
    await Sweep(registrar, Lists(), (), 600).sweep([JOB])
    assert (await reported(spool))[-1] == "ABORT"
    assert len(registrar.records) == 0


async def test_what_is_of_a_kind_that_is_no_longer_served_is_gone_once_that_has_lasted(spool: Spool) -> None:
    registrar = a_registrar(spool)
    await registrar.see(JOB, RUNNING, is_deleted=False)
    next(iter(registrar.records)).seen_at = NEVER
    lists = Lists(404)
    sweep = Sweep(registrar, lists, (), 600)
    await sweep.sweep([JOB])
    assert len(registrar.records) == 1
    lists.status = 503
    await sweep.sweep([JOB])
    assert len(registrar.records) == 1
    lists.status = 404
    await sweep.sweep([JOB])
    assert len(registrar.records) == 0
