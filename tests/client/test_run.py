"""A run that reports itself: what it sends, how it ends, whose child it is, and that it never harms the work."""

import asyncio
import json
import logging
import time
import uuid
from pathlib import Path
from typing import Any

import grpc
import pytest
from tests.client.fakes import Failure, FakeServer, closed_port_address, event_types

from headwater import Client, Settings, SyncClient, SyncRun, errors
from headwater.events import to_open_lineage
from headwater.names import InvalidName
from headwater.parent import parent_from
from headwater.run import new_run_id
from headwater.v1 import event_pb2 as pb


def sent(server: FakeServer) -> list[dict[str, Any]]:
    """Gives the events that the server took, as OpenLineage."""
    return [json.loads(to_open_lineage(event)) for event in server.events]


def work(client: SyncClient) -> str:
    with client.run("team/train") as run:
        run.reads("s3://bucket/clicks", version=7)
        run.reads(("bigquery", "p.d.t"))
        run.writes(
            "s3://bucket/model",
            kind="MODEL",
            version="1.2",
            fields=["label", ("score", "DOUBLE")],
            model={"framework": "sklearn", "parameters": {"depth": 3}},
            features=["orders_7d"],
            metrics={"auc": 0.93},
            facets={"custom": {"a": 1}},
            output_facets={"outputStatistics": b'{"rowCount": 5}'},
        )
        return run.id


def test_a_run_starts_and_completes(server: FakeServer, sync_client: SyncClient) -> None:
    run_id = work(sync_client)
    start, end = sent(server)
    assert (start["eventType"], end["eventType"]) == ("START", "COMPLETE")
    assert start["run"]["runId"] == end["run"]["runId"] == run_id
    assert start["job"] == end["job"] == {"namespace": "team", "name": "train"}
    assert start["eventTime"] <= end["eventTime"]
    assert "inputs" not in start


def test_a_run_says_what_it_read_and_wrote(server: FakeServer, sync_client: SyncClient) -> None:
    work(sync_client)
    end = sent(server)[1]
    clicks, table = end["inputs"]
    [model] = end["outputs"]
    assert (clicks["namespace"], clicks["name"]) == ("s3://bucket", "clicks")
    assert clicks["facets"]["version"]["datasetVersion"] == "7"
    assert (table["namespace"], table["name"]) == ("bigquery", "p.d.t")
    facets = model["facets"]
    assert facets["datasetType"]["datasetType"] == "MODEL"
    assert facets["version"]["datasetVersion"] == "1.2"
    assert facets["schema"]["fields"] == [{"name": "label"}, {"name": "score", "type": "DOUBLE"}]
    assert facets["headwater_model"]["framework"] == "sklearn"
    assert facets["headwater_model"]["parameters"] == {"depth": "3"}
    assert facets["headwater_features"]["features"] == [{"name": "orders_7d"}]
    assert facets["custom"]["a"] == 1
    assert facets["custom"].keys() >= {"_producer", "_schemaURL"}
    assert model["outputFacets"]["headwater_metrics"]["metrics"] == [{"name": "auc", "value": 0.93}]
    assert model["outputFacets"]["outputStatistics"] == {"rowCount": 5}


async def test_a_run_of_an_asyncio_program_says_the_same(server: FakeServer, client: Client) -> None:
    async with client.run("team/train", facets={"note": {"a": 1}}, job_facets={"sql": {"query": "x"}}) as run:
        run.reads("s3://bucket/clicks")
        run.writes(Path("/data/out.csv"))
    start, end = sent(server)
    assert (start["eventType"], end["eventType"]) == ("START", "COMPLETE")
    assert end["outputs"][0]["name"] == "/data/out.csv"
    assert start["run"]["facets"]["note"]["a"] == 1
    assert end["job"]["facets"]["sql"]["query"] == "x"


def test_a_run_that_fails_says_why_and_lets_the_error_pass(server: FakeServer, sync_client: SyncClient) -> None:
    def broken(run: SyncRun) -> None:
        run.reads("s3://bucket/clicks")
        raise LookupError("no such column: user_id")

    with pytest.raises(LookupError, match="user_id"), sync_client.run("team/train") as run:
        broken(run)
    end = sent(server)[1]
    assert end["eventType"] == "FAIL"
    assert end["inputs"][0]["name"] == "clicks"
    error = end["run"]["facets"]["errorMessage"]
    assert error["message"] == "LookupError: no such column: user_id"
    assert error["programmingLanguage"] == "python"
    assert "in broken\n" in error["stackTrace"]
    assert error["_schemaURL"].endswith("ErrorMessageRunFacet")


