"""The typed events of the contract as OpenLineage JSON: the same message always gives the same bytes.

Typed fields become the facets that `event.proto` names; facets given as JSON go in byte for byte and hold over typed
ones. Whether the event has a meaning is not judged here: what is missing in the message is missing in the JSON, and the
server says so in the same words for both forms. Pure: the standard library and the generated messages, nothing else.
"""

import json
import math
from collections.abc import Iterable, Mapping
from typing import NoReturn, TypeAlias

from google.protobuf.timestamp_pb2 import Timestamp

from .v1 import event_pb2 as pb

Json: TypeAlias = "str | float | list[Json] | dict[str, Json]"

PRODUCER = "https://headwater.dev/client"
"""Stands in for the producer of a typed event that names none: OpenLineage requires one."""

_SPEC = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/"
_FACETS = {
    "datasetType": ("https://openlineage.io/spec/facets/1-0-1/", "DatasetTypeDatasetFacet"),
    "headwater_features": ("https://headwater.dev/facets/1-0-0/", "FeaturesDatasetFacet"),
    "headwater_metrics": ("https://headwater.dev/facets/1-0-0/", "MetricsOutputDatasetFacet"),
    "headwater_model": ("https://headwater.dev/facets/1-0-0/", "ModelDatasetFacet"),
    "parent": ("https://openlineage.io/spec/facets/1-2-0/", "ParentRunFacet"),
    "schema": ("https://openlineage.io/spec/facets/1-2-0/", "SchemaDatasetFacet"),
    "version": ("https://openlineage.io/spec/facets/1-0-1/", "DatasetVersionDatasetFacet"),
}
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class MalformedEvent(ValueError):
    """Says that a message cannot be written as JSON. `field` is the path in the OpenLineage event, `problem` why."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(field, problem)
        self.field = field
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.field} {self.problem}"


def to_open_lineage(event: pb.Event) -> bytes:
    """Gives the event's JSON text, UTF-8. An event that is JSON already is given as it is.

    Raises MalformedEvent for an event without a body, a facet that is not a JSON object, and a time outside the years
    1 to 9999.

    >>> to_open_lineage(pb.Event(job_event=pb.JobEvent(job=pb.EventJob(namespace="team", name="train"))))
    b'{"producer":"https://headwater.dev/client","schemaURL":"https://...","job":{"namespace":"team","name":"train"}}'
    """
    match event.WhichOneof("body"):
        case "open_lineage":
            return event.open_lineage
        case "run_event":
            return _run_event(event.run_event)
        case "dataset_event":
            return _dataset_event(event.dataset_event)
        case "job_event":
            return _job_event(event.job_event)
        case _:
            raise MalformedEvent("event", "has no body")


def _run_event(event: pb.RunEvent) -> bytes:
    maker = _Maker(event.producer or PRODUCER)
    return _object(
        eventTime=_time(event),
        eventType=_event_type(event.event_type),
        producer=_text(maker.producer),
        schemaURL=_text(_SPEC + "RunEvent"),
        run=maker.run(event.run),
        job=maker.job(event.job),
        inputs=_array(maker.input(each, f"inputs[{i}]") for i, each in enumerate(event.inputs)),
        outputs=_array(maker.output(each, f"outputs[{i}]") for i, each in enumerate(event.outputs)),
    )


def _dataset_event(event: pb.DatasetEvent) -> bytes:
    maker = _Maker(event.producer or PRODUCER)
    return _object(
        eventTime=_time(event),
        producer=_text(maker.producer),
        schemaURL=_text(_SPEC + "DatasetEvent"),
        dataset=_object(**maker.dataset(event.dataset, "dataset")),
    )


def _job_event(event: pb.JobEvent) -> bytes:
    maker = _Maker(event.producer or PRODUCER)
    return _object(
        eventTime=_time(event),
        producer=_text(maker.producer),
        schemaURL=_text(_SPEC + "JobEvent"),
        job=maker.job(event.job),
        inputs=_array(maker.input(each, f"inputs[{i}]") for i, each in enumerate(event.inputs)),
        outputs=_array(maker.output(each, f"outputs[{i}]") for i, each in enumerate(event.outputs)),
    )


class _Maker:
    """Makes the parts of one event. Every typed facet names the event's producer."""

    def __init__(self, producer: str) -> None:
        self.producer = producer

    def run(self, run: pb.EventRun) -> bytes:
        parent = _parent(run.parent) if run.HasField("parent") else {}
        return _object(runId=_text(run.run_id), facets=self.facets("run.facets", run.facets, parent=parent))

    def job(self, job: pb.EventJob) -> bytes:
        facets = self.facets("job.facets", job.facets)
        return _object(namespace=_text(job.namespace), name=_text(job.name), facets=facets)

    def input(self, each: pb.InputDataset, path: str) -> bytes:
        facets = self.facets(f"{path}.inputFacets", each.input_facets)
        return _object(**self.dataset(each.dataset, path), inputFacets=facets)

    def output(self, each: pb.OutputDataset, path: str) -> bytes:
        metrics = _said(metrics=_metrics(each.metrics))
        facets = self.facets(f"{path}.outputFacets", each.output_facets, headwater_metrics=metrics)
        return _object(**self.dataset(each.dataset, path), outputFacets=facets)

    def dataset(self, dataset: pb.EventDataset, path: str) -> dict[str, bytes]:
        facets = self.facets(
            f"{path}.facets",
            dataset.facets,
            datasetType=_said(datasetType=dataset.kind),
            version=_said(datasetVersion=dataset.version),
            schema=_said(fields=_fields(dataset.fields)),
            headwater_model=_model(dataset.model),
            headwater_features=_said(features=_features(dataset.features)),
        )
        return {"namespace": _text(dataset.namespace), "name": _text(dataset.name), "facets": facets}

    def facets(self, path: str, given: Mapping[str, bytes], **typed: dict[str, Json]) -> bytes:
        facets = {name: self._facet(name, body) for name, body in typed.items() if body}
        facets |= {name: _checked(text, f"{path}.{name}") for name, text in given.items()}
        members = [_encode(name).encode() + b":" + facets[name] for name in sorted(facets)]
        return b"{" + b",".join(members) + b"}" if members else b""

    def _facet(self, name: str, body: dict[str, Json]) -> bytes:
        folder, definition = _FACETS[name]
        schema = f"{folder}{definition}.json#/$defs/{definition}"
        return _encode({"_producer": self.producer, "_schemaURL": schema} | body).encode()


