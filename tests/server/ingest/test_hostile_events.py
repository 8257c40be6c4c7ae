"""Events that no sane producer sends: one clear error and nothing written, or taken for what they mean."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headwater_server.domain.errors import InvalidEvent, TooLarge
from headwater_server.usecases.ingest import Outcome

from ..broken_events import GOOD, broken_events
from .conftest import Writing

LOOKS = ("events", "runs", "links", "datasets", "jobs", "statements", "terms", "dataset_versions")


async def counts(writing: Writing) -> list[object]:
    """How much is in the store."""
    return [(await writing.rows(f"SELECT count(*) FROM {table}"))[0][0] for table in LOOKS]


def plain(number: int) -> bytes:
    """A small good event of its own."""
    event = GOOD | {"run": {"runId": f"plain {number}"}, "inputs": [], "outputs": []}
    return json.dumps(event).encode()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=broken_events(), number=st.integers())
async def test_whatever_comes_is_taken_or_refused_with_one_clear_error(
    writing: Writing, body: bytes, number: int
) -> None:
    before = await counts(writing)
    (result,) = (await writing.write(body)).results
    if result.status is Outcome.REJECTED:
        assert isinstance(result.error, InvalidEvent | TooLarge), result.error
        assert result.error.metadata["field"]
        assert await counts(writing) == before
    (after,) = (await writing.write(plain(number))).results
    assert after.status is not Outcome.REJECTED


@pytest.mark.parametrize(
    ("change", "field"),
    [
        pytest.param({"eventTime": "yesterday"}, "eventTime", id="a time that is none"),
        pytest.param({"eventType": "EXPLODE"}, "eventType", id="an unknown type"),
        pytest.param({"job": {"namespace": "team", "name": "a\0b"}}, "job.name", id="a NUL in a name"),
        pytest.param({"job": {"namespace": "n" * 3000, "name": "a"}}, "job.namespace", id="a name too long"),
        pytest.param({"inputs": "all"}, "inputs", id="inputs that are no list"),
        pytest.param(
            {"outputs": [{"namespace": "db", "name": "x", "facets": {"schema": {"fields": [{"name": 1}]}}}]},
            "outputs[0].facets.schema.fields[0].name",
            id="a field whose name is a number",
        ),
        pytest.param(
            {"inputs": [{"namespace": "db", "name": str(n)} for n in range(10_001)]},
            "inputs and outputs",
            id="more datasets than anyone reads",
        ),
    ],
)
async def test_the_error_names_the_field(writing: Writing, change: dict[str, Any], field: str) -> None:
    (result,) = (await writing.write(json.dumps(GOOD | change).encode())).results
    assert result.error is not None
    assert result.error.metadata["field"] == field
    assert await counts(writing) == [0] * len(LOOKS)


async def test_a_body_of_a_hundred_megabytes_is_refused_by_its_size(writing: Writing) -> None:
    (result,) = (await writing.write(b'{"a":"' + b"x" * 100_000_000 + b'"}')).results
    assert isinstance(result.error, TooLarge)
    assert result.error.metadata["size"] == "100000008"


async def test_a_bad_event_does_not_touch_its_neighbours(writing: Writing) -> None:
    results = (await writing.write(plain(1), b"{", plain(2), plain(1))).results
    assert [result.status for result in results] == [
        Outcome.ACCEPTED,
        Outcome.REJECTED,
        Outcome.ACCEPTED,
        Outcome.DUPLICATE,
    ]
    rejected = await writing.rows("SELECT sender, reason, field, body FROM rejected_events")
    assert rejected == [("a test", "INVALID_EVENT", "event", b"{")]


async def test_ten_thousand_fields_are_taken(writing: Writing) -> None:
    fields = [{"name": f"f{n}", "type": "int"} for n in range(10_000)]
    columns = {f"f{n}": {"inputFields": [{"namespace": "db", "name": "in", "field": f"f{n}"}]} for n in range(10_000)}
    facets = {"schema": {"fields": fields}, "columnLineage": {"fields": columns}}
    event = GOOD | {"outputs": [{"namespace": "db", "name": "wide", "facets": facets}]}
    (result,) = (await writing.write(json.dumps(event).encode())).results
    assert result.status is Outcome.ACCEPTED
    assert await writing.rows("SELECT count(*) FROM field_links") == [(10_000,)]


async def test_events_without_what_the_standard_wants_are_taken_as_they_are_meant(writing: Writing) -> None:
    lenient = [
        {"eventTime": "2026-03-02 10:00:00", "eventType": "complete"},
        {"eventTime": "2026-03-02T10:00:00.123456789Z", "eventType": None, "schemaURL": 5},
        {"eventTime": "2026-03-02T10:00:00+05:30", "inputs": None, "outputs": None, "unheardOf": {"x": [1]}},
    ]
    bodies = []
    for number, change in enumerate(lenient):
        event = {key: value for key, value in GOOD.items() if key != "producer"} | change
        bodies.append(json.dumps(event | {"run": {"runId": f"no uuid {number}", "facets": None}}).encode())
    bodies.append(
        b'{"eventTime":"2026-03-02T10:00:00Z","run":{"runId":"n"},"job":{"namespace":"a","name":"b"},"x":NaN}'
    )
    assert [result.error for result in (await writing.write(*bodies)).results] == [None] * len(bodies)


async def test_the_same_event_in_other_words_is_a_duplicate(writing: Writing) -> None:
    shuffled = dict(random.Random(1).sample(list(GOOD.items()), k=len(GOOD)))
    await writing.write(json.dumps(GOOD).encode())
    (result,) = (await writing.write(json.dumps(shuffled, indent=3).encode())).results
    assert result.status is Outcome.DUPLICATE
