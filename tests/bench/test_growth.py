"""Stores of different sizes are compared workload by workload, and targets are judged."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import Any

from bench.growth import find_curves, make_growth_rows
from bench.measure import Measure
from bench.plot import draw_curves
from bench.report import Report
from bench.session import Outcome
from bench.targets import make_target_rows


def make_result(events: int, **times: float) -> dict[str, Any]:
    outcomes = [
        {"workload": name, "measure": {"seconds": 1, "count": 1e6 / time, "p50": time}} for name, time in times.items()
    ]
    return {"store": {"events": events}, "outcomes": outcomes}


RESULTS = [make_result(500_000, search=4.0, unary=100.0), make_result(5_000_000, search=4.4, unary=150.0)]


def test_a_curve_is_the_time_as_a_multiple_of_the_smallest_store() -> None:
    curves = find_curves(RESULTS)
    assert curves["search"] == [(500_000, 1), (5_000_000, 1.1)]
    assert curves["unary"] == [(500_000, 1), (5_000_000, 1.5)]


def test_growth_beyond_the_limit_is_named() -> None:
    rows = {row["workload"]: row for row in make_growth_rows(RESULTS)}
    assert rows["search"]["<= 1.2"] == "yes"
    assert rows["unary"]["<= 1.2"] == "NO"
    assert rows["unary"]["5,000,000 events"] == 150


def test_baselines_have_no_curve() -> None:
    assert find_curves([make_result(1, like=3.0)]) == {}


def test_the_plot_names_every_curve() -> None:
    svg = ElementTree.fromstring(draw_curves(find_curves(RESULTS), limit=1.2))
    texts = [text.text for text in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert "search: 1.10 x" in texts
    assert "5 million events" in texts
    assert len(list(svg.iter("{http://www.w3.org/2000/svg}polyline"))) == 2


def test_a_plot_of_one_store_can_be_drawn() -> None:
    assert "<svg" in draw_curves(find_curves(RESULTS[:1]), limit=1.2)


def test_targets_are_judged_by_what_was_measured() -> None:
    def outcome(name: str, rate: float, p99: float) -> Outcome:
        return Outcome(name, 0, Measure(100, int(rate), 1.0, p50=p99 / 2, p99=p99))

    report = Report(
        [outcome("batch-1000", 31_000, 9), outcome("naive-1", 500, 2), outcome("search", 50, 25)], {"start_seconds": 2}
    )
    rows = {row["work"]: row for row in make_target_rows(report)}
    assert (rows["batch-1000"]["met"], rows["batch-1000"]["target"]) == ("yes", ">= 30,000")
    assert rows["batch-1000 beside naive-1"]["measured"] == 62
    assert rows["search, p99"]["met"] == "NO"
    assert rows["start to SERVING"]["met"] == "yes"
    assert "unary" not in rows