def _parent(parent: pb.ParentRun) -> dict[str, Json]:
    return _said(
        run=_said(runId=parent.run_id),
        job=_said(namespace=parent.job_namespace, name=parent.job_name),
        root=_parent(parent.root) if parent.HasField("root") else {},
    )


def _fields(fields: Iterable[pb.EventField]) -> list[Json]:
    return [
        _said(name=each.name, type=each.type, description=each.description, fields=_fields(each.fields))
        for each in fields
    ]


def _model(model: pb.ModelDetails) -> dict[str, Json]:
    return _said(
        framework=model.framework,
        algorithm=model.algorithm,
        task=model.task,
        stage=model.stage,
        parameters={key: model.parameters[key] for key in sorted(model.parameters)},
    )


def _features(features: Iterable[pb.FeatureDetails]) -> list[Json]:
    return [_said(name=each.name, entity=each.entity, description=each.description) for each in features]


def _metrics(metrics: Iterable[pb.Metric]) -> list[Json]:
    return [{"name": each.name, "value": _number(each.value)} | _said(split=each.split) for each in metrics]


def _number(value: float) -> float | str:
    # JSON has no NaN or infinity; protobuf's own JSON form writes these words.
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def _event_type(number: pb.EventType.ValueType) -> bytes:
    if number == pb.EVENT_TYPE_UNSPECIFIED:
        return b""
    try:
        return _text(pb.EventType.Name(number).removeprefix("EVENT_TYPE_"))
    except ValueError:
        raise MalformedEvent("eventType", f"is not known: {number}") from None


def _time(event: pb.RunEvent | pb.DatasetEvent | pb.JobEvent) -> bytes:
    time: Timestamp = event.event_time
    try:
        return _text(time.ToJsonString()) if event.HasField("event_time") else b""
    except ValueError as error:
        raise MalformedEvent("eventTime", f"is no time: {error}") from None


def _checked(text: bytes, path: str) -> bytes:
    try:
        # Numbers stay text: only the grammar is checked, and a long number costs nothing.
        value = json.loads(text.decode(), parse_int=str, parse_float=str, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise MalformedEvent(path, f"is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise MalformedEvent(path, "must be a JSON object")
    return text


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON number")


def _said(**parts: Json) -> dict[str, Json]:
    return {name: part for name, part in parts.items() if part}


def _text(value: str) -> bytes:
    return _encode(value).encode() if value else b""


def _array(members: Iterable[bytes]) -> bytes:
    items = [member or b"{}" for member in members]
    return b"[" + b",".join(items) + b"]" if items else b""


def _object(**members: bytes) -> bytes:
    text = b",".join(b'"%s":%s' % (name.encode(), member) for name, member in members.items() if member)
    return b"{" + text + b"}" if text else b""
