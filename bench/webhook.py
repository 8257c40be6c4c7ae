"""Measures the webhook: `python bench/webhook.py [--rate 50] [--seconds 30] [--owners 20000]`.

An API server that holds so many Jobs in memory, the webhook on one processor, and captured AdmissionReviews of Kubeflow
Pipelines over TLS at a steady rate, while as many Jobs appear as pods. Prints how long answers took from the moment
that they were due, then what the webhook does at most; ends with 1 where the 99th percentile is above the limit, or a
pod that should have been injected was not.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import ssl
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import trustme

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # as `python -m bench.webhook` has it

from bench.cluster_api import Body, ClusterApi, serving, write_kubeconfig
from bench.machine import describe_machine
from bench.processor_time import read_processor_time
from headwater_operator.kinds import ADAPTERS
from headwater_operator.rbac import OWNERS

MOST_MILLISECONDS = 20.0
"""The limit of the 99th percentile."""

READY_SECONDS = 120
SETTLE_SECONDS = 3.0
"""Between readiness and the first pod that counts; in it, connections are made as the API server has them open."""

AT_ONCE = 8
"""How many reviews are under way in the second part."""

DATA = Path(os.environ.get("HEADWATER_SHARED_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
JOBS, WORKFLOWS = ("batch", "v1", "jobs"), ("argoproj.io", "v1alpha1", "workflows")
PIPELINES, NAMESPACES = ("headwater.dev", "v1alpha1", "lineagepipelines"), ("", "v1", "namespaces")


@dataclass(frozen=True, slots=True)
class Review:
    """A review as it is sent, and whether its pod is to be injected."""

    body: bytes
    is_executor: bool


@dataclass(frozen=True, slots=True)
class Webhook:
    """The webhook's process, and where it answers."""

    process: int
    https: str
    http: str


def read_reviews(api: ClusterApi) -> list[Review]:
    """The captured reviews; their Workflows are put into the cluster."""
    found = []
    for file in sorted((DATA / "kfp" / "live" / "pods").glob("*.json")):
        for each in json.loads(file.read_text())["admission"]:
            metadata = each["request"]["object"]["metadata"]
            (owner,) = metadata["ownerReferences"]
            labels = {"pipeline/runid": metadata["labels"]["pipeline/runid"]}
            api.put(WORKFLOWS, _object(owner["name"], "kubeflow", uid=owner["uid"], labels=labels))
            whole = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": each["request"]}
            role = metadata["labels"]["pipelines.kubeflow.org/pod-role"]
            found.append(Review(json.dumps(whole).encode(), role == "container-executor"))
    if not found:
        raise SystemExit(f"there are no captured reviews in {DATA}: set HEADWATER_SHARED_DATA to the folder with kfp")
    return found


def fill(api: ClusterApi, owners: int) -> None:
    """Makes Jobs, namespaces that have opted in, and pipelines that cover them."""
    for number in range(500):
        namespace = "kubeflow" if not number else f"team-{number}"
        body = _object(namespace, "", labels={"headwater.dev/injection": "enabled"})
        api.put(NAMESPACES, body)
        api.put(PIPELINES, {**_object("all", namespace), "spec": {"injection": {"enabled": True}}})
    for number in range(owners):
        api.put(JOBS, _object(f"job-{number}", f"team-{number % 500}"))


def _object(name: str, namespace: str, **metadata: object) -> Body:
    uid = f"00000000-0000-4000-8000-{abs(hash((name, namespace))) % 16**12:012x}"
    created = {"creationTimestamp": "2026-11-20T08:00:00Z", "uid": uid, "annotations": {"note": "x" * 600}}
    return {"metadata": {**created, "name": name, "namespace": namespace, **metadata}}


