"""The command against the real server: what is sent is found again."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any, Protocol

import pytest

from headwater import Client
from headwater.v1.pipeline_pb2 import Pipeline, Workload

from .conftest import PROGRAM

CHURN = "s3://models/churn"


class Server(Protocol):
    """Is a running server."""

    @property
    def grpc_address(self) -> str: ...


class Caller:
    """Calls the command in processes of its own: the server runs in this one."""

    def __init__(self, address: str) -> None:
        self._environment = {**os.environ, "HEADWATER_ADDRESS": address}

    async def say(self, *words: str, code: int = 0) -> str:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *PROGRAM, *words, env=self._environment, stdout=pipe, stderr=pipe
        )
        out, told = await process.communicate()
        assert process.returncode == code, told.decode()
        return out.decode()

    async def ask(self, *words: str) -> Any:
        return json.loads(await self.say(*words, "-o", "json"))


@pytest.fixture
def caller(server: Server) -> Caller:
    return Caller(server.grpc_address)


def event(kind: str, run: str, minute: int, inputs: list[str], outputs: list[str]) -> dict[str, object]:
    def named(name: str) -> dict[str, str]:
        namespace, _, rest = name.rpartition("/")
        return {"namespace": namespace, "name": rest}

    return {
        "eventTime": f"2026-11-20T12:{minute:02}:00Z",
        "eventType": kind,
        "producer": "https://example.com/tests",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": run},
        "job": {"namespace": "team", "name": "train"},
        "inputs": [named(each) for each in inputs],
        "outputs": [named(each) for each in outputs],
    }


async def test_events_that_are_sent_answer_every_question(caller: Caller, tmp_path: Path) -> None:
    run = "01936893-9a0b-7c11-a7f5-0d2a4c1f5e77"
    events = [event(kind, run, minute, ["s3://raw/users"], [CHURN]) for kind, minute in (("START", 0), ("COMPLETE", 9))]
    (tmp_path / "events.json").write_text(json.dumps([*events, {"eventType": "START"}]))
    sent = json.loads(await caller.say("send", str(tmp_path / "events.json"), "-o", "json", code=1))
    assert (sent["accepted"], sent["rejected"]) == (2, 1)

    upstream = await caller.ask("upstream", CHURN)
    assert [(each["displayName"], each["depth"]) for each in upstream["nodes"]] == [("churn", 0), ("users", 1)]
    assert "└── s3://raw/users" in await caller.say("upstream", CHURN, "-o", "tree")
    assert [each["name"] for each in (await caller.ask("upstream", CHURN, "--level", "run"))["nodes"]][
        1
    ] == f"runs/{run}"
    assert len((await caller.ask("downstream", "s3://raw/users"))["links"]) == 1
    assert [each["state"] for each in (await caller.ask("runs", "team/train"))["runs"]] == ["RUN_STATE_SUCCEEDED"]
    assert (await caller.ask("show", run, "--recipe"))["inputs"][0]["dataset"] == "s3://raw/users"
    assert len((await caller.ask("show", CHURN, "--writes", "--versions"))["writes"]) == 1
    assert len((await caller.ask("search", "churn"))["assets"]) == 1
    assert len((await caller.ask("namespaces"))["namespaces"]) == 3
    assert len((await caller.ask("rejected"))["rejectedEvents"]) == 1
    changes = await caller.ask("diff", CHURN, "--from", "2026-11-20T11:00:00Z", "--to", "2026-11-20T12:30:00Z")
    assert len(changes["addedLinks"]) == 1

    await caller.say("delete", CHURN)
    assert (await caller.ask("search", "churn"))["assets"] == []
    await caller.say("undelete", CHURN)
    assert len((await caller.ask("search", "churn"))["assets"]) == 1
    await caller.say("show", "s3://raw/nothing", code=3)


async def test_a_wrapped_script_is_a_run_with_what_it_emitted(caller: Caller) -> None:
    script = f"{PROGRAM[0]} -m headwater_cli.main emit --reads s3://raw/orders"
    await caller.say("run", "--job", "nightly/load", "--writes", "s3://lake/orders", "--", "sh", "-c", script)
    assert [each["displayName"] for each in (await caller.ask("upstream", "s3://lake/orders"))["nodes"]][1:] == [
        "orders"
    ]
    (run,) = (await caller.ask("runs", "nightly/load"))["runs"]
    assert run["state"] == "RUN_STATE_SUCCEEDED"
    recipe = await caller.ask("show", run["name"], "--recipe")
    assert recipe["command"] == ["sh", "-c", script]


async def test_the_doctor_finds_a_real_server_well(caller: Caller) -> None:
    assert {each["state"] for each in (await caller.ask("doctor"))["findings"]} <= {"ok", "skipped"}


async def test_pipelines_are_told_with_what_has_lineage_and_what_nothing_covers(server: Server, caller: Caller) -> None:
    namespace, churn = "k8s://prod/ml", "namespaces/k8s%3A%2F%2Fprod%2Fml/pipelines/churn"
    jobs = {name: f"namespaces/k8s%3A%2F%2Fprod%2Fml/jobs/{name}" for name in ("train", "export", "backup")}
    async with Client(server.grpc_address) as client:
        await client.update_pipeline(Pipeline(name=churn, uid="1", owner="team:growth"), allow_missing=True)
        covered = [Workload(job=jobs[name], kind="CronJob.batch", pipeline=churn) for name in ("train", "export")]
        await client.update_workloads(namespace, [*covered, Workload(job=jobs["backup"], kind="Job.batch")])
        async with client.run(f"{namespace}/train") as run:
            run.reads("s3://lake/raw")
    (header, row) = (await caller.say("pipelines")).splitlines()
    assert header.split() == ["PIPELINE", "CRITICALITY", "OWNER", "LINEAGE", "LAST", "RUN", "STATE"]
    assert row.split()[:6] == ["k8s://prod/ml/churn", "STANDARD", "team:growth", "1", "of", "2"]
    assert row.split()[-1] == "SUCCEEDED"
    shown = await caller.ask("pipelines", "show", "churn")
    assert {each["job"]: each["hasLineage"] for each in shown["workloads"]} == {
        jobs["train"]: True,
        jobs["export"]: False,
    }
    (uncovered,) = (await caller.ask("pipelines", namespace, "--uncovered"))["uncovered"]
    assert uncovered == {"namespace": namespace, "kind": "Job.batch", "workloadCount": 1, "withLineageCount": 0}
    await caller.say("pipelines", "show", "k8s://prod/ml/nothing", code=3)
