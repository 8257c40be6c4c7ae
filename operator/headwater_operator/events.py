"""Observations as events. Pure, and the same for the same observation: an event's identity is its content.

What is said of the start follows from what never changes, so that a start seen live and one learnt after the end are
one event. A state is told only by the operator; programs in the pod report runs of their own, children of this one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from headwater.assets import describe_facets, describe_metrics
from headwater.names import InvalidName
from headwater.v1 import event_pb2 as pb

from .kinds.adapter import Cluster
from .observation import Dataset, Facets, Observation, ParentRun, Run, RunState
from .pipeline.coverage import Coverage
from .pipeline.pipeline import Pipeline
from .pipeline.spec import Criticality, Declaration

PRODUCER = "https://headwater.dev/operator"
DECLARED = "headwater_declared"
"""The dataset facet of an input or output that was declared and not seen."""

_OPENLINEAGE = "https://openlineage.io/spec/facets"
_HEADWATER = "https://headwater.dev/facets/1-0-0"
_SCHEMAS = {
    "documentation": f"{_OPENLINEAGE}/1-1-0/DocumentationJobFacet.json",
    "errorMessage": f"{_OPENLINEAGE}/1-0-1/ErrorMessageRunFacet.json",
    "executionParameters": f"{_OPENLINEAGE}/1-0-0/ExecutionParametersRunFacet.json",
    "jobType": f"{_OPENLINEAGE}/2-0-4/JobTypeJobFacet.json",
    "nominalTime": f"{_OPENLINEAGE}/1-0-1/NominalTimeRunFacet.json",
    "ownership": f"{_OPENLINEAGE}/1-0-1/OwnershipJobFacet.json",
    "sourceCodeLocation": f"{_OPENLINEAGE}/1-1-0/SourceCodeLocationJobFacet.json",
    "tags": f"{_OPENLINEAGE}/1-0-0/TagsJobFacet.json",
    DECLARED: f"{_HEADWATER}/DeclaredDatasetFacet.json",
    "headwater_kubernetes": f"{_HEADWATER}/KubernetesRunFacet.json",
    "headwater_artifact": f"{_HEADWATER}/ArtifactDatasetFacet.json",
    "headwater_kubeflow": f"{_HEADWATER}/KubeflowRunFacet.json",
    "headwater_output_parameters": f"{_HEADWATER}/OutputParametersRunFacet.json",
    "headwater_training": f"{_HEADWATER}/TrainingRunFacet.json",
}
_FINAL = {
    RunState.SUCCEEDED: pb.EVENT_TYPE_COMPLETE,
    RunState.FAILED: pb.EVENT_TYPE_FAIL,
    RunState.ABORTED: pb.EVENT_TYPE_ABORT,
}


@dataclass(frozen=True, slots=True)
class ReportedEvent:
    """An event to report: `run` orders it, `body` is the message as bytes, `droppable` where the store may lose it.

    `pipeline` is the UID of the pipeline that it is reported for.
    """

    run: UUID
    body: bytes
    droppable: bool
    pipeline: str


def events_of(
    observation: Observation, coverage: Coverage, cluster: Cluster, pipeline: Pipeline | None = None
) -> tuple[ReportedEvent, ...]:
    """The events that an observation amounts to: the start, and what has happened since. None where nothing covers it,
    nothing runs, or what it reads is not known yet. `pipeline` is the one that covers it where that is known."""
    run, pipeline = observation.run, pipeline or coverage.match(observation.chain).pipeline
    if run is None or pipeline is None or run.unresolved:
        return ()
    writer = _Writer(observation, run, pipeline, coverage, cluster)
    droppable = pipeline.spec.criticality is not Criticality.PRODUCTION
    return tuple(ReportedEvent(run.run_id, _serialized(each), droppable, pipeline.uid) for each in writer.events())


class _Writer:
    """Writes the events of one run."""

    def __init__(
        self, observation: Observation, run: Run, pipeline: Pipeline, coverage: Coverage, cluster: Cluster
    ) -> None:
        self._observation = observation
        self._run = run
        self._pipeline = pipeline
        self._coverage = coverage
        self._cluster = cluster
        self._names = coverage.job_name(observation.job.name, observation.chain, pipeline)
        self._parent = self._find_parent()
        self._job_facets = _facets(self._describe_job())
        self._declared_inputs = self._declared("inputs")
        self._declared_outputs = self._declared("outputs")

    def events(self) -> Iterable[pb.RunEvent]:
        """The events in the order of their times."""
        run = self._run
        yield self._event(run.started_at, pb.EVENT_TYPE_START, run.start_facets)
        if run.running_at is not None or run.state is RunState.RUNNING:
            yield self._event(run.running_at or run.started_at, pb.EVENT_TYPE_RUNNING, run.start_facets)
        if run.state.is_final:
            ended = run.ended_at or run.started_at
            yield self._event(ended, _FINAL[run.state], {**run.start_facets, **run.end_facets, **self._error()})

    def _event(self, time: datetime, event_type: pb.EventType.ValueType, facets: Facets) -> pb.RunEvent:
        return pb.RunEvent(
            event_time=_timestamp(time),
            event_type=event_type,
            producer=PRODUCER,
            run=pb.EventRun(
                run_id=str(self._run.run_id), parent=self._parent, facets=_facets({**self._nominal_time(), **facets})
            ),
            job=pb.EventJob(namespace=self._names.namespace, name=self._names.name, facets=self._job_facets),
            inputs=[pb.InputDataset(dataset=_dataset(each)) for each in self._inputs(event_type)],
            outputs=[_output(each) for each in self._outputs(event_type)],
        )

    def _inputs(self, event_type: pb.EventType.ValueType) -> Iterable[Dataset]:
        found = [*self._run.inputs, *(self._run.end_inputs if event_type in _FINAL.values() else ())]
        return found or self._declared_inputs

    def _outputs(self, event_type: pb.EventType.ValueType) -> Iterable[Dataset]:
        is_success = event_type == pb.EVENT_TYPE_COMPLETE
        found = [*self._run.outputs, *(self._run.planned_outputs if is_success else ())]
        return found or self._declared_outputs

    def _find_parent(self) -> pb.ParentRun | None:
        run = self._run
        parent = self._ancestor(run.parent)
        if (
            parent is not None
            and run.root is not None
            and run.parent is not None
            and run.root.run_id != run.parent.run_id
        ):
            root = self._ancestor(run.root)
            if root is not None:
                parent.root.CopyFrom(root)
        return parent

    def _ancestor(self, ancestor: ParentRun | None) -> pb.ParentRun | None:
        """An ancestor's run; None where no pipeline covers it, since it is not reported then."""
        if ancestor is None:
            return None
        chain = self._observation.chain[ancestor.at :]
        pipeline = self._coverage.match(chain).pipeline
        if pipeline is None:
            return None
        names = self._coverage.job_name(ancestor.job, chain, pipeline)
        return pb.ParentRun(run_id=str(ancestor.run_id), job_namespace=names.namespace, job_name=names.name)

    def _nominal_time(self) -> Facets:
        time = self._run.nominal_time
        return {"nominalTime": {"nominalStartTime": time.isoformat()}} if time else {}

    def _error(self) -> Facets:
        error = self._run.error
        return {"errorMessage": {"message": error, "programmingLanguage": "unknown"}} if error else {}

    def _describe_job(self) -> Facets:
        job, spec = self._observation.job, self._pipeline.spec
        facets: dict[str, Mapping[str, object]] = {
            "jobType": {"processingType": job.processing, "integration": job.integration, "jobType": job.type},
            "tags": {
                "tags": [
                    {"key": "pipeline", "value": self._pipeline.name, "source": "KUBERNETES"},
                    {"key": "criticality", "value": spec.criticality.value, "source": "KUBERNETES"},
                ]
            },
        }
        if spec.owner:
            facets["ownership"] = {"owners": [{"name": spec.owner}]}
        return {**facets, **job.facets}

    def _declared(self, side: str) -> list[Dataset]:
        """What is declared of a run that says nothing of this side itself."""
        run = self._run
        if run.inputs or run.outputs or run.end_inputs or run.planned_outputs:
            return []
        name = self._observation.job.name
        fitting: Iterable[Declaration] = (each for each in self._pipeline.spec.declared if fnmatchcase(name, each.job))
        found = [self._dataset(uri) for each in fitting for uri in getattr(each, side)]
        facet = {DECLARED: {"pipeline": self._pipeline.name}}
        unique = {(each.namespace, each.name): each for each in found if each is not None}
        return [Dataset(each.namespace, each.name, each.kind, "", facet) for each in unique.values()]

    def _dataset(self, uri: str) -> Dataset | None:
        """What a declared URI names; None for one that names nothing, which the pipeline's status says."""
        try:
            return self._cluster.dataset(uri, self._observation.chain[0].namespace)
        except InvalidName:
            return None


