"""Lives of workloads, from the cluster to the server."""

from __future__ import annotations

from headwater_operator.app import Operator

from .cluster import Cluster, at, uid
from .conftest import Told
from .stories import IO, JOB, complete, declare, running, start_job


async def test_a_job_runs_through(cluster: Cluster, operator: Operator, told: Told) -> None:
    await declare(cluster)
    await start_job(cluster, "clean")
    started = await told.run("clean", "STARTED")
    assert started.start_time.ToJsonString() == at(1)
    await cluster.change("Job", "clean", status=complete(9))
    ended = await told.run("clean", "SUCCEEDED")
    assert ended.end_time.ToJsonString() == at(9)
    assert started.name == ended.name


async def test_a_job_is_named_after_its_cron_job(cluster: Cluster, operator: Operator, told: Told) -> None:
    await declare(cluster)
    nightly = await cluster.create("CronJob", "nightly", spec={"schedule": "0 3 * * *"}, status={})
    await start_job(cluster, "nightly-29384", owner=nightly)
    await told.run("nightly", "STARTED")
    assert await told.jobs() == {"nightly"}


async def test_an_owner_that_is_not_watched_is_asked_for(cluster: Cluster, operator: Operator, told: Told) -> None:
    await declare(cluster)
    gone = {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "hourly", "uid": uid("gone")}}
    await start_job(cluster, "hourly-1", owner=gone)
    await told.run("hourly", "STARTED")


async def test_a_training_job_runs_through(cluster: Cluster, operator: Operator, told: Told) -> None:
    await declare(cluster)
    spec = {"initializer": {"dataset": {"storageUri": "s3://lake/faces"}}, "runtimeRef": {"name": "torch"}}
    await cluster.create("TrainJob", "faces", spec=spec, status={"jobsStatus": [{"name": "node", "active": 1}]})
    await told.run("faces", "STARTED")
    done = [{"type": "Complete", "status": "True", "lastTransitionTime": at(60)}]
    await cluster.change("TrainJob", "faces", status={"conditions": done})
    run = await told.run("faces", "SUCCEEDED")
    assert [each.dataset.rpartition("/")[2] for each in run.inputs] == ["faces"]


async def test_what_is_seen_twice_or_in_another_order_is_told_once(
    cluster: Cluster, operator: Operator, told: Told
) -> None:
    await declare(cluster)
    await start_job(cluster, "clean")
    await cluster.change("Job", "clean", status=complete())
    await told.run("clean", "SUCCEEDED")
    told_before = operator.reporter.reported
    seen_before = operator.registrar.changes
    for _ in range(3):
        await cluster.change("Job", "clean", status=complete())
        await cluster.change("Job", "clean", status=running() | {"conditions": []})
    await cluster.change("Job", "clean", status=complete())
    await cluster.until_seen(operator, seen_before + 7)
    assert operator.reporter.reported == told_before


async def test_workloads_that_no_pipeline_covers_are_not_reported(
    cluster: Cluster, operator: Operator, told: Told
) -> None:
    await declare(cluster, selector={"kinds": ["CronJob"]})
    await start_job(cluster, "left-out")
    nightly = await cluster.create("CronJob", "nightly", spec={}, status={})
    await start_job(cluster, "nightly-1", owner=nightly)
    await told.run("nightly", "STARTED")
    assert await told.jobs() == {"nightly"}


async def test_an_object_that_makes_no_sense_stops_nobody(cluster: Cluster, operator: Operator, told: Told) -> None:
    await declare(cluster)
    await cluster.create("Job", "broken", spec=JOB, annotations=IO, status={"startTime": "yesterday"})
    await start_job(cluster, "clean")
    await told.run("clean", "STARTED")


async def test_nothing_of_others_is_written_to(cluster: Cluster, operator: Operator, told: Told) -> None:
    await declare(cluster)
    await start_job(cluster, "clean")
    await cluster.change("Job", "clean", status=complete())
    await told.run("clean", "SUCCEEDED")
    await cluster.until_ready("all")
    assert cluster.written_to() <= {"lineagepipelines", "events", "selfsubjectaccessreviews"}
