"""An event's identity is that of its JSON value, whatever its text looks like and whatever was read before it."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from headwater_server.domain.event_parser import EventParser

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
FACETS = st.dictionaries(TEXT.map("x_{}".format), VALUES, max_size=3)


@st.composite
def datasets(draw: st.DrawFn, use: str) -> list[dict[str, Any]]:
    """Datasets as they are written in an event."""
    found = []
    for name in draw(st.lists(TEXT, max_size=3)):
        dataset: dict[str, Any] = {"namespace": "db", "name": name}
        if draw(st.booleans()):
            dataset["facets"] = draw(FACETS)
        if draw(st.booleans()):
            dataset[use] = draw(FACETS)
        found.append(dataset)
    return found


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    """A run's event with any parts that it may have."""
    run: dict[str, Any] = {"runId": draw(st.uuids().map(str) | TEXT)}
    if draw(st.booleans()):
        run["facets"] = draw(FACETS)
    event: dict[str, Any] = {
        "eventTime": "2026-03-02T10:00:00Z",
        "run": run,
        "job": {"namespace": "team", "name": "job", "facets": draw(FACETS)},
    }
    if draw(st.booleans()):
        event["inputs"] = draw(st.none() | datasets("inputFacets"))
    if draw(st.booleans()):
        event["outputs"] = draw(st.none() | datasets("outputFacets"))
    return event | draw(st.dictionaries(TEXT.map("x_{}".format), VALUES, max_size=2))


def in_other_words(value: Any, chance: random.Random) -> Any:
    """The same value with the keys of its objects in another order."""
    if isinstance(value, dict):
        items = [(key, in_other_words(inner, chance)) for key, inner in value.items()]
        chance.shuffle(items)
        return dict(items)
    return [in_other_words(inner, chance) for inner in value] if isinstance(value, list) else value


def identity(parser: EventParser, text: str) -> bytes:
    """The identity of an event."""
    return parser.parse(text.encode(), NOW).identity


def as_it_is_defined(event: dict[str, Any]) -> bytes:
    """The identity by the words of `identity`, for an event whose texts JSON libraries write alike."""

    def text(value: Any) -> bytes:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    def digest(data: bytes) -> bytes:
        return blake2b(data, digest_size=16).digest()

    def without(value: dict[str, Any], *keys: str) -> dict[str, Any]:
        return {key: inner for key, inner in value.items() if key not in keys}

    def array(name: str) -> bytes:
        stating = ("namespace", "name", "facets")
        return digest(
            b"".join(
                digest(text({key: one[key] for key in stating if key in one})) + text(without(one, *stating))
                for one in event[name]
            )
        )

    facets = digest(text(event["run"]["facets"]))
    others = without(event, "eventTime", "run", "inputs", "outputs")
    parts = (digest(facets + text(without(event["run"], "facets"))), array("inputs"), array("outputs"))
    return digest(b"".join(parts) + digest(text(others)) + text(event["eventTime"]))


@settings(max_examples=300, deadline=None)
@given(event=events(), seed=st.integers(), indent=st.none() | st.integers(0, 3))
def test_neither_order_nor_space_nor_what_was_read_before_changes_it(
    event: dict[str, Any], seed: int, indent: int | None
) -> None:
    parser = EventParser(max_event_bytes=1 << 20)
    first = identity(parser, json.dumps(event))
    other = json.dumps(in_other_words(event, random.Random(seed)), indent=indent, ensure_ascii=bool(seed % 2))
    assert identity(parser, other) == first
    assert identity(parser, json.dumps(event)) == first
    assert identity(EventParser(max_event_bytes=1 << 20), other) == first


@settings(max_examples=300, deadline=None)
@given(one=events(), other=events())
def test_two_values_have_two_identities(one: dict[str, Any], other: dict[str, Any]) -> None:
    assume(one != other)
    parser = EventParser(max_event_bytes=1 << 20)
    assert identity(parser, json.dumps(one)) != identity(parser, json.dumps(other))


def test_it_is_what_its_definition_says() -> None:
    schema = {"schema": {"fields": [{"name": "id", "type": "int"}]}}
    event = {
        "eventTime": "2026-03-02T10:00:00Z",
        "eventType": "COMPLETE",
        "producer": "https://example.com",
        "run": {"runId": "0195537a-5c00-7000-8000-000000000001", "facets": {"parent": None, "x": {"b": 1, "a": 2}}},
        "job": {"namespace": "team", "name": "job"},
        "inputs": [],
        "outputs": [
            {"namespace": "db", "name": "a", "facets": schema, "outputFacets": {"x": {"rowCount": 3}}},
            {"name": "b", "namespace": "db"},
        ],
    }
    found = identity(EventParser(max_event_bytes=1 << 20), json.dumps(event))
    assert found == as_it_is_defined(event)
    assert found.hex() == "5d1a8df6c99b41253786cd1d36f586e8"
