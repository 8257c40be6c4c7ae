"""One run of the benchmark: workloads one after another, each followed by a count of what the store holds."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.database import StoreState, read_state, settle
from bench.measure import Measure, Task
from bench.process_use import ProcessorTime, read_processor_time
from bench.server import RunningServer
from bench.sizes import SIZES
from bench.workloads import WORKLOADS, Kind

ROOT = Path(__file__).parents[1]
WORKER_SECONDS = 600
"""The longest time that a worker process is given."""
LOAD_SECONDS = 7_200
"""The same where it loads."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one workload in one round."""

    workload: str
    round: int
    measure: Measure | None
    failure: str = ""
    """Why the result counts for nothing; empty where it is good."""
    log_bytes_per_event: float | None = None
    """Write-ahead log by the total of events."""
    disk_bytes_per_event: float | None = None
    """Growth of tables and indexes by the total of events."""
    server_microseconds: float | None = None
    """Processor time of the server's process by the total of events or answers."""
    postgres_microseconds: float | None = None
    """The same of its own PostgreSQL."""


@dataclass(frozen=True, slots=True)
class Session:
    """Where the workloads of a run go."""

    size: str
    server: RunningServer
    """Whose PostgreSQL it is."""
    scratch_dsn: str
    since: dt.datetime
    """Before the first event that is measured happened, and after those that were there: what is counted is new."""
    store_events: int = 0
    """How many events the store was filled with before."""
    servers: Mapping[int, RunningServer] = field(default_factory=dict)
    """Those on the same store by how many processes they have, for workloads that ask for so many."""
    loads_done: Path | None = None
    """The file that names the loads that a store which stays has had already; they are not done again."""

    async def run(self, names: Iterable[str], report: Callable[[Outcome], None]) -> list[Outcome]:
        """Runs the loads once and the other workloads in rounds, every second round in the opposite order."""
        chosen = list(names)
        done = self.loads_done.read_text().split() if self.loads_done and self.loads_done.exists() else []
        plan = [(0, name) for name in chosen if WORKLOADS[name].kind is Kind.LOAD and name not in done]
        measured = [name for name in chosen if WORKLOADS[name].kind is not Kind.LOAD]
        for number in range(SIZES[self.size].rounds):
            plan += [(number, name) for name in (reversed(measured) if number % 2 else measured)]
        outcomes = []
        for number, name in plan:
            outcome = await self._run_one(name, number)
            report(outcome)
            outcomes.append(outcome)
            workload = WORKLOADS[name]
            if self.loads_done and workload.kind is Kind.LOAD and not (workload.is_baseline or outcome.failure):
                with self.loads_done.open("a") as file:
                    file.write(f"{name}\n")
        return outcomes

    async def _run_one(self, name: str, number: int) -> Outcome:
        workload = WORKLOADS[name]
        dsn = self.scratch_dsn if workload.is_baseline else self.server.dsn
        await settle(dsn)
        before = await read_state(dsn, workload.table, self.since) if workload.table else None
        busy = self._read_processor_time(name)
        try:
            measure = await self._run_worker(name, number)
        except (WorkerError, TimeoutError) as error:
            return Outcome(name, number, None, failure=str(error) or "It took too long.")
        outcome = add_processor_time(Outcome(name, number, measure), busy, self._read_processor_time(name))
        return check_store(
            outcome, before, await read_state(dsn, workload.table, self.since) if workload.table else None
        )

    def _server_of(self, name: str) -> RunningServer:
        return self.servers.get(WORKLOADS[name].processes, self.server)

    def _read_processor_time(self, name: str) -> ProcessorTime | None:
        asked = self._server_of(name).process
        if not (asked and self.server.process):
            return None
        return ProcessorTime(read_processor_time(asked).own, read_processor_time(self.server.process).below)

    async def _run_worker(self, name: str, number: int) -> Measure:
        server = self._server_of(name)
        addresses = (server.grpc_address, server.http_address, self.scratch_dsn, server.dsn)
        task = Task(name, self.size, number, *addresses, store_events=self.store_events)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.worker"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=ROOT,
        )
        try:
            async with asyncio.timeout(LOAD_SECONDS if WORKLOADS[name].kind is Kind.LOAD else WORKER_SECONDS):
                output, error = await process.communicate(json.dumps(dataclasses.asdict(task)).encode())
        finally:
            if process.returncode is None:
                process.kill()
        if process.returncode != 0:
            raise WorkerError(_find_message(error.decode(errors="replace")))
        return Measure(**json.loads(output))


class WorkerError(Exception):
    """A worker process failed; the message is what it ended with."""


def add_processor_time(outcome: Outcome, before: ProcessorTime | None, after: ProcessorTime | None) -> Outcome:
    """The outcome with what the server's process and its PostgreSQL were running for it."""
    if not (outcome.measure and before and after):
        return outcome
    return dataclasses.replace(
        outcome,
        server_microseconds=(after.own - before.own) * 1e6 / outcome.measure.total,
        postgres_microseconds=(after.below - before.below) * 1e6 / outcome.measure.total if after.below else None,
    )


def check_store(outcome: Outcome, before: StoreState | None, after: StoreState | None) -> Outcome:
    """The outcome with what the store took for it; failed where the store holds another number of new events."""
    if not (outcome.measure and before and after):
        return outcome
    total, held = outcome.measure.total, after.events - before.events
    return dataclasses.replace(
        outcome,
        failure="" if total == held else f"{total} events were acknowledged, and the store holds {held} more.",
        log_bytes_per_event=(after.wal_position - before.wal_position) / max(1, total),
        disk_bytes_per_event=(after.bytes - before.bytes) / max(1, total),
    )


def _find_message(text: str) -> str:
    """What follows the frames of a traceback, which are indented."""
    lines = text.rstrip().splitlines()
    frames = [number for number, line in enumerate(lines) if line.startswith("  ")]
    return "\n".join(lines[frames[-1] + 1 if frames else 0 :])
