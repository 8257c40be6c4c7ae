"""Measures the operator: `python bench/watch_cluster.py [--workloads 5000] [--changes 50] [--seconds 60]
[--parameter-bytes 2000]`.

Starts a server with its own PostgreSQL, an API server that holds the workloads in memory, and the operator. Prints what
the operator needed to learn what there is, and while so many objects changed each second; ends with 1 where that was
more than the limits, or not every event was delivered.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # as `python -m bench.watch_cluster` has it

from bench.cluster_api import Body, ClusterApi, serving, write_kubeconfig
from bench.machine import describe_machine
from bench.process_use import read_processor_time
from bench.server import running_server
from headwater_operator.kinds import ADAPTERS

MOST_MEMORY = 256 * 2**20
MOST_PROCESSORS = 1.0
SETTLE_SECONDS = 5
READY_SECONDS = 300
JOBS, CRON_JOBS = ("batch", "v1", "jobs"), ("batch", "v1", "cronjobs")
PODS, WORKFLOWS = ("", "v1", "pods"), ("argoproj.io", "v1alpha1", "workflows")
PIPELINES = ("headwater.dev", "v1alpha1", "lineagepipelines")
OTHERS = (
    ("", "v1", "namespaces", "Namespace"),
    ("", "v1", "events", "Event"),
    ("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition"),
    (*PIPELINES, "LineagePipeline"),
)
TEMPLATE_BYTES = 15_000
"""How long the template is that Argo puts into each of two init containers: pods seen had 37 to 45 kB."""


@dataclass(frozen=True, slots=True)
class Phase:
    """What the operator used in one part of the measurement."""

    name: str
    seconds: float
    processors: float
    memory: int
    changes: int
    requests: int


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workloads", type=int, default=5000, help="objects that run: %(default)s")
    parser.add_argument("--changes", type=int, default=50, help="changes a second: %(default)s")
    parser.add_argument("--parameter-bytes", type=int, default=2000, help="a parameter of each pod: %(default)s")
    parser.add_argument("--seconds", type=int, default=60, help="for how long: %(default)s")
    options = parser.parse_args()
    return asyncio.run(measure(options.workloads, options.changes, options.seconds, options.parameter_bytes))


async def measure(workloads: int, changes: int, seconds: int, parameter_bytes: int) -> int:
    """Measures and prints; the exit code."""
    sys.stdout.write("".join(f"- {name}: {value}\n" for name, value in describe_machine().items()))
    api = ClusterApi([(r.group, r.version, r.plural, r.kind) for r in (each.resource for each in ADAPTERS)] + [*OTHERS])
    estate = Estate(api, parameter_bytes)
    estate.fill(workloads)
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(running_server(None))
        url = await stack.enter_async_context(serving(api))
        operator = await stack.enter_async_context(running_operator(url, server.grpc_address))
        begin = _mark(operator, api)
        await _until(operator, lambda figures: figures["objects"] >= estate.size and figures["spool_items"] == 0)
        learnt = _phase("learn what there is", operator, api, begin, estate.size)
        await asyncio.sleep(SETTLE_SECONDS)
        begin = _mark(operator, api)
        await estate.churn(changes, seconds)
        changing = _phase(f"{changes} changes a second", operator, api, begin, changes * seconds)
        figures = await _until(operator, lambda figures: figures["spool_items"] == 0)
    return _tell([learnt, changing], figures)


class Estate:
    """The objects: half of them Jobs of CronJobs, half of them pods of tasks of Kubeflow Pipelines."""

    def __init__(self, api: ClusterApi, parameter_bytes: int) -> None:
        self._api = api
        self._parameter_bytes = parameter_bytes
        self._numbers = itertools.count()
        self._living: list[tuple[tuple[str, str, str], Body]] = []
        self.size = 0

    def fill(self, workloads: int) -> None:
        """Makes the objects, all of which run, and a pipeline that covers them."""
        self._api.put(PIPELINES, _object("headwater.dev/v1alpha1", "LineagePipeline", "all", spec={}))
        for number in range(workloads // 50):
            cron = _object("batch/v1", "CronJob", f"cron-{number}", spec={"schedule": "* * * * *"}, status={})
            self._api.put(CRON_JOBS, cron)
            self.size += 1
        for _ in range(workloads):
            key, body = self._make(next(self._numbers))
            self._api.put(key, body)
            self._living.append((key, body))
            self.size += 1

    async def churn(self, changes: int, seconds: int) -> None:
        """Lets objects end, go, and be followed by new ones: so many changes a second."""
        steps, began = self._steps(), time.monotonic()
        for count, _ in enumerate(itertools.islice(steps, changes * seconds), 1):
            await asyncio.sleep(max(0.0, began + count / changes - time.monotonic()))

    def _steps(self) -> Iterator[None]:
        while True:
            key, body = self._living.pop(0)
            self._api.put(key, _ended(key, body))
            yield
            metadata = body["metadata"]
            self._api.remove(key, metadata["namespace"], metadata["name"])
            yield
            key, body = self._make(next(self._numbers))
            self._api.put(key, body)
            self._living.append((key, body))
            yield

    def _make(self, number: int) -> tuple[tuple[str, str, str], Body]:
        return (JOBS, _job(number)) if number % 2 else (PODS, _pod(number, self._parameter_bytes))


def _object(version: str, kind: str, name: str, **parts: Any) -> Body:
    metadata = {
        "name": name, "namespace": "bench", "uid": _uid(kind, name), "generation": 1, "creationTimestamp": _now(),
        "labels": {}, "annotations": {}, **parts.pop("metadata", {}),
    }  # fmt: skip
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **parts}


def _job(number: int) -> Body:
    cron = f"cron-{number % 100}"
    metadata = {
        "ownerReferences": [_owner("batch/v1", "CronJob", cron)],
        "annotations": {"headwater.dev/inputs": f"s3://lake/raw-{number % 100}", "headwater.dev/outputs": f"s3://lake/{cron}"},
    }  # fmt: skip
    container = {"name": "main", "image": "registry.example.com/clean:1", "env": [{"name": "A", "value": "x" * 2000}]}
    spec = {"template": {"spec": {"containers": [container]}}}
    return _object(
        "batch/v1", "Job", f"{cron}-{number}", metadata=metadata, spec=spec, status={"startTime": _now(), "active": 1}
    )


def _pod(number: int, parameter_bytes: int) -> Body:
    workflow, task = f"train-{number // 20}", f"task-{number % 20}"
    run, root = _uid("run", workflow), f"minio://mlpipeline/v2/artifacts/train/{_uid('run', workflow)}/{task}"
    output = {
        "artifacts": [{"name": "model", "type": {"schemaTitle": "system.Model"}, "uri": f"{root}/{_uid(task)}/model"}]
    }
    executor_input = {
        "inputs": {"parameterValues": {"lr": 0.1, "notes": "x" * parameter_bytes}},
        "outputs": {"artifacts": {"model": output}},
    }
    command = [
        "/var/run/argo/argoexec", "emissary", "--", "/kfp-launcher/launch", "--executor_type", "container",
        "--pipeline_name", "train", "--run_id", run, "--task_id", _uid("task", workflow, task), "--task_name", task,
        "--executor_input", json.dumps(executor_input), "--",
    ]  # fmt: skip
    name = f"{workflow}-impl-{number}"
    metadata = {
        "labels": {
            "pipeline/runid": run, "pipelines.kubeflow.org/v2_component": "true",
            "pipelines.kubeflow.org/pod-role": "container-executor", "workflows.argoproj.io/workflow": workflow,
        },
        "annotations": {
            "workflows.argoproj.io/node-id": name,
            "workflows.argoproj.io/node-name": f"{workflow}.root.{task}.executor",
        },
        "ownerReferences": [_owner("argoproj.io/v1alpha1", "Workflow", workflow)],
    }  # fmt: skip
    status = {"phase": "Running", "startTime": _now(), "containerStatuses": [_container(running={"startedAt": _now()})]}
    template = [{"name": "ARGO_TEMPLATE", "value": "x" * max(TEMPLATE_BYTES, parameter_bytes)}]
    spec = {
        "nodeName": "node-1",
        "initContainers": [{"name": name, "image": "argoexec", "env": template} for name in ("init", "kfp-launcher")],
        "containers": [{"name": "main", "image": "python:3.12", "command": command, "args": ["python"]}],
    }
    return _object("v1", "Pod", name, metadata=metadata, spec=spec, status=status)


def _ended(key: tuple[str, str, str], body: Body) -> Body:
    if key == JOBS:
        complete = {"type": "Complete", "status": "True", "lastTransitionTime": _now()}
        return {**body, "status": {**body["status"], "completionTime": _now(), "conditions": [complete]}}
    running = body["status"]["containerStatuses"][0]["state"]["running"]["startedAt"]
    terminated = {"exitCode": 0, "startedAt": running, "finishedAt": _now()}
    return {
        **body,
        "status": {**body["status"], "phase": "Succeeded", "containerStatuses": [_container(terminated=terminated)]},
    }


def _container(**state: Body) -> Body:
    return {"name": "main", "state": state, "imageID": "python@sha256:" + "0" * 64}


def _owner(version: str, kind: str, name: str) -> Body:
    return {"apiVersion": version, "kind": kind, "name": name, "uid": _uid(kind, name), "controller": True}


def _uid(*names: str) -> str:
    return str(uuid5(NAMESPACE_URL, "/".join(names)))


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class RunningOperator:
    """The operator's process, and where its metrics are."""

    process: int
    http: str


