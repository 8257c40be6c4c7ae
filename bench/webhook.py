"""Measures the webhook: `python bench/webhook.py [--rate 50] [--seconds 30] [--owners 20000]`.

An API server that holds so many Jobs in memory, the webhook on one processor, and captured AdmissionReviews of Kubeflow
Pipelines over TLS at a steady rate, while as many Jobs appear as pods. Prints how long answers took from when they were
asked for, then what the webhook does at most; ends with 1 where the 99th percentile is above the limit, or a pod that
should have been injected was not.

No answer waits for another, so each is timed from its own sending. Beside it is told what is not the webhook's: how
late this process was to send, and how late one woke that only slept on the webhook's processor at that time. What the
webhook itself says of its answers is from reading the review to the patch, without HTTP and TLS.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
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
from bench.measure import find_percentile
from bench.process_use import read_processor_time
from headwater_operator.kinds import ADAPTERS
from headwater_operator.rbac import OWNERS

MOST_MILLISECONDS = 20.0
"""The limit of the 99th percentile."""

READY_SECONDS = 120
SETTLE_SECONDS = 3.0
"""Between readiness and the first pod that counts."""

CONNECTIONS, IDLE_SECONDS = 25, 90
"""How many connections the API server keeps open to a webhook, and for how long (client-go and Go's HTTP client)."""

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
async def running_webhook(cluster_url: str, ca: trustme.CA, folder: Path, own_processor: int) -> AsyncIterator[Webhook]:
    """The webhook as a user starts it, on one processor."""
    certificate = ca.issue_cert("127.0.0.1")
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
        os.sched_setaffinity(process.pid, {own_processor})
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
        self._url = f"https://{webhook.https}/inject"
        self._turn = itertools.cycle(reviews)
        self.milliseconds: list[float] = []
        self.late_milliseconds: list[float] = []
        """How long after they were due reviews were sent."""

        self.wrong = 0

    async def send(self, due: float = 0.0) -> None:
        """Sends the next one."""
        review, sent = next(self._turn), time.monotonic()
        self.late_milliseconds.append((sent - (due or sent)) * 1_000)
        async with self._session.post(self._url, data=review.body) as answer:
            response = json.loads(await answer.read())["response"]
        self.milliseconds.append((time.monotonic() - sent) * 1_000)
        self.wrong += not response["allowed"] or ("patch" in response) is not review.is_executor

    async def connect(self) -> None:
        """Sends many at once, so that as many connections are open from then on."""
        await asyncio.gather(*(self.send() for _ in range(CONNECTIONS)))

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
                await self.send()

        await asyncio.gather(*(repeat() for _ in range(AT_ONCE)))


_SLEEP = """
import sys, time
rate, seconds = map(float, sys.argv[1:])
late, due = [], time.monotonic()
for _ in range(int(rate * seconds)):
    due += 1 / rate
    time.sleep(max(0.0, due - time.monotonic()))
    late.append((time.monotonic() - due) * 1_000)
print(*late)
"""


@contextlib.asynccontextmanager
async def sleeping(processor: int, rate: int, seconds: float) -> AsyncIterator[list[float]]:
    """A process that sleeps and wakes at the rate of the pods; at the end of the block, how late it woke each time."""
    late: list[float] = []
    command = [sys.executable, "-c", _SLEEP, str(rate), str(seconds)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    os.sched_setaffinity(process.pid, {processor})
    try:
        yield late
        late += map(float, (await process.communicate())[0].split())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def read_own_times(session: aiohttp.ClientSession, webhook: Webhook) -> dict[float, float]:
    """How many answers the webhook says it has made within so many seconds."""
    async with session.get(f"http://{webhook.http}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    start = 'headwater_webhook_review_seconds_bucket{le="'
    found = (line.removeprefix(start).split('"} ') for line in lines if line.startswith(start))
    return {float(bound): float(count) for bound, count in found}


def tell_times(what: str, milliseconds: Sequence[float]) -> str:
    """A line about them."""
    p50, p99 = find_percentile(milliseconds, 0.5), find_percentile(milliseconds, 0.99)
    return f"{what}: p50 {p50:.1f} ms, p99 {p99:.1f} ms, most {max(milliseconds):.1f} ms"


def tell_own_times(before: dict[float, float], after: dict[float, float]) -> str:
    """A line about what the webhook says of the answers between."""
    counts = {bound: after[bound] - before[bound] for bound in after}
    within = next(bound for bound, count in counts.items() if count >= 0.99 * max(counts.values()))
    return f"  of that in the webhook, from the review to the patch: p99 at most {within * 1_000:g} ms"


def keep_away() -> int:
    """Keeps this process, which is an API server elsewhere, from disturbing the webhook; the webhook's processor."""
    processors = os.sched_getaffinity(0)
    found = max(processors)
    os.sched_setaffinity(0, processors - {found} or processors)
    gc.collect()
    gc.freeze()  # what the API server holds is not looked through while answers are timed
    return found


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
    own_processor = keep_away()
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="headwater-bench-")))
        url = await stack.enter_async_context(serving(api))
        webhook = await stack.enter_async_context(running_webhook(url, ca, folder, own_processor))
        connector = aiohttp.TCPConnector(ssl=context, limit=0, keepalive_timeout=IDLE_SECONDS)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        waited = await until_ready(session, webhook)
        print(f"ready after {waited:.1f} s with {owners} Jobs, 500 namespaces and 500 pipelines")
        steady, most = Load(session, webhook, reviews), Load(session, webhook, reviews)
        settling = Load(session, webhook, reviews)
        await settling.connect()
        await settling.steadily(rate, SETTLE_SECONDS, api)
        begin = read_processor_time(webhook.process).own
        before = await read_own_times(session, webhook)
        async with sleeping(own_processor, rate, seconds) as wakings:
            await steady.steadily(rate, seconds, api)
        after = await read_own_times(session, webhook)
        used = (read_processor_time(webhook.process).own - begin) / seconds
        begin = read_processor_time(webhook.process).own
        await most.as_fast_as_it_goes(max(1, seconds // 3))
        each = (read_processor_time(webhook.process).own - begin) * 1_000 / len(most.milliseconds)
        memory = _memory(webhook.process)
    print(tell_times(f"{rate} pods/s for {seconds} s, {used:.2f} processors", steady.milliseconds))
    print(tell_own_times(before, after))
    print(tell_times("  not of that: reviews that were sent late", steady.late_milliseconds))
    print(tell_times("  late wake-ups of an idle process on the webhook's processor", wakings))
    rate_at_most = len(most.milliseconds) / max(1, seconds // 3)
    print(tell_times(f"at most {rate_at_most:.0f} pods/s, {each:.2f} ms of a processor each", most.milliseconds))
    print(f"{memory >> 20} MiB resident; {steady.wrong + most.wrong} wrong answers")
    is_slow = find_percentile(steady.milliseconds, 0.99) > MOST_MILLISECONDS
    return int(is_slow or steady.wrong + most.wrong > 0)


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
