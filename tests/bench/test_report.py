"""What a run tells: percentiles, counts checked against the store, ratios within a round."""

from __future__ import annotations

import math
import os
import subprocess
import time

import pytest
from bench.database import StoreState
from bench.measure import IngestClock, Measure, WorkloadError, find_percentile
from bench.process_use import ProcessorTime, read_memory, read_processor_time
from bench.report import Report, render_tables
from bench.session import Outcome, add_processor_time, check_store
from bench.workloads import INGEST_BASELINES, LINEAGE_BASELINES, WORKLOADS, choose_workloads


def make_measure(rate: float, p50: float = 1.0) -> Measure:
    return Measure(total=100, count=int(rate), seconds=1.0, p50=p50, p99=2.0)


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50), (0.99, 99), (0.0, 1), (1.0, 100)])
def test_a_percentile_is_one_of_the_values(share: float, expected: int) -> None:
    assert find_percentile(list(range(100, 0, -1)), share) == expected


def test_a_clock_counts_what_is_acknowledged_between_warm_up_and_end() -> None:
    clock = IngestClock(seconds=math.inf, warmup_seconds=-10)
    clock.acknowledge(7, time.perf_counter())
    clock.acknowledge(5, time.perf_counter() - 1)
    measure = clock.read(in_flight=2)
    assert (measure.total, measure.count) == (12, 12)
    assert measure.p99 >= 1000 > measure.p50
    assert measure.notes == {"in_flight": 2}


def test_a_clock_measures_nothing_of_the_warm_up() -> None:
    clock = IngestClock(seconds=math.inf, warmup_seconds=math.inf)
    clock.acknowledge(7, time.perf_counter())
    with pytest.raises(WorkloadError):
        clock.read()


def test_a_clock_waits_for_a_server_that_is_slower_than_the_time_for_sending() -> None:
    clock = IngestClock(seconds=0, warmup_seconds=0)
    clock.acknowledge(7, time.perf_counter())
    measure = clock.read()
    assert measure.count == 7
    assert measure.seconds > 0


def test_a_store_that_holds_fewer_events_than_were_acknowledged_is_a_failure() -> None:
    outcome = Outcome("unary", 0, make_measure(10))
    before = StoreState(events=5, bytes=1_000, wal_position=0)
    good = check_store(outcome, before, StoreState(events=105, bytes=3_000, wal_position=50_000))
    assert (good.failure, good.disk_bytes_per_event, good.log_bytes_per_event) == ("", 20, 500)
    bad = check_store(outcome, before, StoreState(events=104, bytes=3_000, wal_position=50_000))
    assert "100 events were acknowledged" in bad.failure


def test_processor_time_is_told_by_events() -> None:
    outcome = add_processor_time(Outcome("unary", 0, make_measure(10)), ProcessorTime(1, 2), ProcessorTime(1.5, 4))
    assert (outcome.server_microseconds, outcome.postgres_microseconds) == (5_000, 20_000)


def test_processes_of_one_program_count_together_and_postgres_apart() -> None:
    time_used = read_processor_time(os.getpid())
    assert time_used.own > 0
    assert read_processor_time(os.getppid()).own >= time_used.own
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as alone:
        assert read_processor_time(alone.pid).below == 0


def test_the_peak_of_memory_is_not_below_what_is_shared_out_now() -> None:
    memory = read_memory(os.getpid())
    assert 0 < memory.now <= memory.peak


def test_ratios_are_taken_within_a_round_and_failures_are_left_out() -> None:
    report = Report(
        [
            Outcome("naive-1", 0, make_measure(10)),
            Outcome("unary", 0, make_measure(100)),
            Outcome("naive-1", 1, make_measure(20)),
            Outcome("unary", 1, make_measure(100)),
            Outcome("unary", 2, make_measure(9_000)),
            Outcome("unary", 3, None, failure="refused"),
        ]
    )
    [table] = report.make_tables().values()
    rows = {row["workload"]: row for row in table}
    assert rows["unary"]["x naive-1"] == 7.5
    assert rows["unary"]["x copy"] is None
    assert [failure.round for failure in report.failures] == [3]
    assert report.find_unsteady() == ["naive-1", "unary"]


def test_lineage_is_compared_by_time_with_the_baseline_of_its_size() -> None:
    report = Report([Outcome("cte-ids-1000", 0, make_measure(1, 4)), Outcome("get-1000", 0, make_measure(1, 6))])
    [(title, table)] = report.make_tables().items()
    assert "1,000 nodes" in title
    assert [row["x cte-ids"] for row in table] == [1, 1.5]


def test_tables_are_rendered_as_markdown() -> None:
    report = Report([Outcome("naive-1", 0, make_measure(10)), Outcome("unary", 0, make_measure(12_345))])
    lines = render_tables(report.make_tables()).splitlines()
    assert lines[2].split("|")[3].strip() == "events/s"
    assert "12,345" in lines[5]
    assert len({len(line) for line in lines[2:]}) == 1


def test_a_workload_is_chosen_with_the_load_that_it_needs() -> None:
    assert choose_workloads(["get-10"]) == ["load-graph", "get-10"]
    assert choose_workloads(["naive-?"]) == ["load-naive", "naive-1", "naive-8"]
    assert choose_workloads([]) == list(WORKLOADS)
    assert choose_workloads(["nothing"]) == []


def test_every_baseline_is_a_workload() -> None:
    of_the_server = {"calls"}
    names = {*INGEST_BASELINES, *(f"{base}-{nodes}" for base in LINEAGE_BASELINES for nodes in (10, 1_000, 20_000))}
    names -= of_the_server
    assert all(WORKLOADS[name].is_baseline for name in names)
    assert not any(WORKLOADS[name].is_baseline for name in of_the_server)
