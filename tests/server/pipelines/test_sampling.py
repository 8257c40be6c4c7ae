"""Sampling: the text of successful runs' events goes, never the fact of a run; the order of events does not matter."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio
from tests.server.pipelines.conftest import CHURN, NAMESPACE, dataset, event, pipeline, run_id, workload
from tests.server.pipelines.stores import Store, opened

from headwater import Client
from headwater.v1 import pipeline_pb2 as pb
from headwater_server.domain.pipeline_sampling import is_in_sample
from headwater_server.usecases.ingest import Outcome

SCHEMA = {"fields": [{"name": "id", "type": "int"}]}
WIDER = {"fields": [{"name": "id", "type": "int"}, {"name": "email", "type": "text"}]}
NONE = pb.Sampling(successful_percent=0)


@pytest_asyncio.fixture
async def store(database: str, client: Client) -> AsyncIterator[Store]:
    """A server's store, in which all successful runs of `train` are to be left out, and what they started."""
    await client.update_pipeline(pipeline(sampling=NONE), allow_missing=True)
    await client.update_workloads(NAMESPACE, [workload("train", pipeline="churn")])
    async with opened(database) as store:
        await store.settle()
        yield store


def training(run: str, says: str = "COMPLETE", *, job: str = "train", **parts: Any) -> bytes:
    """An event of a run of `train` that reads and writes what every run of it does."""
    parts = {"reads": ["raw"], "writes": [dataset("out", schema=SCHEMA)], "facets": {"note": {"run": run}}, **parts}
    return event(job, run, says, **parts)


async def whole(store: Store) -> dict[str, int]:
    """How many events of each run are there, and still have their text, as words: {run: "2 of 3"}."""
    rows = await store.rows(
        "SELECT subject, count(*) FILTER (WHERE body <> ''), count(*) FROM events GROUP BY subject ORDER BY subject"
    )
    words = {uuid.UUID(run_id(word)): word for word in WORDS}
    return {words[run]: f"{kept} of {all_}" for run, kept, all_ in rows}  # type: ignore[index, misc]


WORDS = [f"{job}{number}" for job in "tcxp" for number in range(10)]
STORY = [
    training("t1", "START", minute=1),
    training("t1", minute=2),
    training("t2", "START", minute=11),
    training("t2", minute=12),
    training("t3", "START", minute=21),
    training("t3", "FAIL", minute=22),
    training("t4", minute=31, writes=[dataset("out", schema=WIDER)]),
    training("t5", minute=41),
    training("t6", "START", minute=51),
    training("t7", minute=61, facets={"sql": {}}),
    training("c1", minute=3, job="step", parent="train t1"),
    training("c2", minute=13, job="step", parent="train t2"),
    training("c3", minute=23, job="step", parent="train t3"),
    training("x1", minute=3, job="other"),
    training("x2", minute=13, job="other"),
]
LEFT = {
    "t1": "2 of 2",  # the first run of its job, and of the schema
    "t2": "0 of 2",
    "t3": "2 of 2",  # failed
    "t4": "1 of 1",  # another schema
    "t5": "0 of 1",
    "t6": "1 of 1",  # not at its end
    "t7": "0 of 1",
    "c1": "1 of 1",  # the first run of its job
    "c2": "0 of 1",
    "c3": "0 of 1",
    "x1": "1 of 1",  # of no pipeline
    "x2": "1 of 1",
}


def shuffled(bodies: list[bytes]) -> list[bytes]:
    """The events in another order, some of them twice."""
    chance = random.Random(3)
    mixed = bodies + chance.sample(bodies, k=5)
    chance.shuffle(mixed)
    return mixed


@pytest.mark.parametrize("often", [False, True], ids=["decided at the end", "decided after each event"])
@pytest.mark.parametrize(
    "arrange",
    [
        pytest.param(list, id="in order"),
        pytest.param(lambda bodies: bodies[::-1], id="backwards"),
        pytest.param(shuffled, id="shuffled and repeated"),
    ],
)
async def test_the_same_is_left_whatever_order_the_events_come_in(
    store: Store, client: Client, arrange: Callable[[list[bytes]], list[bytes]], often: bool
) -> None:
    for body in arrange(STORY):
        await store.write(body)
        if often and b'"START"' not in body and b"t3" not in body:
            await store.settle(days=0)
    for day in range(1, 4):
        await store.settle(days=2 * day)
    assert await whole(store) == LEFT
    sampled_out = sum(left.startswith("0") for left in LEFT.values())
    assert (await client.get_pipeline(CHURN)).sampling.sampled_out_count == sampled_out
    assert store.sampling.dropped_runs == sampled_out


