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

from .conftest import Writing

GOOD: dict[str, Any] = {
    "eventTime": "2026-03-02T10:00:00Z",
    "eventType": "COMPLETE",
    "producer": "https://example.com",
    "run": {
        "runId": "0195537a-5c00-7000-8000-000000000001",
        "facets": {
            "parent": {"run": {"runId": "p"}, "job": {"namespace": "team", "name": "dag"}},
            "nominalTime": {"nominalStartTime": "2026-03-02T10:00:00Z"},
        },
    },
    "job": {"namespace": "team", "name": "job", "facets": {"sql": {"query": "SELECT 1"}, "lineage": {"entries": []}}},
    "inputs": [{"namespace": "db", "name": "in", "facets": {"version": {"datasetVersion": "1"}}, "inputFacets": {}}],
    "outputs": [
        {
            "namespace": "db",
            "name": "out",
            "facets": {
                "schema": {"fields": [{"name": "a", "type": "int", "fields": [{"name": "b"}]}]},
                "columnLineage": {"fields": {"a": {"inputFields": [{"namespace": "db", "name": "in", "field": "x"}]}}},
                "symlinks": {"identifiers": [{"namespace": "db", "name": "alias", "type": "TABLE"}]},
                "tags": {"tags": [{"key": "pii", "value": "yes"}]},
                "ownership": {"owners": [{"name": "me"}]},
                "documentation": {"description": "what"},
            },
        }
    ],
}
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.sampled_from(["", "\0", "x" * 5000, "\U0001f4a9", "../../etc", "' OR 1=1 --", [], {}, [[]], {"": None}]),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
)
LOOKS = ("events", "runs", "links", "datasets", "jobs", "statements", "terms", "dataset_versions")


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += paths(inner, (*path, key))
    return found


@st.composite
def broken_events(draw: st.DrawFn) -> bytes:
    """A good event with junk in a few places, or with bytes of its text changed."""
    event = json.loads(json.dumps(GOOD))
    for path in draw(st.lists(st.sampled_from(paths(GOOD)), min_size=1, max_size=3, unique=True)):
        place = event
        try:
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = draw(JUNK)
        except (KeyError, IndexError, TypeError, AttributeError):
            continue  # an earlier change took the place away
    body = json.dumps(event).encode()
    if draw(st.integers(0, 3)) == 0:
        at = draw(st.integers(0, len(body) - 1))
        body = body[:at] + draw(st.binary(max_size=4)) + body[at + 1 :]
    return body


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
