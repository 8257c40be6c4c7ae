"""The past of a large store: chunks that are made alone fit together, and a load goes on where it stopped."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from bench.estate import JOBS_PER_DOMAIN, make_domains
from bench.history import CHUNK_EVENTS, FULL_EVENTS, NEW_DOMAINS, SPACING, WEEKS, find_start, iterate_chunk
from bench.load import Progress, frame_batch

from headwater.v1 import event_pb2
from headwater.v1 import ingest_service_pb2 as contract

NOW = dt.datetime(2026, 11, 4, 15, tzinfo=dt.UTC)
FIRST = 300


def first_events(chunk: int) -> list[dict[str, Any]]:
    return [json.loads(body) for body in itertools.islice(iterate_chunk(chunk, find_start(NOW)), FIRST)]


def test_a_history_is_of_whole_weeks_and_ends_with_last_week() -> None:
    start = find_start(NOW)
    assert (start.weekday(), start.hour) == (0, 0)
    assert start + dt.timedelta(weeks=WEEKS) == dt.datetime(2026, 11, 2, tzinfo=dt.UTC)
    assert dt.timedelta(weeks=WEEKS) == SPACING * FULL_EVENTS


def test_chunks_follow_one_another_in_time_and_share_no_run() -> None:
    one, next_one = first_events(3), first_events(4)
    times = [dt.datetime.fromisoformat(event["eventTime"]) for event in (one[0], next_one[0])]
    assert times[0] == find_start(NOW) + 3 * CHUNK_EVENTS * SPACING
    assert times[1] - times[0] == CHUNK_EVENTS * SPACING
    assert not {event["run"]["runId"] for event in one} & {event["run"]["runId"] for event in next_one}


def test_a_chunk_is_the_same_whenever_it_is_made() -> None:
    assert first_events(3) == first_events(3)


def test_a_chunk_has_new_domains_and_some_that_are_known() -> None:
    domains = {int(event["job"]["name"].split(".")[0].rsplit("_", 1)[1]) for event in first_events(3)}
    assert {number >= 3 * NEW_DOMAINS for number in domains} == {False, True}
    assert max(domains) < 4 * NEW_DOMAINS


def test_a_domain_is_the_same_beside_any_others() -> None:
    alone, beside = make_domains([7]), make_domains([2, 7])
    assert beside.datasets[-len(alone.datasets) :] == alone.datasets
    outputs = [
        [estate.datasets[place] for job in estate.jobs[-JOBS_PER_DOMAIN:] for place in job.outputs]
        for estate in (alone, beside)
    ]
    assert outputs[0] == outputs[1]


def test_the_whole_history_has_a_million_datasets() -> None:
    a_domain = len(make_domains(range(20)).datasets) / 20
    assert 950_000 <= a_domain * NEW_DOMAINS * FULL_EVENTS / CHUNK_EVENTS <= 1_100_000


@pytest.mark.parametrize("sizes", [(0,), (1, 127, 128), (16_383, 16_384), (2_200_000, 5)])
def test_a_batch_is_framed_as_the_contract_has_it(sizes: tuple[int, ...]) -> None:
    bodies = [b"x" * size for size in sizes]
    message = contract.BatchWriteEventsRequest(events=[event_pb2.Event(open_lineage=body) for body in bodies])
    assert frame_batch(bodies) == message.SerializeToString()


def test_progress_is_kept_by_whole_chunks_without_a_gap(tmp_path: Path) -> None:
    path = tmp_path / "load.json"
    progress = Progress.read(path)
    progress.keep()
    progress.begin(0)
    progress.begin(1)
    progress.acknowledge(1, CHUNK_EVENTS)
    progress.acknowledge(0, CHUNK_EVENTS - 1)
    assert Progress.read(path).chunks == 0
    progress.acknowledge(0, 1)
    again = Progress.read(path)
    assert (again.chunks, again.start) == (2, progress.start)
