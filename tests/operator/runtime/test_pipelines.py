"""LineagePipelines: what they cover, and what their status says."""

from __future__ import annotations

from headwater_operator.app import Operator
from headwater_operator.kinds.adapter import Resource
from headwater_operator.watching import PIPELINES

from .cluster import Cluster, at, make_object, uid, until
from .conftest import Told
from .stories import RULE, complete, condition, declare, start_job

TRAININGS = Resource("example.com", "v1", "trainings", "Training")


async def test_a_pipeline_is_registered_and_counts(cluster: Cluster, operator: Operator, told: Told) -> None:
    await declare(cluster, owner="team-a")
    await start_job(cluster, "clean")
    await cluster.change("Job", "clean", status=complete(9))
    await told.run("clean", "SUCCEEDED")
    status = await cluster.until_status(
        "all",
        lambda status: status.get("lastRun") and condition({"status": status}, "Registered").get("status") == "True",
    )
    assert status["observedGeneration"] == 1
    assert (status["jobs"], status["runs"]) == (1, 1)
    assert status["lastRun"]["job"] == "clean"
    assert status["lastRun"]["state"] == "SUCCEEDED"
    assert status["lastRun"]["time"] == at(9)
    assert {each["type"]: each["status"] for each in status["conditions"]} == {
        "Ready": "True", "Registered": "True", "Degraded": "False",
    }  # fmt: skip


async def test_a_pipeline_may_come_after_its_workloads(cluster: Cluster, operator: Operator, told: Told) -> None:
    await start_job(cluster, "clean")
    await cluster.change("Job", "clean", status=complete(9))
    await cluster.until_seen(operator, 2)
    assert await told.jobs() == set()
    await declare(cluster, created=100)
    run = await told.run("clean", "SUCCEEDED")
    assert run.start_time.ToJsonString() == at(1)


async def test_a_change_of_a_pipeline_holds_for_what_runs(cluster: Cluster, operator: Operator, told: Told) -> None:
    await declare(cluster, selector={"names": ["nothing"]})
    await start_job(cluster, "clean")
    await cluster.until_seen(operator, 1)
    await cluster.change("LineagePipeline", "all", spec={"selector": {"names": ["*"]}}, metadata={"generation": 2})
    await told.run("clean", "STARTED")
    status = await cluster.until_status("all", lambda status: status.get("jobs") == 1)
    assert status["observedGeneration"] == 2


async def test_a_declared_uri_that_names_nothing_is_told_in_the_status(cluster: Cluster, operator: Operator) -> None:
    await declare(cluster, declared=[{"inputs": ["oci://registry"]}])
    status = await cluster.until_status("all", lambda status: status.get("conditions"))
    degraded = condition({"status": status}, "Degraded")
    assert degraded["reason"] == "InvalidUri"
    assert "spec.declared[0].inputs" in degraded["message"]


async def test_of_two_pipelines_the_older_covers_and_the_other_says_so(
    cluster: Cluster, operator: Operator, told: Told
) -> None:
    await declare(cluster, "younger", created=10)
    await declare(cluster, "older", created=5)
    await start_job(cluster, "clean")
    await told.run("clean", "STARTED")
    status = await cluster.until_status("younger", lambda status: status.get("conflicts"))
    assert status["conflicts"] == [{"pipeline": "older", "workloads": 1, "example": "Job/clean"}]
    assert condition({"status": status}, "Degraded")["reason"] == "Conflict"
    assert (await cluster.until_status("older", lambda status: status.get("jobs") == 1)).get("conflicts") is None
    (event,) = await until(lambda: [each for each in cluster.events() if each["reason"] == "Conflict"])
    assert event["involvedObject"]["name"] == "younger"


async def test_a_kind_that_a_rule_describes_is_watched_once_it_is_named(
    cluster: Cluster, operator: Operator, told: Told
) -> None:
    cluster.serve(TRAININGS)
    await declare(cluster, rules=[RULE])
    spec = {"data": "s3://lake/faces", "model": "s3://models/faces"}
    await cluster.create(TRAININGS, "faces", spec=spec, status={"phase": "Busy", "began": at(3)})
    await told.run("faces", "RUNNING")
    await cluster.change(TRAININGS, "faces", status={"phase": "Done", "ended": at(30)})
    run = await told.run("faces", "SUCCEEDED")
    assert (run.start_time.ToJsonString(), run.end_time.ToJsonString()) == (at(3), at(30))
    assert [each.dataset.rpartition("/")[2] for each in run.outputs] == ["faces"]


