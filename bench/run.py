"""Runs the benchmark: `python bench/run.py [--size small|medium] [--only NAME]... [--dsn DSN]`.

Starts the server and its PostgreSQL, fsync on; runs the workloads and the baselines one after another, each in a
process of its own; prints tables and writes them to `bench/results/`. Ends with 1 where a workload failed or the store
does not hold as many events as were acknowledged.
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
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # as `python -m bench.run` has it

from bench.database import describe, reset_baselines, scratch_database
from bench.machine import describe_machine
from bench.report import Report, render_tables
from bench.server import RunningServer, running_server
from bench.session import Outcome, Session
from bench.sizes import SIZES
from bench.workloads import WORKLOADS, choose_workloads

RESULTS = Path(__file__).with_name("results")


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
    options = parser.parse_args()
    names = choose_workloads(options.only)
    if not names:
        parser.error(f"no such workload; there are: {', '.join(WORKLOADS)}")
    return asyncio.run(run(options.size, names, options.dsn))


async def run(size: str, names: list[str], dsn: str | None) -> int:
    """Runs the workloads and reports; returns the exit code."""
    started = dt.datetime.now(dt.UTC)
    setting = describe_machine()
    async with contextlib.AsyncExitStack() as stack:
        if dsn and all(WORKLOADS[name].is_baseline for name in names):
            server = RunningServer("", "", dsn, None)
        else:
            if dsn:
                dsn = await stack.enter_async_context(scratch_database(dsn, f"headwater_bench_{os.getpid()}"))
            server = await stack.enter_async_context(running_server(dsn))
        setting |= await describe(server.dsn)
        scratch = await stack.enter_async_context(scratch_database(server.dsn, f"bench_baselines_{os.getpid()}"))
        await reset_baselines(scratch)
        outcomes = await Session(size, server, scratch).run(names, _tell)
    report = Report(outcomes)
    text = f"# Benchmark, size {size}, {started:%Y-%m-%d %H:%M} UTC\n\n"
    text += "".join(f"- {name}: {value}\n" for name, value in setting.items())
    text += "\n" + render_tables(report.make_tables()) + "\n"
    if unsteady := report.find_unsteady():
        text += f"\nUNSTEADY, measure again on a quiet machine: {', '.join(unsteady)}\n"
    text += "".join(f"\nFAILED: {each.workload}, round {each.round}: {each.failure}\n" for each in report.failures)
    _write_results(f"{started:%Y%m%dT%H%M%SZ}-{size}", text, setting, report, outcomes)
    sys.stdout.write(text)
    return 1 if report.failures else 0


def _write_results(name: str, text: str, setting: dict[str, str], report: Report, outcomes: list[Outcome]) -> None:
    RESULTS.mkdir(exist_ok=True)
    content = {
        "setting": setting,
        "tables": report.make_tables(),
        "outcomes": [dataclasses.asdict(outcome) for outcome in outcomes],
    }
    (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=1))
    (RESULTS / f"{name}.md").write_text(text)


def _tell(outcome: Outcome) -> None:
    """Shows on standard error how far the run is."""
    measure = outcome.measure
    result = f"{measure.rate:,.0f}/s, p50 {measure.p50:.3g} ms, p99 {measure.p99:.3g} ms" if measure else ""
    sys.stderr.write(f"{outcome.workload} ({outcome.round + 1}): {result}{outcome.failure and ' FAILED'}\n")


if __name__ == "__main__":
    sys.exit(main())