async def test_a_repetition_is_known_again_and_a_later_event_goes_too(store: Store, client: Client) -> None:
    first, second = training("t1", minute=1), training("t2", minute=11)
    await store.write(first, second)
    await store.settle()
    assert await store.write(second) == [Outcome.DUPLICATE]
    late = training("t2", "OTHER", minute=12, facets={"late": {}})
    assert await store.write(late) == [Outcome.ACCEPTED]
    await store.settle(days=2)
    assert await whole(store) == {"t1": "1 of 1", "t2": "0 of 2"}
    assert await store.write(late) == [Outcome.DUPLICATE]
    assert (await client.get_pipeline(CHURN)).sampling.sampled_out_count == 1


async def test_the_fact_of_a_run_stays_with_what_it_read_and_wrote(store: Store, client: Client) -> None:
    await store.write(training("t1", minute=1), training("t2", minute=11))
    before = await client.get_run(run_id("t2"), view="FULL")
    await store.settle()
    after = await client.get_run(run_id("t2"), view="FULL")
    assert [facet.name for facet in before.facets] == ["note"]
    assert [facet.name for facet in after.facets] == []
    before.ClearField("facets")
    assert after == before
    assert [node.name async for node in _upstream(client)] != []


async def test_a_run_that_turns_out_to_have_failed_before_it_was_decided_on_is_kept(store: Store) -> None:
    await store.write(training("t1", minute=1), training("t2", minute=11))
    await store.write(training("t2", "FAIL", minute=12))
    await store.settle()
    assert (await whole(store))["t2"] == "2 of 2"


async def test_the_same_runs_are_kept_however_often_they_are_sent() -> None:
    runs = [uuid.UUID(run_id(str(number))) for number in range(2_000)]
    kept = {run for run in runs if is_in_sample(run, 25)}
    assert kept == {run for run in runs if is_in_sample(run, 25)}
    assert kept < {run for run in runs if is_in_sample(run, 50)}
    assert 400 < len(kept) < 600
    assert not any(is_in_sample(run, 0) for run in runs)
    assert all(is_in_sample(run, 100) for run in runs)


@pytest.mark.parametrize(
    "declared",
    [
        pytest.param(pipeline(sampling=NONE, criticality=pb.CRITICALITY_PRODUCTION), id="production"),
        pytest.param(pipeline(), id="without sampling"),
        pytest.param(pipeline(sampling=pb.Sampling(successful_percent=100)), id="all"),
    ],
)
async def test_nothing_is_dropped_and_nothing_written_where_nobody_samples(
    store: Store, client: Client, declared: pb.Pipeline
) -> None:
    await client.update_pipeline(declared)
    await store.settle()
    assert store.sampling.rules == {}
    await store.write(*STORY)
    await store.settle()
    assert {left for left in (await whole(store)).values() if left.startswith("0")} == set()
    assert await store.rows("SELECT count(*) FROM sampled_runs") == [(0,)]


async def test_several_servers_that_decide_at_once_count_each_run_once(
    store: Store, client: Client, database: str
) -> None:
    await store.write(*(training(f"t{number}", minute=number) for number in range(10)))
    async with opened(database) as other:
        await asyncio.gather(store.settle(), other.settle())
        await store.settle()
        assert store.sampling.dropped_runs + other.sampling.dropped_runs == 9
    assert (await client.get_pipeline(CHURN)).sampling.sampled_out_count == 9


async def test_a_pipeline_that_ended_samples_no_more(store: Store, client: Client) -> None:
    await store.write(*STORY)
    await client.delete_pipeline(CHURN)
    await store.settle()
    assert {left for left in (await whole(store)).values() if left.startswith("0")} == set()


async def test_the_running_server_reads_the_rules_and_counts(server: Any, client: Client) -> None:
    async with httpx.AsyncClient(base_url=server.http_url) as http:
        assert "headwater_sampled_out_runs_total 0.0" in (await http.get("/metrics")).text


async def _upstream(client: Client) -> AsyncIterator[Any]:
    answer = await client.get_lineage("s3://lake/out", direction="UPSTREAM")
    for node in answer.nodes[1:]:
        yield node