async def test_a_broken_rule_is_named_and_the_others_go_on(cluster: Cluster, operator: Operator, told: Told) -> None:
    cluster.serve(TRAININGS)
    await declare(cluster, rules=[RULE, RULE | {"kind": "Tuning", "plural": "tunings", "succeeded": "status.["}])
    await cluster.create(TRAININGS, "faces", spec={}, status={"phase": "Busy", "began": at(3)})
    await told.run("faces", "RUNNING")
    status = await cluster.until_status("all", lambda status: condition({"status": status}, "Degraded").get("message"))
    degraded = condition({"status": status}, "Degraded")
    assert degraded["reason"] == "BrokenRule"
    assert "Tuning" in degraded["message"]
    assert "succeeded" in degraded["message"]


async def test_a_kind_that_may_not_be_watched_stops_nobody(cluster: Cluster, operator: Operator, told: Told) -> None:
    cluster.serve(TRAININGS)
    cluster.forbidden.add("trainings")
    await declare(cluster, rules=[RULE])
    await start_job(cluster, "clean")
    await told.run("clean", "STARTED")
    status = await cluster.until_status("all", lambda status: condition({"status": status}, "Degraded").get("message"))
    assert "grant" in condition({"status": status}, "Degraded")["message"]


async def test_a_pipeline_that_cannot_be_understood_says_why(cluster: Cluster, operator: Operator) -> None:
    await declare(cluster, sampling={"successfulPercent": "half"})
    status = await cluster.until_status("all", lambda status: condition({"status": status}, "Ready"))
    ready = condition({"status": status}, "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "Invalid")
    assert "successfulPercent" in ready["message"]


async def test_a_late_word_of_a_pipeline_that_went_changes_nothing_for_its_namesake(
    cluster: Cluster, operator: Operator, told: Told
) -> None:
    await declare(cluster)
    await cluster.until_ready("all")
    older = make_object(PIPELINES, "all", spec={"selector": {"names": ["nothing"]}}, created=-10, generation=7)
    older["metadata"]["uid"] = uid("older")
    await operator.see_pipeline(older, is_deleted=False)
    await operator.see_pipeline(older, is_deleted=True)
    await start_job(cluster, "clean")
    await told.run("clean", "STARTED")


async def test_a_run_is_told_to_its_end_although_its_pipeline_is_gone(
    cluster: Cluster, operator: Operator, told: Told
) -> None:
    await declare(cluster)
    await start_job(cluster, "clean")
    await told.run("clean", "STARTED")
    await cluster.delete("LineagePipeline", "all")
    await until(lambda: cluster.get("LineagePipeline", "all") is None)
    await cluster.change("Job", "clean", status=complete(9))
    await told.run("clean", "SUCCEEDED")


async def test_a_run_is_told_to_its_end_although_its_pipeline_no_longer_selects_it(
    cluster: Cluster, operator: Operator, told: Told
) -> None:
    await declare(cluster)
    await start_job(cluster, "clean")
    await told.run("clean", "STARTED")
    await cluster.change("LineagePipeline", "all", spec={"selector": {"names": ["other"]}}, metadata={"generation": 2})
    await cluster.until_status("all", lambda status: status.get("observedGeneration") == 2)
    await cluster.change("Job", "clean", status=complete(9))
    await told.run("clean", "SUCCEEDED")
    await start_job(cluster, "clean-2")
    await start_job(cluster, "other")
    await told.run("other", "STARTED")
    assert await told.jobs() == {"clean", "other"}


async def test_a_deleted_pipeline_ends_and_covers_nothing_more(
    cluster: Cluster, operator: Operator, told: Told
) -> None:
    await declare(cluster)
    await cluster.until_ready("all")
    await cluster.delete("LineagePipeline", "all")
    await until(lambda: cluster.get("LineagePipeline", "all") is None)
    await start_job(cluster, "clean")
    await cluster.until_seen(operator, 1)
    assert await told.jobs() == set()
