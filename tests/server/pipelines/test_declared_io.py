"""Declared inputs and outputs, where parent and descendant are reported at the same moment by two processes."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from tests.server.pipelines.conftest import DECLARED, dataset, event, run_id
from tests.server.pipelines.stores import Store, opened

from headwater_server.domain.run_reports import REPORTED, Reports, RunReport
from headwater_server.storage.ingest.rows import Known
from headwater_server.storage.ingest.run_reports import add_reports

TREES = 150
GUESSED = "SELECT count(*) FROM links JOIN datasets ON dataset_id = target_id WHERE name LIKE 'guessed%'"
KEPT = "SELECT count(*) FROM runs WHERE io_set_id IS NOT NULL AND job_id = (SELECT job_id FROM jobs WHERE name = $1)"


def declaring(number: int, says: str = "COMPLETE") -> bytes:
    """A run of `outer` of which an output is declared."""
    return event("outer", f"o{number}", says, minute=number, writes=[dataset(f"guessed {number}", **DECLARED)])


def in_between(number: int) -> bytes:
    """A silent run that an `outer` run started."""
    return event("middle", f"m{number}", "START", minute=number, parent=f"outer o{number}")


def reporting(number: int) -> bytes:
    """A run that the one in between started, and that wrote something."""
    return event("inner", f"i{number}", minute=number, parent=f"middle m{number}", writes=["real"])


def dealt(number: int) -> list[tuple[list[bytes], list[bytes]]]:
    """The ways in which three events can be dealt to two processes, each event to one of them."""
    events = [declaring(number), in_between(number), reporting(number)]
    found = []
    for event_of_one in events:
        others = [each for each in events if each is not event_of_one]
        found += [([event_of_one], others), ([event_of_one], others[::-1])]
    return found


async def test_what_was_declared_never_counts_beside_what_a_descendant_reports_at_the_same_moment(
    database: str,
) -> None:
    async with opened(database) as one, opened(database) as other:
        for number in range(TREES):
            first, second = dealt(number)[number % 6]
            await asyncio.gather(_write_each(one, first), _write_each(other, second))
        assert await one.rows(GUESSED) == [(0,)]
        assert await one.rows(KEPT, "outer") == [(0,)]
        assert await one.rows(KEPT, "inner") == [(TREES,)]


async def test_two_who_add_to_one_report_wait_for_each_other(database: str) -> None:
    run = uuid.UUID(run_id("a run"))
    async with opened(database) as one, opened(database) as other:
        async with one.database.transaction() as parent:
            assert await add_reports(parent, Known().begin(), {run: RunReport(declared=True)}) == {
                run: RunReport(declared=True)
            }
            child = asyncio.create_task(_report(other, run))
            await _until_somebody_waits(one)
            assert not child.done()
        assert await child == {run: RunReport(declared=True, reported=True)}


@pytest.mark.parametrize("is_told", [False, True], ids=["silent", "with a reporting child"])
async def test_repetitions_of_declared_events_write_no_report_again(database: str, is_told: bool) -> None:
    async with opened(database) as store:
        await store.write(declaring(1, "START"), in_between(1), *([reporting(1)] if is_told else []))
        before = await store.rows("SELECT run_id, xmin::text FROM run_reports ORDER BY 1")
        await store.write(declaring(1))
        assert await store.rows("SELECT run_id, xmin::text FROM run_reports ORDER BY 1") == before


async def test_runs_that_report_from_the_start_have_no_reports_of_their_own(database: str) -> None:
    async with opened(database) as store:
        await store.write(*(event("task", f"t{i}", parent="dag d", writes=["out"]) for i in range(5)))
        assert await store.rows("SELECT count(*) FROM run_reports") == [(1,)]


async def _write_each(store: Store, bodies: list[bytes]) -> None:
    for body in bodies:
        await store.write(body)


async def _report(store: Store, run: uuid.UUID) -> Reports:
    async with store.database.transaction() as connection:
        return await add_reports(connection, Known().begin(), {run: REPORTED})


async def _until_somebody_waits(store: Store) -> None:
    async with asyncio.timeout(20):
        while await store.rows("SELECT count(*) FROM pg_locks WHERE NOT granted") == [(0,)]:
            await asyncio.sleep(0.01)
