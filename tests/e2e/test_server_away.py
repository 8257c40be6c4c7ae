"""The server is away for a minute in which jobs start, end and are deleted, and then its PostgreSQL ends, too."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from headwater import SyncClient
from headwater.v1.catalog_pb2 import Run, RunState

from ..server_process import RunningServer, kill_postgres
from .kubernetes_access import PATIENCE_SECONDS, Namespace, Object, has_condition
from .lineage_pipelines import RESOURCE, delivered, job, pipeline, time_of
from .running_operator import running_operator
from .running_server import running_server, runs_of

AWAY_SECONDS = 60
MODEL = "s3://models/churn"
ENDS = ("Complete", "Failed")


@dataclass(frozen=True)
class Told:
    """A run: as Kubernetes had it, or as the server tells it."""

    name: str
    state: str
    start: datetime
    end: datetime


@pytest.fixture
def address(host: str) -> tuple[str, int]:
    """A host that pods reach, and a port of it that stays the server's while it is away."""
    with socket.create_server((host, 0)) as probe:
        return host, probe.getsockname()[1]


@pytest.mark.timeout(2 * AWAY_SECONDS + 3 * PATIENCE_SECONDS)
def test_nothing_is_lost_and_nothing_told_twice(
    namespace: Namespace, permissions: None, headwater_image: str, address: tuple[str, int], tmp_path: Path
) -> None:
    host, port = address
    data = tmp_path / "data"
    with ExitStack() as stack:
        with running_server(host, data, port=port) as server:
            operator = stack.enter_context(running_operator(server.grpc_address, tmp_path))
            namespace.apply(pipeline())
            namespace.wait_for(RESOURCE, "all", has_condition("Registered"))
            namespace.apply(job("before", headwater_image, outputs=MODEL))
            delivered(namespace, "SUCCEEDED", "before")
        happened = dict(jobs_of_a_minute(namespace, headwater_image))
        operator.kill()
        operator.start()
        with running_server(host, data, port=port) as server:
            kill_postgres(data)
            namespace.apply(job("after", headwater_image, outputs=MODEL))
            namespace.wait_for("batch/v1/Job", "after", has_condition("Complete"))
            told = until_all_ended(server, namespace, [*happened, "before", "after"])
            writers = writers_of_the_model(server, namespace)
            assert operator.stop() == 0
    assert {name: told[name] for name in happened} == {name: [run] for name, run in happened.items()}
    assert {name: len(runs) for name, runs in told.items()} == dict.fromkeys(told, 1)
    succeeded = sorted(runs[0].name for runs in told.values() if runs[0].state == "SUCCEEDED")
    assert len(succeeded) == len(told) - 1
    assert writers == succeeded


def brief_job(name: str, image: str, script: str) -> Object:
    """A Job that writes the model, and is deleted a second after its end."""
    made = job(name, image, script, outputs=MODEL)
    made["spec"]["ttlSecondsAfterFinished"] = 1
    return made


def jobs_of_a_minute(namespace: Namespace, image: str) -> Iterator[tuple[str, Told]]:
    """Lets Jobs run one after another for as long as the server is away; gives each when it is deleted. One fails."""
    until = time.monotonic() + AWAY_SECONDS
    for number in count(1):
        if time.monotonic() > until:
            return
        name = f"during-{number}"
        namespace.apply(brief_job(name, image, "exit 1" if number == 1 else "sleep 1"))
        ended = namespace.wait_for("batch/v1/Job", name, lambda found: any(has_condition(end)(found) for end in ENDS))
        yield name, as_kubernetes_had_it(ended)
        namespace.kubectl("wait", "--for=delete", f"job/{name}", "--timeout=60s")


def as_kubernetes_had_it(ended: Object) -> Told:
    """What a Job says of itself at its end."""
    status = ended["status"]
    (last,) = [each for each in status["conditions"] if each["type"] in ENDS and each["status"] == "True"]
    state = "SUCCEEDED" if last["type"] == "Complete" else "FAILED"
    end = status.get("completionTime") or last["lastTransitionTime"]
    return Told(f"runs/{ended['metadata']['uid']}", state, time_of(status["startTime"]), time_of(end))


def until_all_ended(server: RunningServer, namespace: Namespace, names: list[str]) -> dict[str, list[Told]]:
    """What the server tells of each job's runs, once all have a run and all runs have ended, or when patience ends."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        runs = {name: runs_of(server, namespace, name) for name in names}
        if all(found and all(run.HasField("end_time") for run in found) for found in runs.values()):
            break
        if time.monotonic() > deadline:
            break
        time.sleep(0.5)
    return {name: [as_the_server_tells(run) for run in found] for name, found in runs.items()}


def as_the_server_tells(run: Run) -> Told:
    """What the server says of a run."""
    state = RunState.Name(run.state).removeprefix("RUN_STATE_")
    return Told(run.name, state, run.start_time.ToDatetime(UTC), run.end_time.ToDatetime(UTC))


def writers_of_the_model(server: RunningServer, namespace: Namespace) -> list[str]:
    """The runs that wrote the model, each as often as it did."""
    (run,) = runs_of(server, namespace, "before")
    with SyncClient(server.grpc_address) as client:
        return sorted(each.run for each in client.writes(run.outputs[0].dataset))