@contextlib.asynccontextmanager
async def running_operator(cluster_url: str, server_address: str) -> AsyncIterator[RunningOperator]:
    """The operator as a user starts it."""
    with tempfile.TemporaryDirectory(prefix="headwater-bench-") as folder:
        kubeconfig = write_kubeconfig(Path(folder), cluster_url)
        environment = {
            **os.environ, "KUBECONFIG": str(kubeconfig), "HEADWATER_CLUSTER": "bench",
            "HEADWATER_ADDRESS": server_address,
            "HEADWATER_SPOOL_DIR": f"{folder}/spool", "HEADWATER_HTTP_ADDRESS": "127.0.0.1:0",
        }  # fmt: skip
        program = Path(sys.executable).with_name("headwater-operator")
        process = await asyncio.create_subprocess_exec(program, "run", env=environment, stdout=asyncio.subprocess.PIPE)
        try:
            assert process.stdout is not None
            async with asyncio.timeout(READY_SECONDS):
                line = (await process.stdout.readline()).decode()
            if "ready" not in line:
                raise RuntimeError(f"the operator did not start: {line!r}")
            yield RunningOperator(process.pid, line.rpartition("http=")[2].strip())
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


@dataclass(frozen=True, slots=True)
class _Mark:
    time: float
    processor_seconds: float
    requests: int


