"""An emitter beside a task of Kubeflow Pipelines tells what the task left before the pod ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.client.fakes import FakeServer

from headwater.events import to_open_lineage

from .conftest import MakeEmitter
from .emitters import EmitterProcess, running

RUN = {"run_id": "0199a0f0-0000-7000-8000-000000000001", "namespace": "k8s://prod/ml", "name": "churn.train"}


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """The volume into which the task writes."""
    (tmp_path / "minio").mkdir()
    return tmp_path / "minio"


def beside(make_emitter: MakeEmitter, server: str, volume: Path) -> EmitterProcess:
    artifact = {"name": "model", "namespace": "k8s://prod/ml", "dataset": "churn/train/model", "version": "minio://b/m"}
    task = {
        "run": RUN,
        "metadata_path": str(volume / "output_metadata.json"),
        "parameters": {"rows": str(volume / "rows")},
        "artifacts": [{**artifact, "path": str(volume / "model"), "type": "Model"}],
    }
    return make_emitter(server, kubeflow_task=json.dumps(task))


def end_well(volume: Path) -> None:
    """Writes what the executor of a task that ends well writes."""
    (volume / "model").write_bytes(b"weights")
    listed = {"model": {"artifacts": [{"name": "model", "uri": "minio://b/m", "metadata": {"framework": "sklearn"}}]}}
    (volume / "output_metadata.json").write_text(json.dumps({"artifacts": listed}))


def arrived(server: FakeServer) -> list[dict[str, Any]]:
    return [json.loads(to_open_lineage(each)) for each in server.events]


async def test_what_a_task_left_is_told_while_the_pod_still_runs(make_emitter: MakeEmitter, volume: Path) -> None:
    with FakeServer() as server:
        async with running(beside(make_emitter, server.address, volume)) as emitter:
            end_well(volume)
            await emitter.until(lambda found: found["delivered"] == 1)
            assert await emitter.stop() == 0
        (event,) = arrived(server)
    assert event["run"]["runId"] == RUN["run_id"]
    (output,) = event["outputs"]
    assert (output["name"], output["outputFacets"]["outputStatistics"]["size"]) == ("churn/train/model", 7)


async def test_what_a_task_left_in_the_last_moment_is_told_too(make_emitter: MakeEmitter, volume: Path) -> None:
    with FakeServer() as server:
        async with running(beside(make_emitter, server.address, volume)) as emitter:
            end_well(volume)
            assert await emitter.stop() == 0
        assert len(arrived(server)) == 1


async def test_of_a_failed_task_only_its_parameters_are_told(make_emitter: MakeEmitter, volume: Path) -> None:
    with FakeServer() as server:
        async with running(beside(make_emitter, server.address, volume)) as emitter:
            (volume / "model").write_bytes(b"half")
            (volume / "rows").write_text("10")
            assert await emitter.stop() == 0
        (event,) = arrived(server)
    assert "outputs" not in event
    assert event["run"]["facets"]["headwater_output_parameters"]["parameters"] == [{"key": "rows", "value": "10"}]


async def test_an_emitter_that_is_started_again_tells_the_same(make_emitter: MakeEmitter, volume: Path) -> None:
    with FakeServer() as server:
        emitter = beside(make_emitter, server.address, volume)
        end_well(volume)
        for deliveries in (1, 2):
            async with running(emitter):
                await emitter.until(lambda found: found["delivered"] == deliveries)  # noqa: B023
                await emitter.kill()
        assert len(arrived(server)) == 1, "the second one was the same event"
