"""A graph of fields has the answers that workloads expect."""

from __future__ import annotations

import datetime as dt
import json

from bench.field_graphs import FIELD_COUNT, ROOT, make_field_component, make_field_events

TIME = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


def test_exactly_a_thousand_fields_are_reached_from_the_root() -> None:
    component = make_field_component(3)
    reached = {component.name_field(ROOT)}
    for source, target in component.iterate_links():
        assert source in reached
        reached.add(target)
    assert len(reached) == FIELD_COUNT
    assert 2_000 <= component.link_count <= 3_000


def test_the_events_state_every_link_once() -> None:
    component = make_field_component(0)
    stated = []
    for body in make_field_events(range(1), start=TIME):
        [output] = json.loads(body)["outputs"]
        for path, column in output["facets"]["columnLineage"]["fields"].items():
            stated += [
                (f"{each['name']}/{each['field']}", f"{output['name']}/{path}") for each in column["inputFields"]
            ]
    assert sorted(stated) == sorted(component.iterate_links())
