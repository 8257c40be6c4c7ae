"""What the server is meant to reach on two processors with the load beside it, and what a run measured of that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bench.report import Report, Row

Read = Callable[[Report], float | None]


@dataclass(frozen=True, slots=True)
class Target:
    """A number to reach: at least so much, or less than that."""

    work: str
    unit: str
    limit: float
    read: Read
    at_least: bool = False
    beside: Read | None = None
    """The same as a multiple of `baseline`."""
    baseline: str = ""


def rate_of(name: str, limit: float, baseline: str = "naive-8") -> Target:
    """Events a second of a workload."""
    return Target(
        name,
        "events/s",
        limit,
        lambda report: report.find_median(name, lambda _, measure: measure.rate),
        at_least=True,
        beside=lambda report: report.find_ratio(name, baseline, lambda measure: measure.rate),
        baseline=baseline,
    )


def time_of(name: str, limit: float, baseline: str = "", *, what: str = "p99") -> Target:
    """Milliseconds an answer or an acknowledgement: `p99`, `first_p99` or a note of the workload."""

    return Target(
        f"{name}, {what.replace('_', ' ')}",
        "ms",
        limit,
        lambda report: report.find_median(name, lambda _, measure: measure.read(what)),
        beside=(lambda report: report.find_ratio(name, baseline, lambda measure: measure.p50)) if baseline else None,
        baseline=f"{baseline}, p50" if baseline else "",
    )


def store_of(work: str, unit: str, limit: float, key: str) -> Target:
    """A fact of the store as a whole."""
    return Target(work, unit, limit, lambda report: report.store.get(key))


TARGETS = (
    rate_of("batch-1000", 30_000),
    Target(
        "batch-1000 beside naive-1",
        "x",
        30,
        lambda report: report.find_ratio("batch-1000", "naive-1", lambda measure: measure.rate),
        at_least=True,
    ),
    rate_of("processes-2", 30_000),
    rate_of("stream-100", 30_000),
    rate_of("batch-100", 25_000),
    time_of("batch-100-paced", 150),
    rate_of("unary", 4_000),
    rate_of("http-1", 3_000),
    rate_of("http-100", 20_000),
    Target(
        "batch-1000, disk",
        "B/event",
        500,
        lambda report: report.find_median("batch-1000", lambda outcome, _: outcome.disk_bytes_per_event),
    ),
    store_of("the whole store, disk", "B/event", 500, "bytes_per_event"),
    time_of("get-1000", 5, "cte-links-1000"),
    time_of("while-ingesting", 10, "get-1000"),
    time_of("traverse-20000", 10, what="first_p99"),
    time_of("traverse-20000", 60, "cte-links-20000"),
    time_of("fields", 15, "cte-fields"),
    Target(
        "as-of beside get-1000, p50",
        "x",
        1.2,
        lambda report: report.find_ratio("as-of", "get-1000", lambda measure: measure.p50),
    ),
    time_of("search", 20, "like"),
    store_of("memory of a server process, peak", "MB", 500, "server_peak_megabytes"),
    time_of("partition-drop", 1_000, what="drop_ms"),
    store_of("start to SERVING", "s", 3, "start_seconds"),
)


def make_target_rows(report: Report) -> list[Row]:
    """A row for each target that the run measured."""
    rows: list[Row] = []
    for target in TARGETS:
        measured = target.read(report)
        if measured is None:
            continue
        met = measured >= target.limit if target.at_least else measured < target.limit
        ratio = target.beside(report) if target.beside else None
        rows.append(
            {
                "work": target.work,
                "unit": target.unit,
                "target": f"{'>=' if target.at_least else '<'} {target.limit:,g}",
                "measured": measured,
                "met": "yes" if met else "NO",
                "beside": f"{ratio:.3g} x {target.baseline}" if ratio else "",
            }
        )
    return rows