def _mark(operator: RunningOperator, api: ClusterApi) -> _Mark:
    return _Mark(time.monotonic(), read_processor_time(operator.process).own, sum(api.requests.values()))


def _phase(name: str, operator: RunningOperator, api: ClusterApi, begin: _Mark, changes: int) -> Phase:
    end = _mark(operator, api)
    seconds = end.time - begin.time
    used = (end.processor_seconds - begin.processor_seconds) / seconds
    return Phase(name, seconds, used, _peak_memory(operator.process), changes, end.requests - begin.requests)


def _peak_memory(process: int) -> int:
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


async def _until(operator: RunningOperator, holds: Any) -> dict[str, float]:
    async with asyncio.timeout(READY_SECONDS):
        while True:
            figures = await asyncio.to_thread(_read_figures, operator.http)
            if holds(figures):
                return figures
            await asyncio.sleep(0.5)


def _read_figures(address: str) -> dict[str, float]:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    prefix = "headwater_operator_"
    return {
        name.removeprefix(prefix): float(value)
        for name, _, value in (line.rpartition(" ") for line in lines) if name.startswith(prefix) and "{" not in name
    }  # fmt: skip


def _tell(phases: list[Phase], figures: dict[str, float]) -> int:
    sys.stdout.write("\n| phase | s | processors | peak MB | API requests | a change |\n|---|---|---|---|---|---|\n")
    for each in phases:
        sys.stdout.write(
            f"| {each.name} | {each.seconds:.1f} | {each.processors:.2f} | {each.memory / 1e6:.0f} | {each.requests} "
            f"| {each.requests / each.changes:.3f} |\n"
        )
    sys.stdout.write(
        f"\n{figures['events_reported_total']:.0f} events reported, {figures['events_delivered_total']:.0f} delivered, "
        f"{figures['events_rejected_total']:.0f} rejected\n"
    )
    failures = []
    if phases[-1].memory > MOST_MEMORY:
        failures.append(f"more than {MOST_MEMORY / 1e6:.0f} MB of memory")
    if phases[-1].processors > MOST_PROCESSORS:
        failures.append(f"more than {MOST_PROCESSORS} processors")
    if figures["events_delivered_total"] != figures["events_reported_total"] or figures["events_rejected_total"]:
        failures.append("not every event was delivered")
    sys.stdout.write("".join(f"FAILED: {each}\n" for each in failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
