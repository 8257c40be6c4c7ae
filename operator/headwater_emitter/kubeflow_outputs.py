"""What a task of Kubeflow Pipelines wrote, from what its executor noted, as an event beside the operator's. Pure.

It says nothing of the run's state: that is the operator's. The same files make the same event.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from headwater.assets import describe_facets
from headwater.v1.event_pb2 import Event, EventDataset, EventJob, EventRun, Metric, OutputDataset, RunEvent

from .pod import KubeflowTask, OutputArtifact
from .pod_event import PRODUCER

PARAMETERS = "headwater_output_parameters"
"""The run facet: the parameters that a task gave back."""

CONTENT = "headwater_content"
"""The output facet: what was noted of an output, and what lay in it."""

_SCHEMAS = "https://headwater.dev/facets/1-0-0/"
_STATISTICS = "https://openlineage.io/spec/facets/1-0-2/OutputStatisticsOutputDatasetFacet.json"
_LONGEST_VALUE = 10_000


class NoMetadata(ValueError):
    """A text is no `output_metadata.json`, or not all of it."""


@dataclass(frozen=True, slots=True)
class Noted:
    """What the executor noted: output parameters, and of each output its URI and metadata."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    artifacts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Content:
    """What lay in an output: bytes, files, and their SHA-256; `left_out` says why there is none."""

    size: int
    files: int
    sha256: str = ""
    left_out: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What a task left, and when. `noted` is None where its executor did not end well: then no output is written."""

    time_ns: int
    noted: Noted | None
    parameters: Mapping[str, str] = field(default_factory=dict)
    contents: Mapping[str, Content] = field(default_factory=dict)


def read_noted(text: bytes) -> Noted:
    """Reads an `output_metadata.json`, which is protojson of ExecutorOutput. Raises NoMetadata."""
    try:
        whole = json.loads(text)
        artifacts = whole.get("artifacts") or {}
        firsts = {name: (listed.get("artifacts") or [{}])[0] for name, listed in artifacts.items()}
        parameters = whole.get("parameterValues") or {}
        if not isinstance(parameters, dict) or not all(isinstance(each, dict) for each in firsts.values()):
            raise TypeError("has a part of another type")
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
        raise NoMetadata(f"is no output metadata: {error}") from None
    return Noted(parameters, firsts)


def task_event(task: KubeflowTask, found: Found) -> Event | None:
    """The event about what a task left; None where that is nothing."""
    noted = found.noted or Noted()
    parameters = {**found.parameters, **noted.parameters}
    outputs = [] if found.noted is None else [*_outputs(task, found, noted)]
    if not parameters and not outputs:
        return None
    facets = {}
    if parameters:
        listed = [{"key": key, "value": _text(value)} for key, value in sorted(parameters.items())]
        facets[PARAMETERS] = _marked(_ours("OutputParametersRunFacet"), {"parameters": listed})
    time = Timestamp()
    time.FromNanoseconds(found.time_ns)
    event = RunEvent(
        event_time=time,
        producer=PRODUCER,
        run=EventRun(run_id=task.run.run_id, facets=describe_facets(facets)),
        job=EventJob(namespace=task.run.namespace, name=task.run.name),
        outputs=outputs,
    )
    return Event(run_event=event)


def _outputs(task: KubeflowTask, found: Found, noted: Noted) -> Iterator[OutputDataset]:
    for each in task.artifacts:
        about, content = noted.artifacts.get(each.name), found.contents.get(each.name)
        if about is None and content is None:
            continue  # an optional output that this execution did not write
        metadata = (about or {}).get("metadata") or {}
        facets = {CONTENT: _content_facet(each, about or {}, metadata, content)}
        if content is not None:
            statistics = {"size": content.size, "fileCount": content.files}
            definition = "#/$defs/OutputStatisticsOutputDatasetFacet"
            facets["outputStatistics"] = _marked(_STATISTICS + definition, statistics)
        yield OutputDataset(
            dataset=EventDataset(namespace=each.namespace, name=each.dataset, version=each.version),
            metrics=_metrics(each, metadata),
            output_facets=describe_facets(facets),
        )


def _content_facet(
    artifact: OutputArtifact, about: Mapping[str, Any], metadata: object, content: Content | None
) -> Mapping[str, object]:
    uri = about.get("uri")
    known = {
        "metadata": metadata,
        "uri": uri if uri != artifact.version else "",
        "sha256": content.sha256 if content else "",
        "leftOut": content.left_out if content else "",
    }
    return _marked(_ours("ContentOutputDatasetFacet"), {name: value for name, value in known.items() if value})


def _metrics(artifact: OutputArtifact, metadata: object) -> list[Metric]:
    """The measures that an artifact of the type Metrics is, as Kubeflow Pipelines' own API gives them."""
    if not artifact.type.endswith("Metrics") or not isinstance(metadata, dict):
        return []
    numbers = {name: value for name, value in sorted(metadata.items()) if _is_number(value)}
    return [Metric(name=name, value=float(value)) for name, value in numbers.items()]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}… ({len(text)} characters)"


def _ours(definition: str) -> str:
    return f"{_SCHEMAS}{definition}.json#/$defs/{definition}"


def _marked(schema: str, facet: Mapping[str, object]) -> Mapping[str, object]:
    return {"_producer": PRODUCER, "_schemaURL": schema, **facet}
