"""Typed events as OpenLineage JSON: what the contract promises, byte for byte, valid by OpenLineage's own schema."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import ValidationError

from headwater.events import PRODUCER, MalformedEvent, to_open_lineage
from headwater.v1 import event_pb2 as pb

from ..open_lineage_schemas import OWN_FACETS, ROOT, Schemas, validate

CUSTOM = b'{ "_producer":"https://x.y/z",\n"_schemaURL":"https://x.y/z.json", "b":1e2 ,"a":"\\u00fc \xc3\xbc"}'
PRODUCED_BY = "https://example.com/job"


def a_dataset(name: str = "model", **said: Any) -> pb.EventDataset:
    return pb.EventDataset(namespace="s3://bucket", name=name, **said)


def a_model() -> pb.EventDataset:
    return a_dataset(
        kind="MODEL",
        version="1.2",
        fields=[
            pb.EventField(name="user", type="STRUCT", fields=[pb.EventField(name="id", type="BIGINT")]),
            pb.EventField(name="score", description="How likely, 0 to 1"),
        ],
        model=pb.ModelDetails(
            framework="sklearn",
            algorithm="GBC",
            task="classification",
            stage="production",
            parameters={"rate": "0.1", "empty": ""},
        ),
        features=[
            pb.FeatureDetails(name="orders_7d", entity="user", description="Orders"),
            pb.FeatureDetails(name="x"),
        ],
    )


def a_run_event(**changes: Any) -> pb.Event:
    said: dict[str, Any] = {
        "event_time": Timestamp(seconds=1795435200, nanos=5000),
        "event_type": pb.EVENT_TYPE_COMPLETE,
        "producer": PRODUCED_BY,
        "run": pb.EventRun(
            run_id="01936893-9a0b-7c11-a7f5-0d2a4c1f5e77",
            parent=pb.ParentRun(
                run_id="01936893-9a0b-7c11-a7f5-000000000001",
                job_namespace="team",
                job_name="nightly",
                root=pb.ParentRun(run_id="01936893-9a0b-7c11-a7f5-000000000002", job_namespace="team", job_name="root"),
            ),
            facets={"custom": CUSTOM},
        ),
        "job": pb.EventJob(namespace="team", name="tr\u00e4in", facets={"custom": CUSTOM}),
        "inputs": [pb.InputDataset(dataset=a_dataset("clicks"), input_facets={"custom": CUSTOM})],
        "outputs": [
            pb.OutputDataset(
                dataset=a_model(),
                metrics=[pb.Metric(name="auc", value=0.93, split="validation"), pb.Metric(name="loss")],
                output_facets={"custom": CUSTOM},
            )
        ],
    }
    return pb.Event(run_event=pb.RunEvent(**said | changes))


def a_dataset_event() -> pb.Event:
    time = Timestamp(seconds=1795435200)
    return pb.Event(dataset_event=pb.DatasetEvent(event_time=time, producer=PRODUCED_BY, dataset=a_model()))


def a_job_event() -> pb.Event:
    return pb.Event(
        job_event=pb.JobEvent(
            event_time=Timestamp(seconds=1795435200),
            job=pb.EventJob(namespace="team", name="train"),
            inputs=[pb.InputDataset(dataset=a_dataset("clicks"))],
            outputs=[pb.OutputDataset(dataset=a_dataset())],
        )
    )


def read(event: pb.Event) -> Any:
    return json.loads(to_open_lineage(event))


def a_facet(url: str, **said: object) -> dict[str, object]:
    return {"_producer": PRODUCED_BY, "_schemaURL": url, **said}


def test_a_run_event_says_what_its_fields_say() -> None:
    openlineage, headwater = "https://openlineage.io/spec/facets/", "https://headwater.dev/facets/1-0-0/"
    custom = json.loads(CUSTOM)
    assert read(a_run_event()) == {
        "eventTime": "2026-11-23T12:00:00.000005Z",
        "eventType": "COMPLETE",
        "producer": PRODUCED_BY,
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {
            "runId": "01936893-9a0b-7c11-a7f5-0d2a4c1f5e77",
            "facets": {
                "custom": custom,
                "parent": a_facet(
                    f"{openlineage}1-2-0/ParentRunFacet.json#/$defs/ParentRunFacet",
                    run={"runId": "01936893-9a0b-7c11-a7f5-000000000001"},
                    job={"namespace": "team", "name": "nightly"},
                    root={
                        "run": {"runId": "01936893-9a0b-7c11-a7f5-000000000002"},
                        "job": {"namespace": "team", "name": "root"},
                    },
                ),
            },
        },
        "job": {"namespace": "team", "name": "tr\u00e4in", "facets": {"custom": custom}},
        "inputs": [{"namespace": "s3://bucket", "name": "clicks", "inputFacets": {"custom": custom}}],
        "outputs": [
            {
                "namespace": "s3://bucket",
                "name": "model",
                "facets": {
                    "datasetType": a_facet(
                        f"{openlineage}1-0-1/DatasetTypeDatasetFacet.json#/$defs/DatasetTypeDatasetFacet",
                        datasetType="MODEL",
                    ),
                    "version": a_facet(
                        f"{openlineage}1-0-1/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet",
                        datasetVersion="1.2",
                    ),
                    "schema": a_facet(
                        f"{openlineage}1-2-0/SchemaDatasetFacet.json#/$defs/SchemaDatasetFacet",
                        fields=[
                            {"name": "user", "type": "STRUCT", "fields": [{"name": "id", "type": "BIGINT"}]},
                            {"name": "score", "description": "How likely, 0 to 1"},
                        ],
                    ),
                    "headwater_model": a_facet(
                        f"{headwater}ModelDatasetFacet.json#/$defs/ModelDatasetFacet",
                        framework="sklearn",
                        algorithm="GBC",
                        task="classification",
                        stage="production",
                        parameters={"rate": "0.1", "empty": ""},
                    ),
                    "headwater_features": a_facet(
                        f"{headwater}FeaturesDatasetFacet.json#/$defs/FeaturesDatasetFacet",
                        features=[
                            {"name": "orders_7d", "entity": "user", "description": "Orders"},
                            {"name": "x"},
                        ],
                    ),
                },
                "outputFacets": {
                    "custom": custom,
                    "headwater_metrics": a_facet(
                        f"{headwater}MetricsOutputDatasetFacet.json#/$defs/MetricsOutputDatasetFacet",
                        metrics=[
                            {"name": "auc", "value": 0.93, "split": "validation"},
                            {"name": "loss", "value": 0.0},
                        ],
                    ),
                },
            }
        ],
    }


def test_the_other_events_have_their_own_form() -> None:
    dataset, job = read(a_dataset_event()), read(a_job_event())
    assert set(dataset) == {"eventTime", "producer", "schemaURL", "dataset"}
    assert dataset["schemaURL"].endswith("#/$defs/DatasetEvent")
    assert dataset["dataset"]["facets"]["version"]["datasetVersion"] == "1.2"
    assert set(job) == {"eventTime", "producer", "schemaURL", "job", "inputs", "outputs"}
    assert job["schemaURL"].endswith("#/$defs/JobEvent")
    assert job["producer"] == PRODUCER


def test_an_event_that_is_json_already_is_given_as_it_is() -> None:
    assert to_open_lineage(pb.Event(open_lineage=b" not even JSON ")) == b" not even JSON "


def test_a_facet_goes_in_byte_for_byte() -> None:
    assert to_open_lineage(a_run_event()).count(b'"custom":' + CUSTOM) == 4


def test_a_facet_that_is_given_holds_over_a_typed_field() -> None:
    given = a_model()
    for name in ("datasetType", "version", "schema", "headwater_model", "headwater_features"):
        given.facets[name] = b'{"mine": "%s"}' % name.encode()
    output = pb.OutputDataset(
        dataset=given, metrics=[pb.Metric(name="auc")], output_facets={"headwater_metrics": b'{"mine": 1}'}
    )
    run = pb.EventRun(run_id="r", parent=pb.ParentRun(run_id="p"), facets={"parent": b'{"mine": 2}'})
    event = read(a_run_event(outputs=[output], run=run))
    [sent] = event["outputs"]
    assert sent["facets"] == {name: {"mine": name} for name in given.facets}
    assert sent["outputFacets"] == {"headwater_metrics": {"mine": 1}}
    assert event["run"]["facets"] == {"parent": {"mine": 2}}


def test_the_order_of_a_map_does_not_change_the_bytes() -> None:
    names = [f"facet{number}" for number in range(50)]
    forward = pb.EventJob(facets=dict.fromkeys(names, CUSTOM))
    backward = pb.EventJob(facets=dict.fromkeys(reversed(names), CUSTOM))
    one, other = a_run_event(job=forward), a_run_event(job=backward)
    for event, parameters in ((one, names), (other, reversed(names))):
        model = event.run_event.outputs[0].dataset.model
        model.parameters.clear()
        for name in parameters:
            model.parameters[name] = "1"
    assert to_open_lineage(one) == to_open_lineage(other)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="not closed"),
        pytest.param(b'{"a": 1,}', id="comma"),
        pytest.param(b"\xff{}", id="not UTF-8"),
        pytest.param(b"\xef\xbb\xbf{}", id="byte order mark"),
        pytest.param('{"a": 1}'.encode("utf-16"), id="UTF-16"),
        pytest.param(b'{"a": NaN}', id="NaN"),
        pytest.param(b'{"a": -Infinity}', id="infinity"),
        pytest.param(b"[]", id="array"),
        pytest.param(b"null", id="null"),
        pytest.param(b'{"a":' * 100_000, id="too deep"),
        pytest.param(b"{} {}", id="two"),
        pytest.param(b'{},"injected":{}', id="more members"),
    ],
)
@pytest.mark.parametrize(
    ("place", "field"),
    [
        ("run", "run.facets.x"),
        ("job", "job.facets.x"),
        ("input", "inputs[1].inputFacets.x"),
        ("output", "outputs[0].outputFacets.x"),
        ("dataset", "outputs[0].facets.x"),
    ],
)
def test_a_facet_that_is_no_json_object_is_named(text: bytes, place: str, field: str) -> None:
    bad = {"x": text}
    event = {
        "run": a_run_event(run=pb.EventRun(facets=bad)),
        "job": a_run_event(job=pb.EventJob(facets=bad)),
        "input": a_run_event(inputs=[pb.InputDataset(), pb.InputDataset(input_facets=bad)]),
        "output": a_run_event(outputs=[pb.OutputDataset(output_facets=bad)]),
        "dataset": a_run_event(outputs=[pb.OutputDataset(dataset=a_dataset(facets=bad))]),
    }[place]
    with pytest.raises(MalformedEvent) as caught:
        to_open_lineage(event)
    assert caught.value.field == field
    assert str(caught.value) == f"{field} {caught.value.problem}"
    assert isinstance(caught.value, ValueError)


def test_a_number_too_long_for_python_is_kept() -> None:
    long = b'{"n": ' + b"1" * 10_000 + b"}"
    assert long in to_open_lineage(a_run_event(job=pb.EventJob(facets={"x": long})))


def test_an_event_without_a_body_is_refused() -> None:
    with pytest.raises(MalformedEvent, match="event has no body"):
        to_open_lineage(pb.Event())


def test_an_event_type_of_a_later_contract_is_refused() -> None:
    with pytest.raises(MalformedEvent, match="eventType is not known: 99"):
        to_open_lineage(a_run_event(event_type=99))


@pytest.mark.parametrize("time", [Timestamp(seconds=10**15), Timestamp(nanos=-1), Timestamp(nanos=2 * 10**9)])
def test_a_time_that_is_none_is_refused(time: Timestamp) -> None:
    with pytest.raises(MalformedEvent, match="eventTime is no time"):
        to_open_lineage(a_run_event(event_time=time))


def test_what_is_missing_in_the_message_is_missing_in_the_json() -> None:
    empty = read(pb.Event(run_event=pb.RunEvent()))
    assert set(empty) == {"producer", "schemaURL"}
    half = read(pb.Event(run_event=pb.RunEvent(inputs=[pb.InputDataset()], job=pb.EventJob(name="x"))))
    assert half["inputs"] == [{}]
    assert half["job"] == {"name": "x"}


@pytest.mark.parametrize(
    ("value", "word"), [(float("nan"), "NaN"), (float("inf"), "Infinity"), (-float("inf"), "-Infinity")]
)
def test_a_measure_that_json_has_no_number_for_is_a_word(value: float, word: str) -> None:
    output = pb.OutputDataset(dataset=a_dataset(), metrics=[pb.Metric(name="loss", value=value)])
    [sent] = read(a_run_event(outputs=[output]))["outputs"]
    assert sent["outputFacets"]["headwater_metrics"]["metrics"] == [{"name": "loss", "value": word}]


@given(st.text(), st.text(), st.datetimes(timezones=st.just(UTC)))
def test_any_text_and_any_time_are_said_as_they_are(name: str, facet: str, time: datetime) -> None:
    at = Timestamp()
    at.FromDatetime(time)
    job = pb.EventJob(namespace="n", name=name, facets={facet: b"{}"})
    sent = read(a_run_event(job=job, event_time=at))
    assert sent["job"].get("name", "") == name
    assert sent["job"]["facets"] == {facet: {}}
    assert datetime.fromisoformat(sent["eventTime"]) == time


@pytest.mark.parametrize("make", [a_run_event, a_dataset_event, a_job_event])
def test_every_event_is_valid_by_the_schema_that_it_names(make: Any, schemas: Schemas) -> None:
    event = read(make())
    validate(event, event["schemaURL"], schemas)


def test_every_facet_is_valid_by_the_schema_that_it_names(schemas: Schemas) -> None:
    [output] = read(a_run_event())["outputs"]
    facets = output["facets"] | output["outputFacets"] | read(a_run_event())["run"]["facets"]
    facets.pop("custom")
    assert len(facets) == 7
    for facet in facets.values():
        validate(facet, facet["_schemaURL"], schemas)


@pytest.mark.parametrize(
    ("name", "facet"),
    [
        ("ModelDatasetFacet", {"parameters": {"rate": 0.1}}),
        ("FeaturesDatasetFacet", {"features": [{"entity": "user"}]}),
        ("MetricsOutputDatasetFacet", {"metrics": [{"name": "auc", "value": "high"}]}),
    ],
)
def test_our_schemas_refuse_what_they_do_not_describe(name: str, facet: dict[str, object], schemas: Schemas) -> None:
    url = f"https://headwater.dev/facets/1-0-0/{name}.json#/$defs/{name}"
    with pytest.raises(ValidationError):
        validate(a_facet(url, **facet), url, schemas)


@pytest.mark.parametrize("file", sorted(OWN_FACETS.glob("*.json")), ids=lambda file: file.stem)
def test_our_schemas_are_found_where_they_say(file: Path) -> None:
    schema = json.loads(file.read_text())
    assert schema["$id"] == f"https://headwater.dev/facets/1-0-0/{file.name}"
    assert file.stem in schema["$defs"]
    described = [schema["$defs"][file.stem], *schema["$defs"][file.stem]["allOf"][1]["properties"].values()]
    assert all(each["description"] for each in described)


def test_each_schema_of_ours_is_that_of_a_facet_that_we_send() -> None:
    sources = [file for root in ("client", "operator") for file in (ROOT / root).rglob("*.py")]
    code = "\n".join(file.read_text() for file in sources if "_pb2" not in file.name)
    assert {file.stem for file in OWN_FACETS.glob("*.json") if file.stem not in code} == set()
    named = set(re.findall(r"https://headwater\.dev/facets/1-0-0/(\w+)\.json", code))
    assert named - {file.stem for file in OWN_FACETS.glob("*.json")} == set()