async def test_a_failure_of_an_asyncio_program_is_told_too(server: FakeServer, client: Client) -> None:
    with pytest.raises(ZeroDivisionError):
        async with client.run("team/train"):
            _ = 1 / 0
    assert sent(server)[1]["run"]["facets"]["errorMessage"]["message"] == "ZeroDivisionError: division by zero"


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        pytest.param(KeyboardInterrupt(), "ABORT", id="interrupted"),
        pytest.param(asyncio.CancelledError(), "ABORT", id="cancelled"),
        pytest.param(SystemExit(0), "COMPLETE", id="left with success"),
        pytest.param(SystemExit(), "COMPLETE", id="left without a code"),
        pytest.param(SystemExit(3), "FAIL", id="left with an error"),
    ],
)
def test_every_way_out_has_its_outcome(
    server: FakeServer, sync_client: SyncClient, error: BaseException, outcome: str
) -> None:
    with pytest.raises(type(error)), sync_client.run("team/train"):
        raise error
    assert event_types(server.events) == ["START", outcome]
    assert ("errorMessage" in sent(server)[1]["run"].get("facets", {})) == (outcome == "FAIL")


async def test_a_task_that_is_cancelled_still_reports_its_run(server: FakeServer, client: Client) -> None:
    started = asyncio.Event()

    async def train() -> None:
        async with client.run("team/train"):
            started.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(train())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert event_types(server.events) == ["START", "ABORT"]


def test_a_long_trace_is_cut_at_its_beginning(server: FakeServer, sync_client: SyncClient) -> None:
    with pytest.raises(ValueError, match="the end"), sync_client.run("team/train"):
        raise ValueError("x" * 200_000 + " the end")
    error = sent(server)[1]["run"]["facets"]["errorMessage"]
    assert len(error["stackTrace"]) == 65_536
    assert error["stackTrace"].endswith("the end\n")


def test_a_dataset_that_is_named_twice_is_reported_once(server: FakeServer, sync_client: SyncClient) -> None:
    with sync_client.run("team/train") as run:
        run.writes("s3://bucket/x")
        run.writes("s3://bucket/x", metrics={"loss": 1})
    [output] = sent(server)[1]["outputs"]
    assert output["outputFacets"]["headwater_metrics"]["metrics"] == [{"name": "loss", "value": 1.0}]