def undeclarable(pipeline: Pipeline, cluster: Cluster) -> Iterator[str]:
    """What is wrong with the URIs that a pipeline declares."""
    for at, declaration in enumerate(pipeline.spec.declared):
        for side in ("inputs", "outputs"):
            for uri in getattr(declaration, side):
                try:
                    cluster.dataset(uri, pipeline.namespace)
                except InvalidName as error:
                    yield f"spec.declared[{at}].{side}: {error}"


def _output(dataset: Dataset) -> pb.OutputDataset:
    return pb.OutputDataset(dataset=_dataset(dataset), metrics=describe_metrics(dataset.metrics))


def _dataset(dataset: Dataset) -> pb.EventDataset:
    return pb.EventDataset(
        namespace=dataset.namespace,
        name=dataset.name,
        kind=dataset.kind,
        version=dataset.version,
        facets=_facets(dataset.facets),
    )


def _facets(facets: Facets) -> dict[str, bytes]:
    return describe_facets({name: _marked(name, facet) for name, facet in facets.items()})


def _marked(name: str, facet: Mapping[str, object]) -> Mapping[str, Any]:
    marks = {"_producer": PRODUCER}
    if schema := _SCHEMAS.get(name):
        marks["_schemaURL"] = schema
    return {**marks, **facet}


def _timestamp(time: datetime) -> Timestamp:
    found = Timestamp()
    found.FromDatetime(time)
    return found


def _serialized(event: pb.RunEvent) -> bytes:
    return pb.Event(run_event=event).SerializeToString(deterministic=True)
