"""Runs the benchmark: `python bench/run.py [--size small|medium] [--only NAME]... [--dsn DSN] [--processes COUNT]`.

Starts the server and its PostgreSQL, fsync on; runs the workloads and the baselines one after another, each in a
process of its own; prints tables and writes them to a folder (`--output`). Ends with 1 where a workload failed or the
store does not hold as many events as were acknowledged.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import datetime as dt
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # as `python -m bench.run` has it

from bench.database import count_store, describe, reset_baselines, scratch_database
from bench.machine import describe_machine
from bench.process_use import read_memory
from bench.report import Report, render_tables
from bench.server import RunningServer, running_server
from bench.session import Outcome, Session
from bench.sizes import SIZES
from bench.targets import make_target_rows
from bench.workloads import WORKLOADS, choose_workloads

RESULTS = Path(__file__).with_name("results")
Fill = Callable[[RunningServer], Awaitable[dict[str, float]]]


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="bench/run.py", description=__doc__)
    parser.add_argument("--size", choices=list(SIZES), default="small", help="how much work: %(default)s")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="only this workload, or those that match `batch-*`"
    )
    parser.add_argument(
        "--dsn",
        help="a PostgreSQL in which databases may be made; without it, the server's own. With it, and baselines only, "
        "no server is started",
    )
    parser.add_argument("--processes", type=int, default=1, help="of the server: %(default)s")
    parser.add_argument("--output", type=Path, default=RESULTS, help="the folder of the results: bench/results")
    options = parser.parse_args()
    names = choose_workloads(options.only)
    if not names:
        parser.error(f"no such workload; there are: {', '.join(WORKLOADS)}")
    started = dt.datetime.now(dt.UTC)
    with tempfile.TemporaryDirectory(prefix="headwater-bench-", ignore_cleanup_errors=True) as folder:
        run = Run(options.size, names, Path(folder), options.dsn, processes=options.processes)
        report, text, content = asyncio.run(run.measure())
    write_results(options.output, f"{started:%Y%m%dT%H%M%SZ}-{options.size}", text, content)
    sys.stdout.write(text)
    return 1 if report.failures else 0


@dataclasses.dataclass(frozen=True, slots=True)
class Run:
    """What is run, and on which store."""

    size: str
    names: list[str]
    folder: Path
    """Where the server has its PostgreSQL, and what it holds already."""
    dsn: str | None = None
    """A PostgreSQL in which a database is made, instead of the server's own."""
    processes: int = 1
    """Of the server."""
    fill: Fill | None = None
    """What is done before the workloads, on a store that stays; what it returns is told of the store."""

    async def measure(self) -> tuple[Report, str, dict[str, object]]:
        """The report, also as Markdown and as what is written as JSON."""
        started = dt.datetime.now(dt.UTC)
        setting = describe_machine()
        async with contextlib.AsyncExitStack() as stack:
            dsn = self.dsn
            if dsn and all(WORKLOADS[name].is_baseline for name in self.names):
                found, outcomes, store = await self._run_workloads(RunningServer("", "", dsn, None))
            else:
                if dsn:
                    dsn = await stack.enter_async_context(scratch_database(dsn, f"headwater_bench_{os.getpid()}"))
                async with running_server(dsn, self.folder, self.processes) as server:
                    found, outcomes, store = await self._run_workloads(server)
                async with running_server(dsn, self.folder, self.processes) as server:
                    store["start_seconds"] = server.start_seconds
        report = Report(outcomes, store)
        text, content = _describe(report, outcomes, f"size {self.size}, {started:%Y-%m-%d %H:%M} UTC", setting | found)
        return report, text, content

    async def _run_workloads(self, server: RunningServer) -> tuple[dict[str, str], list[Outcome], dict[str, float]]:
        setting = await describe(server.dsn)
        store = await self.fill(server) if self.fill else {}
        async with scratch_database(server.dsn, f"bench_baselines_{os.getpid()}") as scratch:
            await reset_baselines(scratch)
            since = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=10)
            done = self.folder / "loads" if self.fill else None
            async with self._further_servers(server) as servers:
                session = Session(self.size, server, scratch, since, int(store.get("events", 0)), servers, done)
                outcomes = await session.run(self.names, _tell)
        naive = next((each.measure for each in outcomes if each.workload == "load-naive" and each.measure), None)
        if naive:
            store["naive_baseline_events"] = naive.notes["events"]
        if server.process:
            counts = await count_store(server.dsn)
            memory = read_memory(server.process)
            store |= {f"{name}_at_end": count for name, count in counts.items()}
            store["bytes_per_event"] = counts["bytes"] / max(1, counts["events"])
            store |= {"server_megabytes": memory.now, "server_peak_megabytes": memory.peak}
        return setting, outcomes, store

    @contextlib.asynccontextmanager
    async def _further_servers(self, server: RunningServer) -> AsyncIterator[dict[int, RunningServer]]:
        """Servers on the same store with as many processes as workloads ask for, each only where there is none."""
        async with contextlib.AsyncExitStack() as stack:
            servers = {self.processes: server}
            for count in sorted({WORKLOADS[name].processes for name in self.names} - {0, self.processes}):
                servers[count] = await stack.enter_async_context(running_server(server.dsn, None, count))
            yield servers


def _describe(
    report: Report, outcomes: list[Outcome], title: str, setting: dict[str, str]
) -> tuple[str, dict[str, object]]:
    tables = {"Targets": rows} if (rows := make_target_rows(report)) else {}
    tables |= report.make_tables()
    text = f"# Benchmark, {title}\n\n" + "".join(f"- {name}: {value}\n" for name, value in setting.items())
    text += "\n" + render_tables(tables) + "\n"
    if unsteady := report.find_unsteady():
        text += f"\nUNSTEADY, measure again on a quiet machine: {', '.join(unsteady)}\n"
    text += "".join(f"\nFAILED: {each.workload}, round {each.round}: {each.failure}\n" for each in report.failures)
    content: dict[str, object] = {
        "setting": setting,
        "store": report.store,
        "tables": tables,
        "outcomes": [dataclasses.asdict(outcome) for outcome in outcomes],
    }
    return text, content


def write_results(folder: Path, name: str, text: str, content: dict[str, object]) -> None:
    """Writes a report as JSON and Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(content, indent=1))
    (folder / f"{name}.md").write_text(text)


def _tell(outcome: Outcome) -> None:
    """Shows on standard error how far the run is."""
    measure = outcome.measure
    result = f"{measure.rate:,.0f}/s, p50 {measure.p50:.3g} ms, p99 {measure.p99:.3g} ms" if measure else ""
    sys.stderr.write(f"{outcome.workload} ({outcome.round + 1}): {result}{outcome.failure and ' FAILED'}\n")


if __name__ == "__main__":
    sys.exit(main())
