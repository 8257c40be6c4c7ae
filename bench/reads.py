"""Measures reads of a large graph: `python bench/reads.py --store FOLDER [--only NAME]...`.

Fills a store by COPY with a million datasets, three million links between them and ten million between fields, and runs
the workloads that read on it. The store stays in its folder, and is not filled again.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import os
import re
import sys
from functools import partial
from itertools import chain
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])  # as `python -m bench.reads` has it

from bench.database import count_store
from bench.graph_store import fill_store, make_components, make_estate_jobs, make_fields
from bench.run import RESULTS, Run, write_results
from bench.server import RunningServer, ServerError
from bench.sizes import SIZES
from bench.workloads import WORKLOADS, choose_workloads

SIZE = "reads"
DOMAINS = 9_000
"""Of an estate whose datasets are found by names like those of companies."""
READS = ("get-*", "traverse-*", "cte-links-*", "as-of", "fields", "cte-fields", "search*", "like", "while-ingesting")
FILLED = "filled.json"
MEMORY_SECONDS = 300
_TOLD = re.compile(r"[1-9]\d{5,} links of \d+ assets are in memory|does not fit")
MEMORY_MIB = "512"
"""What the server may take for this graph, which is larger than the one that it is set to hold."""


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="bench/reads.py", description=__doc__)
    parser.add_argument("--store", type=Path, required=True, help="where the server's PostgreSQL is, and stays")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="only these workloads: `get-*`")
    parser.add_argument("--output", type=Path, default=RESULTS, help="the folder of the results: bench/results")
    options = parser.parse_args()
    names = choose_workloads(options.only or list(READS))
    if not names:
        parser.error(f"no such workload; there are: {', '.join(WORKLOADS)}")
    store = options.store.resolve()
    store.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("HEADWATER_GRAPH_MEMORY_MIB", MEMORY_MIB)
    run = Run(SIZE, names, store, fill=partial(fill, store))
    report, text, content = asyncio.run(run.measure())
    write_results(options.output, "reads-failed" if report.failures else "reads", text, content)
    sys.stdout.write(text)
    return 1 if report.failures else 0


async def fill(store: Path, server: RunningServer) -> dict[str, float]:
    """Writes the graph, unless that was done before; returns what the store holds."""
    if not (store / FILLED).exists():
        size = SIZES[SIZE]
        made = chain(
            make_components(size.make_graph()),
            make_fields(range(size.field_components)),
            make_estate_jobs(range(DOMAINS)),
        )
        counts = await fill_store(server.dsn, made, start=dt.datetime.now(dt.UTC) - dt.timedelta(hours=1))
        (store / "loads").write_text("load-graph\nload-fields\n")
        (store / FILLED).write_text(json.dumps(counts))
    await _wait_for_memory(store / "server.log")
    found: dict[str, float] = dict(await count_store(server.dsn))
    return found


async def _wait_for_memory(log: Path) -> None:
    """Returns once the server says that the graph is in memory, or does not fit."""
    deadline = asyncio.get_running_loop().time() + MEMORY_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        if _is_told(log):
            return
        await asyncio.sleep(0.2)
    raise ServerError(f"The server did not read the graph in {MEMORY_SECONDS} s.")


def _is_told(log: Path) -> bool:
    return bool(_TOLD.search(log.read_text(errors="replace")))


if __name__ == "__main__":
    sys.exit(main())