def test_the_parent_comes_from_the_environment(
    server: FakeServer, sync_client: SyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENLINEAGE_PARENT_ID", "k8s://prod/ml/nightly/0193-parent")
    monkeypatch.setenv("OPENLINEAGE_ROOT_PARENT_ID", "team/root/0193-root")
    work(sync_client)
    for event in sent(server):
        facet = event["run"]["facets"]["parent"]
        assert facet["run"] == {"runId": "0193-parent"}
        assert facet["job"] == {"namespace": "k8s://prod/ml", "name": "nightly"}
        assert facet["root"] == {"run": {"runId": "0193-root"}, "job": {"namespace": "team", "name": "root"}}


def test_a_parent_that_is_given_holds_over_the_environment(
    server: FakeServer, sync_client: SyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENLINEAGE_PARENT_ID", "team/nightly/0193-parent")
    with sync_client.run("team/train", parent=pb.ParentRun(run_id="mine", job_namespace="a", job_name="b")):
        pass
    assert sent(server)[0]["run"]["facets"]["parent"]["run"] == {"runId": "mine"}


def context(parent: object) -> str:
    return json.dumps({"parent": parent})


RUN = {"run": {"runId": "r"}, "job": {"namespace": "n", "name": "a/b"}}
ROOT = {"run": {"runId": "r0"}, "job": {"namespace": "n0", "name": "root"}}
PARENT = pb.ParentRun(run_id="r", job_namespace="n", job_name="a/b")
WITH_ROOT = pb.ParentRun(
    run_id="r", job_namespace="n", job_name="a/b", root=pb.ParentRun(run_id="r0", job_namespace="n0", job_name="root")
)
BY_ID = pb.ParentRun(run_id="3", job_namespace="1", job_name="2")


@pytest.mark.parametrize(
    ("context", "parent_id", "expected"),
    [
        pytest.param("", "", None, id="none"),
        pytest.param(context(RUN), "", PARENT, id="context"),
        pytest.param(context(RUN | {"root": ROOT}), "", WITH_ROOT, id="context with root"),
        pytest.param(context(RUN), "1/2/3", PARENT, id="context before id"),
        pytest.param("{}", "1/2/3", BY_ID, id="context of something else"),
        pytest.param("not JSON", "1/2/3", BY_ID, id="context that is no JSON"),
        pytest.param("[]", "1/2/3", BY_ID, id="context that is no object"),
        pytest.param(context({"run": {}}), "1/2/3", BY_ID, id="context without a run"),
        pytest.param(context({"run": {"runId": 3}, "job": RUN["job"]}), "1/2/3", BY_ID, id="context of wrong types"),
        pytest.param("", "1/2", None, id="id with two parts"),
        pytest.param("", "//3", None, id="id with empty parts"),
    ],
)
def test_the_environment_is_read_as_openlineage_says_it(
    context: str, parent_id: str, expected: pb.ParentRun | None
) -> None:
    assert parent_from({"OPENLINEAGE_CONTEXT": context, "OPENLINEAGE_PARENT_ID": parent_id}) == expected


def test_a_job_without_namespace_is_in_that_of_the_environment(
    sync_client: SyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sync_client.run("train").job.namespace == "default"
    monkeypatch.setenv("OPENLINEAGE_NAMESPACE", "team")
    assert sync_client.run("train").job.namespace == "team"


def test_a_server_that_is_away_does_not_harm_the_work(caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings(address=closed_port_address(), max_attempts=2)
    done = False
    with SyncClient(settings=settings) as client, client.run("team/train") as run:
        run.reads("s3://bucket/clicks")
        done = True
    assert done
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 2
    assert "START" in warnings[0]
    assert "HEADWATER_ADDRESS" in warnings[0]


def test_a_server_that_hangs_holds_the_work_up_no_longer_than_it_may(server: FakeServer) -> None:
    server.delay_seconds = 20
    began = time.monotonic()
    with SyncClient(server.address) as client, client.run("team/train", timeout_seconds=0.2):
        pass
    assert time.monotonic() - began < 3


def test_a_start_that_found_the_server_away_is_sent_at_the_end(server: FakeServer) -> None:
    server.fail("WriteEvent", Failure(grpc.StatusCode.UNAVAILABLE))
    with SyncClient(settings=Settings(address=server.address, max_attempts=1)) as client, client.run("team/train"):
        assert server.events == []
    assert event_types(server.events) == ["START", "COMPLETE"]


def test_a_start_that_was_refused_is_not_sent_again(server: FakeServer, sync_client: SyncClient) -> None:
    server.fail("WriteEvent", Failure(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_EVENT"))
    with sync_client.run("team/train"):
        pass
    assert event_types(server.events) == ["COMPLETE"]


def test_strict_raises_what_cannot_be_reported(server: FakeServer, sync_client: SyncClient) -> None:
    server.fail("WriteEvent", Failure(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_EVENT"))
    with pytest.raises(errors.InvalidEvent):
        sync_client.run("team/train", strict=True).__enter__()


def test_strict_never_hides_the_error_of_the_work(server: FakeServer, sync_client: SyncClient) -> None:
    def failing() -> None:
        with sync_client.run("team/train", strict=True):
            server.fail("WriteEvent", Failure(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_EVENT"))
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        failing()


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"dataset": "no namespace"}, id="address"),
        pytest.param({"dataset": "s3://b/x", "metrics": {"auc": "high"}}, id="metric"),
        pytest.param({"dataset": "s3://b/x", "facets": {"f": {"value": object()}}}, id="facet"),
        pytest.param({"dataset": "s3://b/x", "fields": [3]}, id="field"),
    ],
)
def test_a_fact_that_cannot_be_said_is_logged_and_left_out(
    server: FakeServer, sync_client: SyncClient, caplog: pytest.LogCaptureFixture, said: dict[str, Any]
) -> None:
    with sync_client.run("team/train") as run:
        run.writes(**said)
    assert "outputs" not in sent(server)[1]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    strict = sync_client.run("team/train", strict=True)
    with pytest.raises((ValueError, TypeError)):
        strict.writes(**said)


def test_a_job_without_a_name_is_refused_before_the_work_begins(sync_client: SyncClient) -> None:
    with pytest.raises(InvalidName):
        sync_client.run("team/")


def test_run_ids_are_uuids_of_version_7_in_the_order_of_their_making() -> None:
    before = time.time_ns() // 1_000_000
    first = uuid.UUID(new_run_id())
    time.sleep(0.002)
    second = uuid.UUID(new_run_id())
    assert first.version == second.version == 7
    assert first.variant == uuid.RFC_4122
    assert first < second
    assert before <= first.int >> 80 <= time.time_ns() // 1_000_000
    assert len({new_run_id() for _ in range(1000)}) == 1000


def test_a_run_id_can_be_given(sync_client: SyncClient) -> None:
    assert sync_client.run("team/train", run_id="mine").id == "mine"
