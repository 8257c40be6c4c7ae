"""A run that says no more than is known of its job leaves the job's links as they are written."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.server.ingest.conftest import Writing

START = datetime(2026, 3, 2, tzinfo=UTC)
ROWS = """
SELECT xmin::text, source_id, target_id, inferred::text, since, until FROM links
UNION ALL SELECT xmin::text, source_id, target_id, transformation_id::text, since, until FROM field_links
ORDER BY 2, 3, 4, 5
"""
HEADS = "SELECT job_id, head_io_set_id, head_since FROM jobs"
LINKS = "SELECT source_id, target_id, inferred, since, until FROM links ORDER BY 1, 2, 3, 4"


def event(run: str, says: str, minute: int, *read: str, columns: Sequence[str] = ()) -> bytes:
    """An event of a run that writes `mart` from what it reads; `columns` are sources that its column lineage names."""
    output: dict[str, Any] = {"namespace": "db", "name": "mart"}
    if columns:
        sources = [{"namespace": "db", "name": name, "field": "id"} for name in columns]
        output["facets"] = {"columnLineage": {"fields": {"id": {"inputFields": sources}}}}
    body = {
        "eventTime": (START + timedelta(minutes=minute)).isoformat(),
        "eventType": says,
        "run": {"runId": str(uuid.uuid5(uuid.NAMESPACE_DNS, run))},
        "job": {"namespace": "db", "name": "make_mart"},
        "inputs": [{"namespace": "db", "name": name} for name in read],
        "outputs": [output],
    }
    return json.dumps(body).encode()


async def test_a_run_that_starts_with_less_than_the_last_one_ended_with_writes_no_link(writing: Writing) -> None:
    await writing.write(event("first", "START", 0, "raw"), event("first", "COMPLETE", 1, "raw", columns=["raw"]))
    before, heads = await writing.rows(ROWS), await writing.rows(HEADS)
    assert len(before) == 2
    for says, minute, columns in (("START", 2, []), ("COMPLETE", 3, ["raw"])):
        await writing.write(event("second", says, minute, "raw", columns=columns))
        assert await writing.rows(ROWS) == before
        assert await writing.rows(HEADS) == heads


async def test_a_run_that_starts_with_more_opens_links(writing: Writing) -> None:
    await writing.write(event("first", "START", 0, "raw"), event("first", "COMPLETE", 1, "raw"))
    await writing.write(event("second", "START", 2, "raw", "more"))
    found = await writing.rows(LINKS)
    assert sorted(str(row[3]) for row in found) == [str(START), str(START + timedelta(minutes=2))]


RUNS = {
    "first": [event("first", "COMPLETE", 1, "raw", columns=["raw"])],
    "other": [event("other", "COMPLETE", 2, "raw", columns=["raw", "more"])],
    "begun": [event("begun", "START", 3, "raw")],
}


@pytest.mark.parametrize("order", list(itertools.permutations(RUNS)), ids=" ".join)
async def test_nothing_is_inferred_while_it_is_stated(writing: Writing, order: Sequence[str]) -> None:
    for run in order:
        await writing.write(*RUNS[run])
    found = await writing.rows(LINKS)
    assert [row[2] for row in found] == [False, False]
    assert sorted(str(row[3]) for row in found) == [str(START + timedelta(minutes=minute)) for minute in (1, 2)]
