"""Traces are what they promise to be."""

from __future__ import annotations

import datetime as dt
import json
import statistics
import uuid
from collections import defaultdict
from typing import Any

import pytest
from bench.estate import Estate, make_estate
from bench.traces import make_events

END = dt.datetime(2026, 11, 1, 12, tzinfo=dt.UTC)
COUNT = 4_000


@pytest.fixture(scope="module")
def estate() -> Estate:
    return make_estate(jobs=300)


@pytest.fixture(scope="module")
def bodies(estate: Estate) -> list[bytes]:
    return make_events(estate, COUNT, name="a", end=END)


@pytest.fixture(scope="module")
def events(bodies: list[bytes]) -> list[dict[str, Any]]:
    return [json.loads(body) for body in bodies]


def test_the_same_arguments_make_the_same_bytes(estate: Estate, bodies: list[bytes]) -> None:
    assert make_estate(jobs=300) == estate
    assert make_events(estate, COUNT, name="a", end=END) == bodies


def test_traces_with_different_names_share_jobs_and_no_run(estate: Estate, events: list[dict[str, Any]]) -> None:
    others = [json.loads(body) for body in make_events(estate, COUNT, name="b", end=END)]
    assert {event["job"]["name"] for event in others} == {event["job"]["name"] for event in events}
    assert not {event["run"]["runId"] for event in others} & {event["run"]["runId"] for event in events}


def test_an_odd_number_of_events_is_refused(estate: Estate) -> None:
    with pytest.raises(ValueError, match="even"):
        make_events(estate, 3, name="a", end=END)


def test_the_median_event_is_about_2_6_kilobytes(bodies: list[bytes]) -> None:
    assert 2_450 <= statistics.median(map(len, bodies)) <= 2_750


def test_every_event_has_what_openlineage_requires(events: list[dict[str, Any]]) -> None:
    assert len(events) == COUNT
    for event in events:
        assert event["producer"].startswith("https://")
        assert event["schemaURL"].endswith("#/$defs/RunEvent")
        assert event["job"]["namespace"]
        assert event["job"]["name"]
        for dataset in (*event["inputs"], *event["outputs"]):
            assert dataset["namespace"]
            assert dataset["name"]
        for facet in _facets(event):
            assert facet["_producer"]
            assert facet["_schemaURL"]


def test_times_increase_up_to_the_end(events: list[dict[str, Any]]) -> None:
    times = [dt.datetime.fromisoformat(event["eventTime"]) for event in events]
    assert times == sorted(set(times))
    assert times[-1] == END


def test_every_run_starts_and_then_completes(events: list[dict[str, Any]]) -> None:
    types = defaultdict(list)
    for event in events:
        types[event["run"]["runId"], event["job"]["name"]].append(event["eventType"])
    assert len(types) == COUNT // 2
    assert all(found == ["START", "COMPLETE"] for found in types.values())


def test_run_ids_are_version_7_uuids_of_the_start(events: list[dict[str, Any]]) -> None:
    for event in events:
        run_id = uuid.UUID(event["run"]["runId"])
        assert run_id.version == 7
        if event["eventType"] == "START":
            assert run_id.int >> 80 == int(dt.datetime.fromisoformat(event["eventTime"]).timestamp() * 1000)


def test_jobs_read_one_to_three_datasets_and_write_one_or_two(estate: Estate, events: list[dict[str, Any]]) -> None:
    assert {len(event["inputs"]) for event in events} == {1, 2, 3}
    assert {len(event["outputs"]) for event in events} == {1, 2}
    assert len(estate.jobs) == len({(job.namespace, job.name) for job in estate.jobs}) == 300


def test_no_dataset_is_made_of_itself(estate: Estate) -> None:
    for job in estate.jobs:
        assert max(job.inputs) < min(job.outputs)


def test_facets_say_what_producers_say(events: list[dict[str, Any]]) -> None:
    starts = [event for event in events if event["eventType"] == "START"]
    completes = [event for event in events if event["eventType"] == "COMPLETE"]
    assert all(set(event["run"]["facets"]) == {"parent", "nominalTime", "processing_engine"} for event in starts)
    assert all(set(event["job"]["facets"]) == {"jobType", "sql"} for event in starts)
    outputs = [output for event in completes for output in event["outputs"]]
    assert all(5 <= len(output["facets"]["schema"]["fields"]) <= 40 for output in outputs)
    assert 0.3 < statistics.fmean("columnLineage" in output["facets"] for output in outputs) < 0.7
    assert len({output["outputFacets"]["outputStatistics"]["rowCount"] for output in outputs}) > len(outputs) / 3


def test_column_lineage_names_fields_of_inputs(events: list[dict[str, Any]]) -> None:
    for event in events:
        if event["eventType"] != "COMPLETE":
            continue
        fields = {
            (dataset["namespace"], dataset["name"], field["name"])
            for dataset in event["inputs"]
            for field in dataset["facets"]["schema"]["fields"]
        }
        for output in event["outputs"]:
            for field in output["facets"].get("columnLineage", {}).get("fields", {}).values():
                for origin in field["inputFields"]:
                    assert (origin["namespace"], origin["name"], origin["field"]) in fields


def test_schemas_change_now_and_then(events: list[dict[str, Any]]) -> None:
    schemas = defaultdict(set)
    for event in events:
        for output in event["outputs"]:
            if "schema" in output["facets"]:
                schemas[output["name"]].add(json.dumps(output["facets"]["schema"]))
    changed = sum(len(found) - 1 for found in schemas.values())
    assert 0 < changed < COUNT // 100


def _facets(event: dict[str, Any]) -> list[dict[str, Any]]:
    owners = [event["run"], event["job"], *event["inputs"], *event["outputs"]]
    kinds = ("facets", "outputFacets")
    return [facet for owner in owners for kind in kinds for facet in owner.get(kind, {}).values()]
