"""What is seen of an event before it is kept."""

from __future__ import annotations

import json

import pytest

from headwater.errors import InvalidEvent, TooLarge
from headwater_emitter.reading import Mention, read_mention

from .events import an_event


def read(value: object) -> Mention | None:
    return read_mention(json.dumps(value).encode(), 100_000)


def test_the_run_is_read_as_the_event_writes_it() -> None:
    assert read(an_event("A-1")) == Mention("A-1", "team", "load", "2026-11-23T12:00:00Z", has_parent=False)


@pytest.mark.parametrize(("facets", "has_parent"), [({}, False), ({"parent": {}}, True), ({"parent": None}, False)])
def test_it_is_seen_whether_the_event_names_a_parent(facets: dict[str, object], has_parent: bool) -> None:
    found = read(an_event("a", **facets))
    assert found is not None
    assert found.has_parent is has_parent


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"job": {"namespace": "a", "name": "b"}, "eventTime": "2026-11-23T12:00:00Z"},
        {"run": {"runId": 7}, "job": {"namespace": "a", "name": "b"}, "eventTime": "x"},
        {"run": {"runId": "a"}, "job": {"namespace": "a"}, "eventTime": "x"},
        {"run": "a", "job": [], "eventTime": None},
    ],
)
def test_what_says_no_run_plainly_is_an_event_all_the_same(event: dict[str, object]) -> None:
    assert read(event) is None


def test_bare_constants_of_python_are_understood() -> None:
    found = read(an_event("a", stats={"share": float("nan"), "most": float("-inf")}))
    assert found is not None
    assert found.run_id == "a"


@pytest.mark.parametrize("text", [b"", b"nonsense", b"[]", b'"NaN"', b"NaN", b'{"a": NaN', b"{" * 10_000])
def test_what_is_no_object_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidEvent) as error:
        read_mention(text, 100_000)
    assert error.value.metadata["field"] == "event"


@pytest.mark.parametrize(("text", "why"), [(b"nonsense", "is not JSON"), (b"[]", "is not a JSON object")])
def test_the_reason_is_told(text: bytes, why: str) -> None:
    with pytest.raises(InvalidEvent, match=f"event {why}"):
        read_mention(text, 100_000)


def test_what_is_too_large_is_refused_unread() -> None:
    with pytest.raises(TooLarge, match="event has 11 bytes: send at most 10"):
        read_mention(b"x" * 11, 10)
