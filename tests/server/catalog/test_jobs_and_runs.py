"""Jobs and runs are told with what they read and wrote."""

from __future__ import annotations

import json

import pytest

from headwater.v1 import catalog_pb2 as messages
from headwater.v1 import catalog_service_pb2 as questions
from headwater_server.domain.errors import InvalidPageToken, NotFound

from .conftest import Catalog, at, dataset, job, labelled, run_id, table

MODEL = {"datasetType": "MODEL"}


async def test_job_is_told_with_its_code_and_its_last_run(catalog: Catalog) -> None:
    facets = {
        "jobType": {"processingType": "STREAMING", "integration": "spark"},
        "documentation": {"description": "loads"},
        "ownership": {"owners": [{"name": "team:a", "type": "MAINTAINER"}]},
        "sql": {"query": "select 1"},
        "sourceCodeLocation": {"type": "git", "url": "u", "repoUrl": "r", "path": "p", "version": "c", "branch": "b"},
    }
    await catalog.run(1, "load", "1", reads=[table("raw")], writes=[table("out")], job_facets=facets)
    await catalog.run(2, "load", "2", says="START", job_facets=facets)
    found = await catalog.ask("GetJob", name=job("load"), view=questions.ASSET_VIEW_FULL)
    assert (found.kind, found.integration, found.description) == (messages.JOB_KIND_STREAM, "SPARK", "loads")
    assert [(owner.owner, owner.type) for owner in found.owners] == [("team:a", "MAINTAINER")]
    version = found.latest_version
    assert (version.sql, version.code_location.commit, version.code_location.repository) == ("select 1", "c", "r")
    assert found.latest_run.name == f"runs/{run_id('2')}"
    assert {facet.name for facet in found.facets} == set(facets)
    pages = await catalog.pages("ListJobs", "jobs", 1, parent="namespaces/team")
    assert [[item.display_name for item in page] for page in pages] == [["load"]]
    assert list(pages[0][0].latest_version.inputs) == list(version.inputs)


async def test_versions_of_a_job_follow_its_code_inputs_and_outputs(catalog: Catalog) -> None:
    for number, query in enumerate(["select 1", "select 2", "select 1"]):
        await catalog.run(
            number, "load", str(number), reads=[table("a")], writes=[table("b")], job_facets={"sql": {"query": query}}
        )
    await catalog.run(5, "load", "9", says="START", reads=[table("a"), table("c")])
    await catalog.run(6, "load", "9", reads=[table("d")])
    pages = await catalog.pages("ListJobVersions", "versions", 1, parent=job("load"))
    listed = [version for page in pages for version in page]
    assert [(v.sql, [name.rsplit("/", 1)[1] for name in v.inputs]) for v in listed] == [
        ("", ["a", "c", "d"]),
        ("select 2", ["a"]),
        ("select 1", ["a"]),
    ]
    latest = await catalog.ask("GetJobVersion", name=f"{job('load')}/versions/latest")
    assert latest == listed[0] == await catalog.ask("GetJobVersion", name=listed[0].name)
    assert (await catalog.ask("GetRun", name=f"runs/{run_id('0')}")).job_version == listed[2].name


async def test_declared_job_has_a_version_and_no_run(catalog: Catalog) -> None:
    event = {
        "eventTime": at(1).isoformat(),
        "job": {"namespace": "team", "name": "planned", "facets": {}},
        "inputs": [table("a")],
        "outputs": [table("b")],
    }
    await catalog.send(event)
    found = await catalog.ask("GetJob", name=job("planned"))
    assert list(found.latest_version.outputs) == [dataset("b")]
    assert not found.HasField("latest_run")


async def test_run_is_told_with_who_told_of_it(catalog: Catalog) -> None:
    event = {"run": {"runId": str(run_id("1"))}, "job": {"namespace": "team", "name": "load"}}
    for hour, sender in enumerate(["prod:operator", "token:airflow", "prod:operator"]):
        body = json.dumps({"eventTime": at(hour).isoformat(), **event}).encode()
        await catalog.ingestion.write([body], sender)
    run = await catalog.ask("GetRun", name=f"runs/{run_id('1')}")
    assert list(run.senders) == ["prod:operator", "token:airflow"]
    (listed,) = (await catalog.ask("ListRuns", parent=job("load"))).runs
    assert not listed.senders