@contextlib.asynccontextmanager
async def running_webhook(cluster_url: str, ca: trustme.CA, folder: Path) -> AsyncIterator[Webhook]:
    """The webhook as a user starts it, on one processor."""
    certificate = ca.issue_cert("localhost")
    files = {"CERTIFICATE": b"".join(each.bytes() for each in certificate.cert_chain_pems)}
    files["KEY"] = certificate.private_key_pem.bytes()
    environment = {
        **os.environ, "KUBECONFIG": str(write_kubeconfig(folder, cluster_url)), "HEADWATER_CLUSTER": "bench",
        "HEADWATER_ADDRESS": "headwater:4970", "HEADWATER_EMITTER_IMAGE": "headwater:1",
        "HEADWATER_HTTPS_ADDRESS": "127.0.0.1:0", "HEADWATER_HTTP_ADDRESS": "127.0.0.1:0",
    }  # fmt: skip
    for name, content in files.items():
        (folder / name).write_bytes(content)
        environment[f"HEADWATER_TLS_{name}_FILE"] = str(folder / name)
    program = Path(sys.executable).with_name("headwater-operator")
    process = await asyncio.create_subprocess_exec(program, "webhook", env=environment, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        os.sched_setaffinity(process.pid, {max(os.sched_getaffinity(0))})
        line = (await process.stdout.readline()).decode().split()
        found = dict(each.split("=", 1) for each in line if "=" in each)
        yield Webhook(process.pid, found["https"], found["http"])
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def until_ready(session: aiohttp.ClientSession, webhook: Webhook) -> float:
    """The seconds until it knows the cluster."""
    began = time.monotonic()
    async with asyncio.timeout(READY_SECONDS):
        while True:
            async with session.get(f"http://{webhook.http}/readyz") as answer:
                if answer.status == 200:
                    return time.monotonic() - began
            await asyncio.sleep(0.02)


class Load:
    """Sends the reviews in turn, and keeps how long each took."""

    def __init__(self, session: aiohttp.ClientSession, webhook: Webhook, reviews: Sequence[Review]) -> None:
        self._session = session
        self._url = f"https://localhost:{webhook.https.rpartition(':')[2]}/inject"
        self._turn = itertools.cycle(reviews)
        self.milliseconds: list[float] = []
        self.wrong = 0

    async def send(self, due: float) -> None:
        """Sends the next one."""
        review = next(self._turn)
        async with self._session.post(self._url, data=review.body) as answer:
            response = json.loads(await answer.read())["response"]
        self.milliseconds.append((time.monotonic() - due) * 1_000)
        self.wrong += not response["allowed"] or ("patch" in response) is not review.is_executor

    async def steadily(self, rate: int, seconds: float, api: ClusterApi) -> None:
        """So many a second, whatever the answers take, with a new Job beside each."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(int(rate * seconds)):
                due = began + number / rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                api.put(JOBS, _object(f"new-{number}", "team-1"))
                group.create_task(self.send(due))

    async def as_fast_as_it_goes(self, seconds: int) -> None:
        """A few at a time."""
        end = time.monotonic() + seconds

        async def repeat() -> None:
            while time.monotonic() < end:
                await self.send(time.monotonic())

        await asyncio.gather(*(repeat() for _ in range(AT_ONCE)))

    def percentile(self, part: float) -> float:
        """Of the milliseconds."""
        ordered = sorted(self.milliseconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


async def measure(rate: int, seconds: int, owners: int) -> int:
    """Measures and prints; the exit status."""
    api = ClusterApi([
        *((each.resource.group, each.resource.version, each.resource.plural, each.resource.kind) for each in ADAPTERS),
        *((each.group, each.version, each.plural, each.kind) for each in OWNERS),
        (*PIPELINES, "LineagePipeline"), (*NAMESPACES, "Namespace"),
    ])  # fmt: skip
    reviews = read_reviews(api)
    fill(api, owners)
    ca, context = trustme.CA(), ssl.create_default_context()
    ca.configure_trust(context)
    print(describe_machine())
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="headwater-bench-")))
        url = await stack.enter_async_context(serving(api))
        webhook = await stack.enter_async_context(running_webhook(url, ca, folder))
        connector = aiohttp.TCPConnector(ssl=context, limit=0)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        waited = await until_ready(session, webhook)
        print(f"ready after {waited:.1f} s with {owners} Jobs, 500 namespaces and 500 pipelines")
        steady, most = Load(session, webhook, reviews), Load(session, webhook, reviews)
        await Load(session, webhook, reviews).steadily(rate, SETTLE_SECONDS, api)
        begin = read_processor_time(webhook.process).own
        await steady.steadily(rate, seconds, api)
        used = (read_processor_time(webhook.process).own - begin) / seconds
        await most.as_fast_as_it_goes(max(1, seconds // 3))
        memory = _memory(webhook.process)
    print(
        f"{rate} pods/s for {seconds} s: p50 {steady.percentile(0.5):.1f} ms, p99 {steady.percentile(0.99):.1f} ms, "
        f"most {steady.percentile(1):.1f} ms, {used:.2f} processors"
    )
    print(f"at most {len(most.milliseconds) / max(1, seconds // 3):.0f} pods/s, p99 {most.percentile(0.99):.1f} ms")
    print(f"{memory >> 20} MiB resident; {steady.wrong + most.wrong} wrong answers")
    return int(steady.percentile(0.99) > MOST_MILLISECONDS or steady.wrong + most.wrong > 0)


def _memory(process: int) -> int:
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def main() -> int:
    """Runs the measurement; the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split(":")[0])
    parser.add_argument("--rate", type=int, default=50, help="pods a second")
    parser.add_argument("--seconds", type=int, default=30, help="for how long")
    parser.add_argument("--owners", type=int, default=20_000, help="how many Jobs there are")
    given = parser.parse_args()
    return asyncio.run(measure(given.rate, given.seconds, given.owners))


if __name__ == "__main__":
    sys.exit(main())
