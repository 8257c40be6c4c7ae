"""An event that is read by its template is what it would be if it were read whole, and so are its mistakes."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater_server.domain.errors import HeadwaterError
from headwater_server.domain.event import Event
from headwater_server.domain.event_parser import EventParser
from headwater_server.domain.readings import NEIGHBOURS, Readings

NOW = datetime(2026, 3, 2, 10, 30, 0, tzinfo=UTC)
JAVA = ("eventTime", "producer", "schemaURL", "eventType", "run", "job", "inputs", "outputs")
PYTHON = tuple(sorted(JAVA))


def run_id(number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, str(number)))


def event_of(number: int, order: Iterable[str] = JAVA, *, spaces: bool = False, **others: Any) -> bytes:
    """An event of the one job, with the numbers of its own run: parent, interval, and rows that were written."""
    parent = {"run": {"runId": run_id(-number)}, "job": {"namespace": "team", "name": "nightly"}}
    nominal = {"nominalStartTime": (NOW - timedelta(hours=number)).isoformat()}
    said: dict[str, Any] = {
        "eventTime": (NOW + timedelta(seconds=number)).isoformat(),
        "producer": "https://acme.example/spark",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "eventType": "COMPLETE",
        "run": {"runId": run_id(number), "facets": {"parent": parent, "nominalTime": nominal}},
        "job": {"facets": {"sql": {"query": "SELECT 1"}}, "namespace": "team", "name": "load"},
        "inputs": [{"namespace": "db", "name": "orders", "inputFacets": {"rows": {"count": number}}}],
        "outputs": [
            {"namespace": "db", "name": "users", "facets": {"schema": {"fields": [{"name": "id"}]}}},
            {"namespace": "db", "name": "days", "outputFacets": {"written": {"rows": number * 7, "bytes": 1.5}}},
        ],
    } | others
    separators = (", ", ": ") if spaces else (",", ":")
    return json.dumps({name: said[name] for name in order}, separators=separators).encode()


def outcome(parser: EventParser, body: bytes) -> object:
    """All that becomes of a text, but whether it fits a template."""
    try:
        event = parser.parse(body, NOW)
    except HeadwaterError as error:
        return type(error), str(error), error.metadata
    return msgspec.structs.asdict(event) | {"statement": event.statement.source, "fitted": None}


def taught(bodies: Iterable[bytes]) -> EventParser:
    """A parser that has read these events."""
    parser = EventParser(max_event_bytes=1 << 20)
    for body in bodies:
        parser.parse(body, NOW)
    return parser


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The texts that were read whole since."""
    read: list[bytes] = []
    parse = EventParser._parse

    def noted(self: EventParser, body: bytes, receive_time: datetime) -> Event:
        read.append(body)
        return parse(self, body, receive_time)

    monkeypatch.setattr(EventParser, "_parse", noted)
    return read


@pytest.mark.parametrize("order", [JAVA, PYTHON], ids=["as Java sends", "as Python sends"])
@pytest.mark.parametrize("spaces", [False, True], ids=["dense", "with spaces"])
def test_a_job_that_says_the_same_is_not_read_whole_again(
    order: tuple[str, ...], spaces: bool, whole: list[bytes]
) -> None:
    bodies = [event_of(number, order, spaces=spaces) for number in range(100, 110)]
    parser = taught(bodies[:3])
    whole.clear()
    found = [outcome(parser, body) for body in bodies]
    assert whole == []
    assert found == [outcome(EventParser(max_event_bytes=1 << 20), body) for body in bodies]


def test_events_of_all_types_of_a_run_have_readings_beside_each_other(whole: list[bytes]) -> None:
    types = ("START", "RUNNING", "COMPLETE")
    parser = taught(event_of(number, eventType=each) for number in range(100, 104) for each in types)
    bodies = [event_of(number, eventType=each) for number in range(200, 204) for each in types]
    expected = [outcome(EventParser(max_event_bytes=1 << 20), body) for body in bodies]
    whole.clear()
    assert [outcome(parser, body) for body in bodies] == expected
    assert whole == []