async def test_run_tells_what_its_events_say(catalog: Catalog) -> None:
    parent = {"run": {"runId": str(run_id("dag"))}, "job": {"namespace": "team", "name": "dag"}}
    nominal = {"nominalStartTime": at(0).isoformat(), "nominalEndTime": at(1).isoformat()}
    start = {"parent": parent, "nominalTime": nominal, "processing_engine": {"name": "spark", "version": "3"}}
    fail = {
        "errorMessage": {"message": "disk full", "programmingLanguage": "PYTHON", "stackTrace": "at line 1"},
        "tags": {"tags": [{"key": "tier", "value": "gold"}]},
        "processing_engine": {"name": "spark", "version": "4"},
    }
    await catalog.run(1, "load", "1", says="START", run_facets=start)
    await catalog.run(2, "load", "1", says="FAIL", run_facets=fail)
    found = await catalog.ask("GetRun", name=f"runs/{run_id('1')}", view=questions.ASSET_VIEW_FULL)
    assert (found.state, found.job, found.parent) == (messages.RUN_STATE_FAILED, job("load"), f"runs/{run_id('dag')}")
    assert found.start_time.ToDatetime(at(0).tzinfo) == at(1)
    assert found.end_time.ToDatetime(at(0).tzinfo) == at(2)
    assert found.nominal_end_time.ToDatetime(at(0).tzinfo) == at(1)
    assert (found.error.message, found.error.language, found.error.stack_trace) == ("disk full", "python", "at line 1")
    assert [(tag.key, tag.value) for tag in found.tags] == [("tier", "gold")]
    facets = {facet.name: json.loads(facet.json) for facet in found.facets}
    assert facets == start | fail
    basic = await catalog.ask("GetRun", name=f"runs/{run_id('1')}")
    assert not basic.facets
    assert basic.error == found.error


async def test_reads_bind_to_the_version_named_else_to_the_last_write_before_the_start(catalog: Catalog) -> None:
    await catalog.run(1, "load", "w1", writes=[table("out", "a", version=labelled("1"))])
    await catalog.run(3, "load", "w2", writes=[table("out", "a", version=labelled("2"))])
    await catalog.run(2, "report", "r", says="START", reads=[table("out")])
    await catalog.run(4, "report", "r", reads=[table("out")])
    await catalog.run(4, "report", "named", reads=[table("out", version=labelled("2"))])
    await catalog.run(4, "report", "unknown", reads=[table("out", version=labelled("9"))])
    writes = (await catalog.ask("ListWrites", parent=dataset("out"))).writes

    async def read(word: str) -> messages.RunDataset:
        found: messages.RunDataset
        (found,) = (await catalog.ask("GetRun", name=f"runs/{run_id(word)}")).inputs
        return found

    bound = await read("r")
    assert (bound.write, bound.version, bound.label, bound.declared) == (writes[1].name, writes[1].version, "1", False)
    named = await read("named")
    assert (named.write, named.version, named.label, named.declared) == (writes[0].name, writes[0].version, "2", True)
    unknown = await read("unknown")
    assert (unknown.write, unknown.version, unknown.label, unknown.declared) == ("", "", "9", True)


async def test_reads_of_a_model_bind_to_its_writes(catalog: Catalog) -> None:
    for number in (1, 2):
        written = table("churn", version=labelled("same"), datasetType=MODEL)
        await catalog.run(number, "train", f"t{number}", writes=[written])
    await catalog.run(3, "score", "s", reads=[table("churn")])
    await catalog.run(3, "score", "n", reads=[table("churn", version=labelled("same"))])
    writes = (await catalog.ask("ListWrites", parent=dataset("churn"))).writes
    for word in "sn":
        (found,) = (await catalog.ask("GetRun", name=f"runs/{run_id(word)}")).inputs
        assert (found.write, found.version, found.label) == (writes[0].name, writes[0].version, "same")


