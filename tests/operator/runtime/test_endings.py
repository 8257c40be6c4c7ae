"""What ends, goes away, or happens while somebody is not there."""

from __future__ import annotations

from headwater_operator.app import Operator

from ...server_process import RunningServer
from .cluster import Cluster, at, until
from .conftest import Start, Told
from .stories import complete, declare, start_job

NOWHERE = "127.0.0.1:9"


async def test_a_job_that_is_deleted_half_way_is_aborted(cluster: Cluster, operator: Operator, told: Told) -> None:
    await declare(cluster)
    await start_job(cluster, "clean")
    await told.run("clean", "STARTED")
    await cluster.delete("Job", "clean")
    run = await told.run("clean", "ABORTED")
    assert "deleted" in run.error.message
    assert len(operator.registrar.records) == 0


async def test_an_abort_is_at_the_time_of_the_deletion(cluster: Cluster, operator: Operator, told: Told) -> None:
    await declare(cluster)
    await start_job(cluster, "clean")
    await told.run("clean", "STARTED")
    await cluster.change("Job", "clean", metadata={"deletionTimestamp": at(20), "finalizers": ["example.com/wait"]})
    await cluster.change("Job", "clean", metadata={"finalizers": []})
    run = await told.run("clean", "ABORTED")
    assert run.end_time.ToJsonString() == at(20)


async def test_a_job_that_is_deleted_after_its_end_has_ended_as_it_did(
    cluster: Cluster, operator: Operator, told: Told
) -> None:
    await declare(cluster)
    await start_job(cluster, "clean")
    await cluster.change("Job", "clean", status=complete())
    await told.run("clean", "SUCCEEDED")
    await cluster.delete("Job", "clean")
    await until(lambda: len(operator.registrar.records) == 0)
    await told.run("clean", "SUCCEEDED")


async def test_what_happened_while_the_operator_was_away_is_told_with_its_true_times(
    cluster: Cluster, start: Start, told: Told
) -> None:
    await declare(cluster)
    async with start():
        await start_job(cluster, "clean")
        await told.run("clean", "STARTED")
    await cluster.change("Job", "clean", status=complete(9))
    await start_job(cluster, "other")
    await cluster.change("Job", "other", status=complete(8))
    async with start():
        assert (await told.run("clean", "SUCCEEDED")).end_time.ToJsonString() == at(9)
        assert (await told.run("other", "SUCCEEDED")).start_time.ToJsonString() == at(1)


async def test_a_restart_tells_nothing_twice(cluster: Cluster, start: Start, told: Told) -> None:
    await declare(cluster)
    async with start():
        await start_job(cluster, "clean")
        await cluster.change("Job", "clean", status=complete(9))
        before = await told.run("clean", "SUCCEEDED")
    async with start() as operator:
        await cluster.until_seen(operator, 1)
        await until(lambda: operator.reporter.reported and not operator.waiting)
    (after,) = await told.runs("clean")
    assert after == before


async def test_a_job_that_goes_while_the_operator_is_away_is_aborted(
    cluster: Cluster, start: Start, told: Told
) -> None:
    await declare(cluster)
    async with start():
        await start_job(cluster, "clean")
        await told.run("clean", "STARTED")
    await cluster.delete("Job", "clean")
    async with start():
        run = await told.run("clean", "ABORTED")
    assert run.end_time.ToDatetime() >= run.start_time.ToDatetime()


async def test_events_wait_on_disk_while_the_server_is_away(
    cluster: Cluster, start: Start, server: RunningServer, told: Told
) -> None:
    await declare(cluster)
    async with start(address=NOWHERE) as operator:
        await start_job(cluster, "clean")
        await cluster.change("Job", "clean", status=complete(9))
        await until(lambda: operator.waiting >= 2)
    async with start():
        await told.run("clean", "SUCCEEDED")


async def test_a_pipeline_can_be_deleted_while_the_server_is_away(cluster: Cluster, start: Start) -> None:
    await declare(cluster)
    async with start(address=NOWHERE, deletion_wait_seconds="1"):
        await cluster.until_status("all", lambda status: status.get("conditions"))
        await cluster.delete("LineagePipeline", "all")
        await until(lambda: cluster.get("LineagePipeline", "all") is None)
        await until(lambda: [each for each in cluster.events() if each["reason"] == "ServerUnavailable"])
