"""Events as real producers sent them are accepted, in any order, and make the links that they state."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from headwater.names import DatasetName
from headwater.v1 import lineage_service_pb2 as api
from headwater.v1.event_pb2 import EventResult

from .conftest import Service


def real_events(folder: Path) -> list[bytes]:
    """Every event under `scenarios`, in order."""
    return [file.read_bytes() for file in sorted(folder.glob("scenarios/*/events/*.json"))]


def stated_columns(events: list[dict[str, Any]]) -> set[tuple[str, str, str, str]]:
    """The field links that column lineage states: source, its field, target, its field."""
    found: set[tuple[str, str, str, str]] = set()
    for event in events:
        for output in event.get("outputs") or []:
            fields = (output.get("facets") or {}).get("columnLineage", {}).get("fields", {})
            for path, column in fields.items():
                found.update((i["name"], i["field"], output["name"], path) for i in column["inputFields"])
    return found


@pytest.mark.parametrize("shuffle", [False, True], ids=["in order", "shuffled"])
async def test_every_event_is_accepted_and_every_stated_column_link_is_there(
    service: Service, open_lineage: Path, shuffle: bool
) -> None:
    bodies = real_events(open_lineage)
    assert len(bodies) == 42
    if shuffle:
        random.Random(7).shuffle(bodies)
    results = await service.send(*bodies)
    assert {result.outcome for result in results} == {EventResult.OUTCOME_ACCEPTED}
    events = [json.loads(body) for body in bodies]
    expected = stated_columns(events)
    outputs = {(o["namespace"], o["name"]) for event in events for o in event.get("outputs") or []}
    found: set[tuple[str, str, str, str]] = set()
    for output in outputs:
        request = api.SearchLinksRequest(target=str(DatasetName(*output)), field_links=True, page_size=1000)
        for link in (await service.lineage.SearchLinks(request)).links:
            source, target = DatasetName.parse(link.source).dataset, DatasetName.parse(link.target).dataset
            found.add((source, link.source_field, target, link.target_field))
    assert found == expected


async def test_the_graph_of_the_events_is_the_one_that_their_producers_meant(
    service: Service, open_lineage: Path
) -> None:
    await service.send(*real_events(open_lineage))
    assert await _upstream(service, "bigquery", "mock-project.test.upload_cp") >= {
        "mock-project.test.upload",
        "test.csv",
    }
    assert await _upstream(service, "file", "/tmp/cll_test/tbl1") == {
        "/tmp/cll_test/cll_source1",
        "/tmp/cll_test/cll_source2",
    }


async def _upstream(service: Service, namespace: str, name: str) -> set[str]:
    walk = api.Traversal(roots=[str(DatasetName(namespace, name))])
    nodes = (await service.lineage.GetLineage(api.GetLineageRequest(traversal=walk))).nodes
    return {node.display_name for node in nodes if node.depth > 0 and "/datasets/" in node.name}