async def test_run_that_did_not_succeed_left_no_version(catalog: Catalog) -> None:
    use = table("out", "a") | {"outputFacets": {"outputStatistics": {"rowCount": 3}}}
    await catalog.run(1, "load", "1", says="FAIL", writes=[use])
    await catalog.run(2, "load", "2", writes=[use])
    failed = await catalog.ask("GetRun", name=f"runs/{run_id('1')}", view=questions.ASSET_VIEW_FULL)
    assert (failed.outputs[0].dataset, failed.outputs[0].version) == (dataset("out"), "")
    assert json.loads(failed.outputs[0].facets[0].json) == {"rowCount": 3}
    good = await catalog.ask("GetRun", name=f"runs/{run_id('2')}")
    assert good.outputs[0].version == (await catalog.ask("GetDataset", name=dataset("out"))).latest_version.name
    assert not good.outputs[0].facets


async def test_runs_are_listed_by_job_and_by_the_run_that_started_them(catalog: Catalog) -> None:
    parent = {"run": {"runId": str(run_id("dag"))}, "job": {"namespace": "team", "name": "dag"}}
    await catalog.run(0, "dag", "dag", says="START")
    for number in range(5):
        says = "FAIL" if number % 2 else "COMPLETE"
        await catalog.run(number, "load", str(number), says=says, run_facets={"parent": parent})
    for asked in (job("load"), f"runs/{run_id('dag')}"):
        pages = await catalog.pages("ListRuns", "runs", 2, parent=asked)
        assert [run.name for page in pages for run in page] == [f"runs/{run_id(word)}" for word in "43210"]
    failed = await catalog.pages("ListRuns", "runs", 1, parent=job("load"), states=[messages.RUN_STATE_FAILED])
    assert [run.name for page in failed for run in page] == [f"runs/{run_id(word)}" for word in "31"]
    token = (await catalog.ask("ListRuns", parent=job("load"), page_size=1)).next_page_token
    with pytest.raises(InvalidPageToken):
        await catalog.ask("ListRuns", parent=job("load"), states=[messages.RUN_STATE_FAILED], page_token=token)
    with pytest.raises(NotFound):
        await catalog.ask("ListRuns", parent=f"runs/{run_id('none')}")


async def test_run_whose_id_is_no_uuid_is_found_by_what_its_producer_wrote(catalog: Catalog) -> None:
    event = {
        "eventTime": at(1).isoformat(),
        "eventType": "COMPLETE",
        "run": {"runId": "scheduled 7"},
        "job": {"namespace": "team", "name": "load"},
    }
    await catalog.send(event)
    found = await catalog.ask("GetRun", name="runs/scheduled%207")
    assert found.external_id == "scheduled 7"
    assert (await catalog.ask("GetRun", name=found.name)) == found


async def test_run_of_very_many_events_is_told_from_its_first_and_last(catalog: Catalog) -> None:
    def event(number: int) -> dict[str, object]:
        facets = {"first": {"n": 1}} if number == 0 else {"step": {"n": number}}
        return {
            "eventTime": at(number / 60).isoformat(),
            "eventType": "RUNNING",
            "run": {"runId": str(run_id("stream")), "facets": facets},
            "job": {"namespace": "team", "name": "stream"},
        }

    await catalog.send(*(event(number) for number in range(700)))
    found = await catalog.ask("GetRun", name=f"runs/{run_id('stream')}", view=questions.ASSET_VIEW_FULL)
    assert {facet.name: json.loads(facet.json)["n"] for facet in found.facets} == {"first": 1, "step": 699}


async def test_job_can_be_hidden(catalog: Catalog) -> None:
    await catalog.run(1, "load", "1")
    await catalog.run(1, "other", "2")
    await catalog.ask("DeleteAsset", name=job("load"))
    pages = await catalog.pages("ListJobs", "jobs", 10, parent="namespaces/-")
    assert [item.display_name for item in pages[0]] == ["other"]
    assert (await catalog.ask("GetJob", name=job("load"))).HasField("delete_time")
    with pytest.raises(NotFound):
        await catalog.ask("DeleteAsset", name=job("nothing"))
