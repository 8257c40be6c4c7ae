"""Measures how the server keeps its pace as the store grows: `python bench/large.py --store FOLDER [--events N,N,N]`.

Fills a store to 0.5, 5 and 50 million events and runs the workloads at each, then draws how their times change. The
store stays in its folder. Started again after it was stopped, it goes on where it was: how far the load has come
stands beside the store, and a size that has results is not measured again.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import shutil
import sys
from functools import partial
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # as `python -m bench.large` has it

from bench.copies import Copies, copy_history
from bench.database import count_store, make_weeks
from bench.graph_store import fill_store, make_estate_jobs
from bench.growth import LIMIT, find_curves, make_growth_rows
from bench.history import CHUNK_EVENTS, SPACING, WEEKS, count_domains
from bench.load import Progress
from bench.plot import draw_curves
from bench.report import render_tables
from bench.run import RESULTS, Run, write_results
from bench.server import RunningServer, ServerError
from bench.sizes import SIZES
from bench.workloads import WORKLOADS, choose_workloads

ROOT = Path(__file__).parents[1]
EVENTS = "500000,5000000,50000000"
BYTES_PER_EVENT = 1_100
"""What is asked of the disk for each event: its rows, indexes, log, and what the workloads add."""
BYTES_PER_COPY = 650


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="bench/large.py", description=__doc__)
    parser.add_argument("--store", type=Path, required=True, help="where the server's PostgreSQL is, and stays")
    parser.add_argument("--events", default=EVENTS, help="the sizes, in whole chunks of 100,000: %(default)s")
    parser.add_argument(
        "--sent", type=int, help="how many events are sent; the others are copies of them, made in PostgreSQL: all"
    )
    parser.add_argument("--size", choices=list(SIZES), default="large", help="of the workloads: %(default)s")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="only these workloads: `batch-*`")
    parser.add_argument("--output", type=Path, default=RESULTS, help="the folder of the results: bench/results")
    options = parser.parse_args()
    sizes = sorted(int(size) for size in options.events.split(","))
    names = choose_workloads(options.only)
    if not names:
        parser.error(f"no such workload; there are: {', '.join(WORKLOADS)}")
    options.store = options.store.resolve()
    options.store.mkdir(parents=True, exist_ok=True)
    try:
        for events in sizes:
            _measure_at(events, names, options)
    except (LoadError, ServerError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    results = [json.loads(_result(options, events).read_text()) for events in sizes]
    text = render_tables({"Times on stores of different sizes": make_growth_rows(results)}) + "\n"
    (options.output / "large.md").write_text(text)
    (options.output / "large.svg").write_text(draw_curves(find_curves(results), limit=LIMIT))
    sys.stdout.write(text)
    return 0


class LoadError(Exception):
    """The store was not filled."""


def _measure_at(events: int, names: list[str], options: argparse.Namespace) -> None:
    """Measures a store of that size, unless that was done before. Raises LoadError, also where a workload failed."""
    if _result(options, events).exists():
        return
    run = Run(options.size, names, options.store, fill=partial(fill, options.store, events, options.sent or events))
    report, text, content = asyncio.run(run.measure())
    sys.stderr.write(text)
    write_results(options.output, f"large-{events}-failed" if report.failures else f"large-{events}", text, content)
    if report.failures:
        raise LoadError("Workloads failed, see above; started again, it measures at this size again.")


def _result(options: argparse.Namespace, events: int) -> Path:
    found: Path = options.output / f"large-{events}.json"
    return found


async def fill(store: Path, events: int, sent: int, server: RunningServer) -> dict[str, float]:
    """Loads what the history still lacks up to so many events; returns what the store holds, and what the load took.

    Of these, the first `sent` go through the server; the rest are copies, and what it would be about has only names
    and links. Raises LoadError where there is not enough room, or where the load or the count of what it made fails.
    """
    state = store / "load.json"
    progress = Progress.read(state)
    sent = min(sent, events)
    copies = Copies(store / "copies.json")
    missing, made = max(0, sent - progress.chunks * CHUNK_EVENTS), len(copies.missing(events // sent - 1)) * sent
    needed, free = missing * BYTES_PER_EVENT + made * BYTES_PER_COPY, shutil.disk_usage(store).free
    if free < needed:
        raise LoadError(
            f"{store} has {free / 1e9:,.0f} GB free; {missing + made:,} more events need {needed / 1e9:,.0f}."
        )
    progress.keep()
    await make_weeks(server.dsn, progress.start, WEEKS)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.load", server.grpc_address, "--events", str(sent), "--state", str(state)),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode != 0:
        raise LoadError("The load stopped, see above; started again, it goes on.")
    if events > sent:
        await _grow(store, events, sent, server.dsn, progress.start)
    counts = await count_store(server.dsn)
    if counts["events"] < events:
        raise LoadError(f"The store holds {counts['events']:,} events, and {events:,} were acknowledged.")
    loaded = json.loads(output)
    found: dict[str, float] = dict(counts)
    if loaded["events"]:
        found["loaded_per_second"] = loaded["events"] / loaded["seconds"]
        found["load_microseconds"] = loaded["load_microseconds"]
    return found


async def _grow(store: Path, events: int, sent: int, dsn: str, start: dt.datetime) -> None:
    """Adds what the server was not sent: names and links of the domains of a history so long, and copies of events."""
    state = store / "domains.json"
    done = json.loads(state.read_text())["domains"] if state.exists() else count_domains(sent)
    if (domains := count_domains(events)) > done:
        await fill_store(dsn, make_estate_jobs(range(done, domains)), start=start)
        state.write_text(json.dumps({"domains": domains}))
    await copy_history(dsn, Copies(store / "copies.json"), start, sent * SPACING, events)


if __name__ == "__main__":
    sys.exit(main())