def test_what_differs_in_what_is_stated_is_read_whole(whole: list[bytes]) -> None:
    jobs = [{"namespace": "team", "name": "load", "facets": {"sql": {"query": f"SELECT {n}"}}} for n in range(9)]
    bodies = [event_of(100 + number, job=job) for number, job in enumerate(jobs)]
    parser = taught(bodies)
    assert whole == bodies
    assert len({parser.parse(body, NOW).statement.id for body in bodies}) == 9


def test_few_readings_are_remembered_of_texts_that_look_alike() -> None:
    readings, parser = Readings(), EventParser(max_event_bytes=1 << 20)
    for version in range(3 * NEIGHBOURS):
        facets = {"documentation": {"description": "-" * 99}, "sql": {"query": f"SELECT {version}"}}
        job = {"namespace": "team", "name": "load", "facets": facets}
        for number in range(2):
            body = event_of(number, job=job)
            event = parser.parse(body, NOW)
        assert event.fitted
        readings.learn(body, event.fitted, lambda _: None)
    ((neighbours, _),) = readings._known._young.values()
    assert len(neighbours) == NEIGHBOURS


HOSTILE = st.sampled_from(
    [
        b'"',
        b'","x":"',
        b'"}},"job":{"namespace":"a","name":"b"},"run":{"runId":"c',
        b"null",
        b"{}",
        b"[]",
        b"NaN",
        b"-Infinity",
        b"\\",
        b"\\u0000",
        b"\\ud800",
        b"\xff",
        b"\0",
        b"\n",
        b" ",
        b"2026-03-02T10:30:00Z",
        b"not a time",
        b'"eventTime"',
        b'"run"',
        b"}",
        b",",
        b"1e999",
        b"[" * 2000,
    ]
)
KNOWN = [event_of(number, order) for order in (JAVA, PYTHON) for number in range(1000, 1004)]
PARSER = taught(KNOWN)


@given(
    st.sampled_from([event_of(1010), event_of(1011, PYTHON)]),
    st.integers(0, 1500),
    st.integers(0, 40),
    HOSTILE | st.binary(max_size=3),
)
def test_whatever_stands_in_a_text_it_is_what_it_is_when_it_is_read_whole(
    body: bytes, place: int, cut: int, put: bytes
) -> None:
    changed = body[:place] + put + body[place + cut :]
    assert outcome(PARSER, changed) == outcome(EventParser(max_event_bytes=1 << 20), changed)


def test_of_two_mistakes_the_same_one_is_told() -> None:
    nominal = (NOW - timedelta(hours=1030)).isoformat().encode()
    body = event_of(1030, eventTime="no time").replace(b'"%b"' % nominal, b"NaN")
    assert PARSER._readings.find(body)
    assert outcome(PARSER, body) == outcome(EventParser(max_event_bytes=1 << 20), body)


VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.sampled_from([JAVA, PYTHON]),
    st.sampled_from(["eventTime", "run", "job", "inputs", "outputs", "eventType", "producer"]),
    VALUE | st.sampled_from(["2026-03-02T10:30:00", "2026-03-02T10:30:00+02:00", "9999-01-01T00:00:00Z"]),
)
def test_whatever_value_stands_in_a_place_it_is_what_it_is_when_it_is_read_whole(
    order: tuple[str, ...], name: str, value: object
) -> None:
    body = event_of(1020, order, **{name: value})
    assert outcome(PARSER, body) == outcome(EventParser(max_event_bytes=1 << 20), body)


@given(VALUE, VALUE)
def test_whatever_a_dataset_tells_of_one_run_the_identity_follows(first: object, second: object) -> None:
    def told(value: object) -> bytes:
        return event_of(
            7, outputs=[{"namespace": "db", "name": "days", "outputFacets": {"any": value, "pad": "x" * 99}}]
        )

    parser = taught([told("one"), told("two"), told(3)])
    for value in (first, second):
        assert outcome(parser, told(value)) == outcome(EventParser(max_event_bytes=1 << 20), told(value))
