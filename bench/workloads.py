"""Every workload by its name, with how much of it there is and what it is compared with."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, TypeAlias

from bench import (
    baseline_copy,
    baseline_naive,
    baseline_walk,
    calls,
    ingest_grpc,
    ingest_http,
    lineage_fields,
    lineage_grpc,
    paced,
    partition_drop,
    real_traces,
    search,
    while_ingesting,
)
from bench.graphs import DEPTHS
from bench.measure import Measure, Task

Run: TypeAlias = Callable[[Task], Coroutine[Any, Any, Measure]]


class Kind(Enum):
    """What a workload is measured by."""

    LOAD = "load"
    """Comes once before others; how long it takes is told, and compared with nothing."""
    INGEST = "ingest"
    """Acknowledged events a second."""
    LINEAGE = "lineage"
    """Milliseconds an answer, by its nodes."""
    QUESTION = "question"
    """Milliseconds an answer, compared with one other workload."""


@dataclass(frozen=True, slots=True)
class Workload:
    """What is run, and how its result is checked."""

    meaning: str
    kind: Kind
    run: Run
    load: str = ""
    """The workload that must come before."""
    table: str = ""
    """Where its events are counted: of the server's database, or of the scratch database where it is a baseline."""
    is_baseline: bool = False
    """Whether it goes to the scratch database and not to the server."""
    beside: tuple[str, ...] = ()
    """What it is compared with."""
    processes: int = 0
    """Of the server that it goes to, on the same store; 0 is whatever the run's server has."""


INGEST_BASELINES = ("naive-1", "naive-8", "copy", "calls")
LINEAGE_BASELINES = ("cte-ids", "cte-names", "cte-links")
"""Each is one for every size of an answer: `cte-ids-10` and so on."""
SERVER_TABLE = "events"
"""The table of the server's database that holds a row for every event that was accepted."""


def _load(meaning: str, run: Run, table: str, *, is_baseline: bool) -> Workload:
    return Workload(meaning, Kind.LOAD, run, table=table, is_baseline=is_baseline)


def _ingest(meaning: str, run: Run) -> Workload:
    return Workload(meaning, Kind.INGEST, run, load="load-estate", table=SERVER_TABLE, beside=INGEST_BASELINES)


def _processes(count: int) -> Workload:
    """Connections enough that each process has some, and the same load whatever the number of processes."""
    return Workload(
        f"BatchWriteEvents of 1,000, 8 connections, server of {count}",
        Kind.INGEST,
        partial(ingest_grpc.measure_batches, batch=1_000, in_flight=8, per_second=50_000, connections=8),
        load="load-estate",
        table=SERVER_TABLE,
        beside=INGEST_BASELINES,
        processes=count,
    )


def _baseline(meaning: str, run: Run, load: str, table: str) -> Workload:
    return Workload(meaning, Kind.INGEST, run, load=load, table=table, is_baseline=True, beside=INGEST_BASELINES)


