"""The tables of a run: medians over its rounds, and ratios to the baselines of the same round."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence

from bench.graphs import DEPTHS
from bench.measure import Measure
from bench.session import Outcome
from bench.workloads import INGEST_BASELINES, LINEAGE_BASELINES, WORKLOADS, Kind

Row = dict[str, str | float | None]
Read = Callable[[Outcome, Measure], float | None]

COLUMNS: dict[str, Read] = {
    "events/s": lambda _, measure: measure.rate,
    "p50 ms": lambda _, measure: measure.p50,
    "p99 ms": lambda _, measure: measure.p99,
    "first p50 ms": lambda _, measure: measure.first_p50,
    "first p99 ms": lambda _, measure: measure.first_p99,
    "log B/event": lambda outcome, _: outcome.log_bytes_per_event,
    "disk B/event": lambda outcome, _: outcome.disk_bytes_per_event,
    "server us": lambda outcome, _: outcome.server_microseconds,
    "postgres us": lambda outcome, _: outcome.postgres_microseconds,
    "load cpu": lambda _, measure: measure.load_processors,
}
UNSTEADY_RATIO = 1.5
"""Between the fastest and the slowest round of a workload."""
LOAD_COLUMNS = ("events/s", "log B/event", "disk B/event", "server us", "postgres us")
INGEST_COLUMNS = ("events/s", "p50 ms", "p99 ms", "log B/event", "disk B/event", "server us", "postgres us", "load cpu")
LINEAGE_COLUMNS = ("p50 ms", "p99 ms", "first p50 ms", "first p99 ms", "server us", "postgres us", "load cpu")


class Report:
    """The outcomes of a run as tables: lists of rows that have the same columns.

    `store` tells of the store as a whole: events, bytes, seconds to start, and so on, by name.
    """

    def __init__(self, outcomes: Iterable[Outcome], store: Mapping[str, float] | None = None) -> None:
        self.store = dict(store or {})
        self._measured: dict[str, list[tuple[Outcome, Measure]]] = {}
        self.failures: list[Outcome] = []
        for outcome in outcomes:
            if outcome.failure:
                self.failures.append(outcome)
            elif outcome.measure:
                self._measured.setdefault(outcome.workload, []).append((outcome, outcome.measure))

    def make_tables(self) -> dict[str, list[Row]]:
        """The tables by title; one without rows is left out."""
        tables = {
            "Store": [{"of the store": name, "measured": value} for name, value in self.store.items()],
            "Loads": [self._make_row(name, LOAD_COLUMNS) for name in self._names(Kind.LOAD)],
            "Ingestion: events a second, and as a multiple of the baselines'": [
                self._make_row(name, INGEST_COLUMNS)
                | {f"x {base}": self.find_ratio(name, base, lambda measure: measure.rate) for base in INGEST_BASELINES}
                for name in self._names(Kind.INGEST)
            ],
        }
        for nodes in DEPTHS:
            tables[f"Lineage, answers of {nodes:,} nodes: times, and p50 as a multiple of the baselines'"] = [
                self._make_row(name, LINEAGE_COLUMNS)
                | {
                    f"x {base}": self.find_ratio(name, f"{base}-{nodes}", lambda measure: measure.p50)
                    for base in LINEAGE_BASELINES
                }
                for name in self._names(Kind.LINEAGE)
                if name.endswith(f"-{nodes}")
            ]
        tables["Questions: times, and p50 as a multiple of another's"] = [
            self._make_row(name, LINEAGE_COLUMNS) | self._make_comparison(name) for name in self._names(Kind.QUESTION)
        ]
        return {title: rows for title, rows in tables.items() if rows}

    def find_unsteady(self) -> list[str]:
        """The workloads whose rounds differ so much that the machine must have been busy with something else."""
        rates = {name: [measure.rate for _, measure in measured] for name, measured in self._measured.items()}
        return [name for name, found in rates.items() if max(found) > UNSTEADY_RATIO * min(found)]

    def _names(self, kind: Kind) -> list[str]:
        return [name for name in WORKLOADS if WORKLOADS[name].kind is kind and name in self._measured]

    def _make_row(self, name: str, columns: Sequence[str]) -> Row:
        row: Row = {"workload": name, "what": WORKLOADS[name].meaning}
        for column in columns:
            row[column] = self.find_median(name, COLUMNS[column])
        if "events/s" in columns:
            rates = [measure.rate for _, measure in self._measured[name]]
            row["spread"] = f"{min(rates):,.0f}-{max(rates):,.0f}"
        return row

    def _make_comparison(self, name: str) -> Row:
        notes = next((measure.notes for _, measure in self._measured[name] if measure.notes), {})
        [other] = WORKLOADS[name].beside or [""]
        ratio = self.find_ratio(name, other, lambda measure: measure.p50)
        return {
            "p50 beside": f"{ratio:.3g} x {other}" if ratio else None,
            "notes": ", ".join(f"{key} {_render(value)}" for key, value in notes.items()),
        }

    def find_median(self, name: str, read: Read) -> float | None:
        """The median over the rounds of a workload; none where it was not measured."""
        found = [read(outcome, measure) for outcome, measure in self._measured.get(name, [])]
        values = [value for value in found if value is not None]
        return statistics.median(values) if values else None

    def find_ratio(self, name: str, baseline: str, read: Callable[[Measure], float]) -> float | None:
        """The median over the rounds in which both were measured; none where there is none."""
        if baseline not in WORKLOADS[name].beside:
            return None
        theirs = {outcome.round: read(measure) for outcome, measure in self._measured.get(baseline, [])}
        ratios = [
            read(measure) / theirs[outcome.round]
            for outcome, measure in self._measured.get(name, [])
            if outcome.round in theirs
        ]
        return statistics.median(ratios) if ratios else None


def render_tables(tables: dict[str, list[Row]]) -> str:
    """The tables as Markdown that is aligned, so that a terminal shows it well too."""
    return "\n\n".join(f"## {title}\n\n{_render_table(rows)}" for title, rows in tables.items())


def _render_table(rows: Sequence[Row]) -> str:
    columns = [column for column in rows[0] if any(row[column] is not None for row in rows)]
    cells = [columns, *([_render(row[column]) for column in columns] for row in rows)]
    widths = [max(len(line[place]) for line in cells) for place in range(len(columns))]
    is_text = [any(isinstance(row[column], str) for row in rows) for column in columns]
    rule = ["-" * width if text else "-" * (width - 1) + ":" for width, text in zip(widths, is_text, strict=True)]
    lines = [
        [
            cell.ljust(width) if text else cell.rjust(width)
            for cell, width, text in zip(line, widths, is_text, strict=True)
        ]
        for line in (cells[0], rule, *cells[1:])
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _render(value: str | float | None) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
