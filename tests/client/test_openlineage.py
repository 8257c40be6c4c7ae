"""The transport: the real openlineage-python client, configured by its environment alone, reaches the server."""

import json
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import schema_dataset
from openlineage.client.uuid import generate_new_uuid
from tests.client.fakes import Failure, FakeServer

from headwater import Settings, errors
from headwater.openlineage import GrpcConfig, GrpcTransport


@pytest.fixture
def openlineage(server: FakeServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> OpenLineageClient:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "headwater.openlineage.GrpcTransport")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__ADDRESS", server.address)
    return OpenLineageClient()


def an_event(state: RunState = RunState.COMPLETE) -> RunEvent:
    schema = schema_dataset.SchemaDatasetFacet(fields=[schema_dataset.SchemaDatasetFacetFields("id", "BIGINT")])
    return RunEvent(
        eventTime="2026-11-23T12:00:00Z",
        eventType=state,
        run=Run(runId=str(generate_new_uuid())),
        job=Job(namespace="team", name="train"),
        inputs=[InputDataset("s3://bucket", "clicks", facets={"schema": schema})],
        outputs=[OutputDataset("s3://bucket", "model")],
        producer="https://example.com/producer",
    )


def test_the_environment_alone_chooses_the_transport(openlineage: OpenLineageClient) -> None:
    assert isinstance(openlineage.transport, GrpcTransport)
    assert openlineage.transport.kind == "headwater"


def test_an_event_is_on_the_server_when_emit_returns(server: FakeServer, openlineage: OpenLineageClient) -> None:
    event = an_event()
    openlineage.emit(event)
    [received] = server.events
    sent = json.loads(received.open_lineage)
    assert sent["eventType"] == "COMPLETE"
    assert sent["run"]["runId"] == event.run.runId
    assert sent["job"]["name"] == "train"
    [field] = sent["inputs"][0]["facets"]["schema"]["fields"]
    assert (field["name"], field["type"]) == ("id", "BIGINT")
    assert sent["outputs"][0]["namespace"] == "s3://bucket"


def test_emit_waits_for_a_server_that_is_away(server: FakeServer, openlineage: OpenLineageClient) -> None:
    server.fail("WriteEvent", *[Failure(grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE")] * 2)
    openlineage.emit(an_event())
    assert len(server.events) == 1


def test_emit_raises_what_the_server_refuses(server: FakeServer, openlineage: OpenLineageClient) -> None:
    server.fail("WriteEvent", Failure(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_EVENT", "job.name is missing"))
    with pytest.raises(errors.InvalidEvent, match=r"job.name is missing"):
        openlineage.emit(an_event())


def test_closing_says_that_nothing_is_left(openlineage: OpenLineageClient) -> None:
    openlineage.emit(an_event())
    assert openlineage.close() is True


def test_the_transport_is_configured_like_any_other(tmp_path: Path) -> None:
    given = {"type": "x", "address": "h:1", "token_file": "t", "ca_file": "c", "ca": "PEM", "timeout": 7}
    assert GrpcConfig.from_dict({**given, "max_attempts": "3"}).settings == Settings(
        address="h:1", token_file=Path("t"), ca_file=Path("c"), ca="PEM", timeout_seconds=7.0, max_attempts=3
    )


def test_what_the_configuration_leaves_out_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_ADDRESS", "elsewhere:1")
    assert GrpcConfig.from_dict({"type": "x", "timeout": 7}).settings == Settings(
        address="elsewhere:1", timeout_seconds=7.0
    )


def test_a_key_that_means_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    GrpcConfig.from_dict({"type": "x", "adress": "h:1"})
    assert "adress" in caplog.text


def test_an_url_beside_the_transport_does_no_harm(
    openlineage: OpenLineageClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OPENLINEAGE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TRANSPORTS__DEFAULT_HTTP__TYPE", "")
    assert isinstance(OpenLineageClient().transport, GrpcTransport)
    assert "knows no" not in caplog.text


def test_the_client_itself_needs_no_openlineage() -> None:
    code = "import headwater.run, headwater.sync, sys; sys.exit('openlineage' in sys.modules)"
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)
