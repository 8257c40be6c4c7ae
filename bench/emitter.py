"""Measures the emitter: `python bench/emitter.py [--events 20000] [--singles 300]`.

Starts a server with its own PostgreSQL, and emitters as a pod has them. Prints how soon one is ready; how fast it takes
events into its spool, over HTTP and gRPC, in batches of 100 while its server is away; what memory it holds; and what it
adds to an event beside sending it to the server directly. Ends with 1 beyond the limits.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import grpc

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # as `python -m bench.emitter` has it

from bench.machine import describe_machine
from bench.measure import find_percentile
from bench.process_use import read_processor_time
from bench.server import running_server
from headwater.v1.event_pb2 import Event, EventResult
from headwater.v1.ingest_service_pb2 import (
    BatchWriteEventsRequest,
    BatchWriteEventsResponse,
    WriteEventRequest,
    WriteEventResponse,
)

PROGRAM = Path(sys.executable).with_name("headwater-emitter")
BATCH, SENDERS, STARTS = 100, 2, 3
NOBODY = "127.0.0.1:1"
LEAST_RATE = 20_000
MOST_MEMORY_MIB = 60
MOST_READY_SECONDS = 1.0
SERVICE = "/headwater.v1.IngestService/"
WRITE, BATCH_WRITE = SERVICE + "WriteEvent", SERVICE + "BatchWriteEvents"


@dataclass(frozen=True, slots=True)
class Emitter:
    """An emitter that runs: its process, its doors, and how long it took to be ready."""

    process: int
    doors: dict[str, str]
    ready_seconds: float

    def status(self) -> dict[str, float]:
        """What its /healthz says."""
        connection = http.client.HTTPConnection(self.doors["health"], timeout=10)
        connection.request("GET", "/healthz")
        found: dict[str, float] = json.loads(connection.getresponse().read())
        connection.close()
        return found

    def memory_mib(self, name: str = "VmRSS") -> float:
        """What it holds now, or (VmHWM) held at the most."""
        line = next(each for each in Path(f"/proc/{self.process}/status").read_text().splitlines() if name in each)
        return int(line.split()[1]) / 1024


@contextlib.contextmanager
def running_emitter(server: str) -> Iterator[Emitter]:
    """An emitter with the facts of a pod, on a spool of its own."""
    with tempfile.TemporaryDirectory(prefix="headwater-bench-") as folder:
        began = time.perf_counter()
        environment = {
            **os.environ,
            "HEADWATER_ADDRESS": server,
            "HEADWATER_SPOOL_DIR": folder,
            "HEADWATER_DRAIN_SECONDS": "0",
            **{f"HEADWATER_{door}_ADDRESS": "127.0.0.1:0" for door in ("HTTP", "GRPC", "HEALTH")},
            "HEADWATER_CLUSTER": "bench",
            "HEADWATER_POD_NAMESPACE": "ml",
            "HEADWATER_POD_NAME": "nightly-x7k2p",
            "HEADWATER_IMAGES": json.dumps({"main": "registry/image@sha256:" + "0" * 64}),
        }
        command = [PROGRAM, "run", "--stay"]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            assert process.stdout is not None
            words = process.stdout.readline().decode().split()
            ready = time.perf_counter() - began
            try:
                yield Emitter(process.pid, dict(word.split("=", 1) for word in words[2:]), ready)
            finally:
                process.kill()


def make_events(count: int) -> list[bytes]:
    """START and COMPLETE of runs, 1.3 kB each, as OpenLineage's clients write them."""
    fields = [{"name": f"column_{number}", "type": "BIGINT"} for number in range(14)]
    schema = {"_producer": "https://example.com", "_schemaURL": "https://openlineage.io/spec/x.json", "fields": fields}
    events = []
    for _ in range((count + 1) // 2):
        run = str(uuid.uuid4())
        for kind in ("START", "COMPLETE"):
            event = {
                "eventTime": "2026-11-23T12:00:00.000Z",
                "eventType": kind,
                "producer": "https://example.com/job",
                "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
                "run": {"runId": run, "facets": {}},
                "job": {"namespace": "team", "name": "nightly"},
                "inputs": [{"namespace": "postgres://db:5432", "name": "shop.public.users"}],
                "outputs": [{"namespace": "s3://bucket", "name": "clean/users", "facets": {"schema": schema}}],
            }
            events.append(json.dumps(event).encode())
    return events[:count]


def send_batches_over_http(address: str, events: list[bytes]) -> None:
    """Sends events in arrays, each answered before the next one."""
    bodies = [b"[" + b",".join(events[at : at + BATCH]) + b"]" for at in range(0, len(events), BATCH)]
    connection = http.client.HTTPConnection(address, timeout=60)
    for body in bodies:
        connection.request("POST", "/api/v1/lineage/batch", body, {"content-type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 204, answer.status
    connection.close()


def send_batches_over_grpc(address: str, events: list[bytes]) -> None:
    """Sends events in messages, each answered before the next one."""
    requests = [
        BatchWriteEventsRequest(
            events=[Event(open_lineage=event) for event in events[at : at + BATCH]]
        ).SerializeToString()
        for at in range(0, len(events), BATCH)
    ]
    with grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        call = channel.unary_unary(BATCH_WRITE, None, BatchWriteEventsResponse.FromString)
        for request in requests:
            answer = call(request, timeout=60)
            assert all(each.outcome == EventResult.OUTCOME_ACCEPTED for each in answer.results)


def rate_of(send: Callable[[str, list[bytes]], None], address: str, events: list[bytes]) -> float:
    """Events a second, with two senders at once."""
    parts = [events[number::SENDERS] for number in range(SENDERS)]
    began = time.perf_counter()
    with ThreadPoolExecutor(SENDERS) as senders:
        list(senders.map(lambda part: send(address, part), parts))
    return len(events) / (time.perf_counter() - began)


def latencies_over_http(address: str, events: list[bytes]) -> list[float]:
    """Milliseconds from sending an event to its answer, one at a time on one connection."""
    connection = http.client.HTTPConnection(address, timeout=60)
    found = []
    for event in events:
        began = time.perf_counter()
        connection.request("POST", "/api/v1/lineage", event, {"content-type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        found.append((time.perf_counter() - began) * 1000)
        assert answer.status == 201, answer.status
    connection.close()
    return found


def latencies_over_grpc(address: str, events: list[bytes]) -> list[float]:
    """Milliseconds from sending an event to its answer, one at a time on one channel."""
    found = []
    with grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        call = channel.unary_unary(WRITE, WriteEventRequest.SerializeToString, WriteEventResponse.FromString)
        for event in events:
            began = time.perf_counter()
            call(WriteEventRequest(event=Event(open_lineage=event)), timeout=60)
            found.append((time.perf_counter() - began) * 1000)
    return found


async def wait_until_delivered(emitter: Emitter) -> float:
    """Returns when nothing waits; the seconds that took."""
    began = time.perf_counter()
    while emitter.status()["waiting"]:
        await asyncio.sleep(0.1)
    return time.perf_counter() - began


def tell(what: str, text: str) -> None:
    """Prints a line."""
    sys.stdout.write(f"{what:<58} {text}\n")
    sys.stdout.flush()


def measure_intake(events: list[bytes]) -> dict[str, float]:
    """Events a second into the spool, by door, while the server is away."""
    rates = {}
    for door, send in (("http", send_batches_over_http), ("grpc", send_batches_over_grpc)):
        with running_emitter(NOBODY) as emitter:
            send(emitter.doors[door], make_events(1000))
            used = read_processor_time(emitter.process).own
            rates[door] = rate_of(send, emitter.doors[door], events)
            used = (read_processor_time(emitter.process).own - used) / len(events)
            tell(f"into the spool over {door}, batches of {BATCH}, events/s", f"{rates[door]:,.0f}")
            tell(
                "  processor time of the emitter, us an event, and so events/s on one",
                f"{used * 1e6:.0f}  {1 / used:,.0f}",
            )
            tell(
                "  memory then, and at the most, MiB", f"{emitter.memory_mib():.1f}  {emitter.memory_mib('VmHWM'):.1f}"
            )
    return rates


async def measure_memory(server: str) -> float:
    """MiB that an emitter holds after 10,000 events were taken and delivered."""
    with running_emitter(server) as emitter:
        tell("memory when it is ready, MiB", f"{emitter.memory_mib():.1f}")
        for send, door in ((send_batches_over_http, "http"), (send_batches_over_grpc, "grpc")):
            send(emitter.doors[door], make_events(5000))
        seconds = await wait_until_delivered(emitter)
        await asyncio.sleep(2)
        found = emitter.memory_mib()
        tell(
            "memory after 10,000 events were delivered, at the most, MiB",
            f"{found:.1f}  {emitter.memory_mib('VmHWM'):.1f}",
        )
        tell("  the last of them were delivered after, s", f"{seconds:.1f}")
    return found


async def measure_latency(server: dict[str, str], singles: int) -> None:
    """What an event costs its sender, beside sending it to the server."""
    with running_emitter(server["grpc"]) as emitter:
        for door, latencies in (("http", latencies_over_http), ("grpc", latencies_over_grpc)):
            found = {}
            for name, address in (("server", server[door]), ("emitter", emitter.doors[door])):
                latencies(address, make_events(20))
                found[name] = latencies(address, make_events(singles))
                p50, p99 = statistics.median(found[name]), find_percentile(found[name], 0.99)
                tell(f"one event to the {name} over {door}, p50 and p99, ms", f"{p50:.2f}  {p99:.2f}")
            added = statistics.median(found["emitter"]) - statistics.median(found["server"])
            tell(f"  the emitter adds over {door}, ms", f"{added:+.2f}")
        await wait_until_delivered(emitter)


def measure_readiness() -> float:
    """Seconds from the start of the process until it takes events: the least of a few starts."""
    found = []
    for _ in range(STARTS):
        with running_emitter(NOBODY) as emitter:
            found.append(emitter.ready_seconds)
    tell("ready after, s", "  ".join(f"{each:.2f}" for each in found))
    return min(found)


async def measure(count: int, singles: int) -> int:
    """Measures and prints; the exit code."""
    sys.stdout.write("".join(f"- {name}: {value}\n" for name, value in describe_machine().items()))
    ready = measure_readiness()
    rates = measure_intake(make_events(count))
    async with running_server(None) as found:
        memory = await measure_memory(found.grpc_address)
        await measure_latency({"grpc": found.grpc_address, "http": found.http_address}, singles)
    is_good = ready < MOST_READY_SECONDS and max(rates.values()) > LEAST_RATE and memory < MOST_MEMORY_MIB
    tell("within the limits", "yes" if is_good else "NO")
    return 0 if is_good else 1


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000, help="events into the spool: %(default)s")
    parser.add_argument("--singles", type=int, default=300, help="events one at a time: %(default)s")
    options = parser.parse_args()
    return asyncio.run(measure(options.events, options.singles))


if __name__ == "__main__":
    sys.exit(main())
