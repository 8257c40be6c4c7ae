"""Events that no sane producer sends: a good one with junk in it, or with bytes of its text changed."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import strategies as st

RUN = "0195537a-5c00-7000-8000-000000000001"
GOOD: dict[str, Any] = {
    "eventTime": "2026-03-02T10:00:00Z",
    "eventType": "COMPLETE",
    "producer": "https://example.com",
    "run": {
        "runId": RUN,
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
"""An event that says a little of everything; broken ones are made of it."""
JUNK = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.builds(list), st.builds(dict)),
    st.sampled_from(["", "\0", "x" * 5000, "\U0001f4a9", "../../etc", "' OR 1=1 --"]),
    st.lists(st.integers() | st.builds(list), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers() | st.none(), max_size=3),
)
"""What has no place in an event."""


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += paths(inner, (*path, key))
    return found


@st.composite
def broken_events(draw: st.DrawFn, junk: st.SearchStrategy[Any] = JUNK) -> bytes:
    """A good event with junk in a few places, or with bytes of its text changed."""
    event = copy.deepcopy(GOOD)
    for path in draw(st.lists(st.sampled_from(paths(GOOD)), max_size=3, unique=True)):
        place: Any = event
        try:
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = draw(junk)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    body = json.dumps(event).encode()
    if draw(st.integers(0, 3)) == 0:
        at = draw(st.integers(0, len(body) - 1))
        body = body[:at] + draw(st.binary(max_size=4)) + body[at + 1 :]
    return body