WORKLOADS: dict[str, Workload] = {
    "load-naive": _load("a run of every job", baseline_naive.load_naive, "naive.events", is_baseline=True),
    "load-walk": _load("the graph, by COPY", baseline_walk.load_walk, "", is_baseline=True),
    "load-estate": _load("two runs of every job", ingest_grpc.load_estate, SERVER_TABLE, is_baseline=False),
    "load-graph": _load("the graph, as JobEvents", ingest_grpc.load_graph, SERVER_TABLE, is_baseline=False),
    "load-fields": _load("the graph of fields, as JobEvents", ingest_grpc.load_fields, SERVER_TABLE, is_baseline=False),
    "load-fields-walk": _load("the graph of fields, by COPY", lineage_fields.load_fields_walk, "", is_baseline=True),
    "naive-1": _baseline(
        "a transaction an event, a statement a row, 1 connection",
        partial(baseline_naive.measure_naive, connections=1, per_second=2_000),
        load="load-naive",
        table="naive.events",
    ),
    "naive-8": _baseline(
        "the same, 8 connections",
        partial(baseline_naive.measure_naive, connections=8, per_second=5_000),
        load="load-naive",
        table="naive.events",
    ),
    "copy": _baseline(
        "COPY of compressed events alone, 1,000 a transaction",
        partial(baseline_copy.measure_copy, batch=1_000, per_second=60_000),
        load="",
        table="archive.events",
    ),
    "calls": Workload(
        "gRPC's health check, which does nothing, 64 in flight: calls a second",
        Kind.INGEST,
        partial(calls.measure_calls, in_flight=64),
        beside=INGEST_BASELINES,
    ),
    "unary": _ingest("WriteEvent, 64 in flight", partial(ingest_grpc.measure_unary, in_flight=64, per_second=10_000)),
    "batch-100": _ingest(
        "BatchWriteEvents of 100, 16 in flight",
        partial(ingest_grpc.measure_batches, batch=100, in_flight=16, per_second=40_000),
    ),
    "batch-1000": _ingest(
        "BatchWriteEvents of 1,000, 8 in flight",
        partial(ingest_grpc.measure_batches, batch=1_000, in_flight=8, per_second=50_000),
    ),
    "processes-1": _processes(1),
    "processes-2": _processes(2),
    "stream-1": _ingest(
        "StreamEvents, 1 a message, 1,000 unacknowledged",
        partial(ingest_grpc.measure_stream, per_message=1, window=1_000, per_second=25_000),
    ),
    "stream-100": _ingest(
        "StreamEvents, 100 a message, 1,600 unacknowledged",
        partial(ingest_grpc.measure_stream, per_message=100, window=1_600, per_second=40_000),
    ),
    "http-1": _ingest(
        "POST /api/v1/lineage, 64 connections",
        partial(ingest_http.measure_http, batch=1, in_flight=64, per_second=10_000),
    ),
    "http-100": _ingest(
        "POST /api/v1/lineage/batch of 100, 16 connections",
        partial(ingest_http.measure_http, batch=100, in_flight=16, per_second=40_000),
    ),
    "batch-100-paced": _ingest(
        "the same as batch-100, at 70 % of its greatest rate",
        partial(paced.measure_paced, batch=100, in_flight=16, share=0.7, per_second=40_000),
    ),
    "real-traces": Workload(
        "what Airflow and Spark sent, as new runs",
        Kind.INGEST,
        real_traces.measure_real,
        table=SERVER_TABLE,
    ),
    "call": Workload("gRPC's health check, one at a time", Kind.QUESTION, calls.measure_call),
    "as-of": Workload(
        "GetLineage, 1,000 nodes, as of 20 seconds ago",
        Kind.QUESTION,
        partial(lineage_grpc.measure_as_of, node_count=1_000),
        load="load-graph",
        beside=("get-1000",),
    ),
    "fields": Workload(
        "GetLineage, 1,000 fields",
        Kind.QUESTION,
        lineage_fields.measure_fields,
        load="load-fields",
        beside=("cte-fields",),
    ),
    "cte-fields": Workload(
        "recursive query, 1,000 fields with names and links",
        Kind.QUESTION,
        lineage_fields.measure_fields_walk,
        load="load-fields-walk",
        is_baseline=True,
    ),
    "search": Workload(
        "SearchAssets, 50 datasets by a part of the name",
        Kind.QUESTION,
        search.measure_search,
        load="load-estate",
        beside=("like",),
    ),
    "like": Workload(
        "ILIKE over the same names", Kind.QUESTION, search.measure_like, load="load-estate", is_baseline=True
    ),
    "while-ingesting": Workload(
        "GetLineage, 1,000 nodes, while batches of 1,000 are sent",
        Kind.QUESTION,
        partial(while_ingesting.measure_get_while_ingesting, node_count=1_000),
        load="load-graph",
        table=SERVER_TABLE,
        beside=("get-1000",),
    ),
    "partition-drop": Workload(
        "GetRun with facets, while a partition of 4 million events, or of all, is dropped",
        Kind.QUESTION,
        partial(partition_drop.measure_drop, rows=4_000_000),
        load="load-estate",
    ),
}

for _nodes in DEPTHS:
    for _answer in baseline_walk.ANSWERS:
        WORKLOADS[f"cte-{_answer}-{_nodes}"] = Workload(
            f"recursive query, {_answer}, {_nodes:,} nodes",
            Kind.LINEAGE,
            partial(baseline_walk.measure_walk, node_count=_nodes, answer=_answer),
            load="load-walk",
            is_baseline=True,
            beside=tuple(f"{base}-{_nodes}" for base in LINEAGE_BASELINES),
        )
    for _rpc, _run in (("get", lineage_grpc.measure_get), ("traverse", lineage_grpc.measure_traverse)):
        WORKLOADS[f"{_rpc}-{_nodes}"] = Workload(
            f"{_rpc.capitalize()}Lineage, {_nodes:,} nodes",
            Kind.LINEAGE,
            partial(_run, node_count=_nodes),
            load="load-graph",
            beside=tuple(f"{base}-{_nodes}" for base in LINEAGE_BASELINES),
        )


def choose_workloads(patterns: list[str]) -> list[str]:
    """The names that match one of the patterns (`batch-*`), or all; with the loads that they need before them."""
    chosen = [name for name in WORKLOADS if not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)]
    needed = {WORKLOADS[name].load for name in chosen}
    return [name for name in WORKLOADS if name in chosen or name in needed]
