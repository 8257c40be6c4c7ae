"""Large calls are committed in several transactions at once, and answered as if it were one."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import datetime

from headwater_server.domain.event import Event
from headwater_server.domain.event_parser import EventParser
from headwater_server.storage.database import Database
from headwater_server.storage.ingest.transaction import IngestStore
from headwater_server.usecases.ingest import PARSED_AT_ONCE, SPLIT_EVENTS, Ingestion, Outcome

from ..broken_events import GOOD
from .conftest import Writing


def events_of(jobs: int) -> list[bytes]:
    """An event of a run of each of so many jobs."""
    return [
        json.dumps(GOOD | {"run": {"runId": f"run {n}"}, "job": {"namespace": "team", "name": f"job {n}"}}).encode()
        for n in range(jobs)
    ]


async def test_the_position_of_a_large_call_comes_after_all_that_it_wrote(writing: Writing) -> None:
    outcome = await writing.write(*events_of(2 * SPLIT_EVENTS))
    assert {result.status for result in outcome.results} == {Outcome.ACCEPTED}
    written = [int(str(row[0])) for row in await writing.rows("SELECT DISTINCT xmin::text FROM events")]
    assert len(written) > 1
    assert int(outcome.position) > max(written)


async def test_what_large_calls_repeat_at_the_same_moment_is_new_for_one_of_them(writing: Writing) -> None:
    events = events_of(SPLIT_EVENTS)
    outcomes = await asyncio.gather(*(writing.write(*events, *events) for _ in range(3)))
    answers = Counter(result.status for outcome in outcomes for result in outcome.results)
    assert answers == {Outcome.ACCEPTED: len(events), Outcome.DUPLICATE: 5 * len(events)}
    assert await writing.rows("SELECT count(*) FROM events") == [(len(events),)]


async def test_a_bad_event_of_a_large_call_is_rejected_in_its_place(writing: Writing) -> None:
    events = events_of(SPLIT_EVENTS)
    results = (await writing.write(*events[:50], b"{", *events[50:])).results
    assert [place for place, result in enumerate(results) if result.status is Outcome.REJECTED] == [50]
    assert [result.status for result in results[51:]] == [Outcome.ACCEPTED] * (len(events) - 50)


class ParserThatCounts(EventParser):
    """Counts the events that it parses in each turn of the loop."""

    def __init__(self) -> None:
        super().__init__(max_event_bytes=1 << 20)
        self.turn = 0
        self.parsed: Counter[int] = Counter()

    def parse(self, body: bytes, receive_time: datetime) -> Event:
        """The event."""
        self.parsed[self.turn] += 1
        return super().parse(body, receive_time)

    async def count_turns(self) -> None:
        """Counts the turns of the loop until it is cancelled."""
        while True:
            await asyncio.sleep(0)
            self.turn += 1


async def test_others_get_their_turn_while_large_calls_are_parsed(database: str) -> None:
    parser, events = ParserThatCounts(), events_of(4 * PARSED_AT_ONCE)
    store = await Database.open(database, max_connections=4)
    ingestion = Ingestion(IngestStore(store), parser)
    await ingestion.start()
    counting = asyncio.create_task(parser.count_turns())
    await asyncio.gather(*(ingestion.write(events, "a test") for _ in range(4)))
    counting.cancel()
    await ingestion.drain(5)
    await store.close()
    assert parser.parsed.total() == 4 * len(events)
    assert max(parser.parsed.values()) <= PARSED_AT_ONCE
