"""The same workloads on stores of different sizes: a table of their times, and a curve for each."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from bench.report import Row
from bench.workloads import WORKLOADS, Kind

LIMIT = 1.2
"""How much longer anything may take than on the smallest store."""
Curve = list[tuple[float, float]]


def read_times(result: Mapping[str, Any]) -> dict[str, float]:
    """Of a result as it was written: by workload, microseconds an event or the median's milliseconds an answer."""
    times: dict[str, list[float]] = {}
    for outcome in result["outcomes"]:
        workload, measure = WORKLOADS.get(outcome["workload"]), outcome["measure"]
        if workload and measure and workload.kind is not Kind.LOAD and not workload.is_baseline:
            is_rate = workload.kind is Kind.INGEST
            time = measure["seconds"] / measure["count"] * 1e6 if is_rate else measure["p50"]
            times.setdefault(outcome["workload"], []).append(time)
    return {name: statistics.median(found) for name, found in times.items()}


def find_curves(results: Sequence[Mapping[str, Any]]) -> dict[str, Curve]:
    """By workload: events in the store when it was measured, and the time as a multiple of that on the smallest."""
    measured = [(float(result["store"]["events"]), read_times(result)) for result in results]
    return {
        name: [(events, times[name] / first) for events, times in measured if name in times]
        for name, first in measured[0][1].items()
    }


def make_growth_rows(results: Sequence[Mapping[str, Any]]) -> list[Row]:
    """A row a workload: its time on each store, and whether the last one is within the limit."""
    curves = find_curves(results)
    columns = [(f"{result['store']['events']:,} events", read_times(result)) for result in results]
    rows: list[Row] = []
    for name, curve in curves.items():
        row: Row = {"workload": name, "unit": "us/event" if WORKLOADS[name].kind is Kind.INGEST else "ms, p50"}
        row |= {title: times.get(name) for title, times in columns}
        row["last / first"] = curve[-1][1]
        row[f"<= {LIMIT}"] = "yes" if curve[-1][1] <= LIMIT else "NO"
        rows.append(row)
    return rows
