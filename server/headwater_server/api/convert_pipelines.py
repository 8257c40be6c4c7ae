"""Between the requests and answers of PipelineService and what its use cases take and give."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from headwater import names
from headwater.names import InvalidName, JobName, NamespaceName, dataset_name
from headwater.v1 import pipeline_pb2 as messages
from headwater.v1 import pipeline_service_pb2 as calls

from ..domain.errors import InvalidField, TooLarge
from ..domain.facets import MAX_NAME_BYTES as MAX_ASSET_BYTES
from ..domain.model import AssetName
from ..domain.pipelines import (
    Criticality,
    JobDeclaration,
    Pipeline,
    PipelineName,
    PipelineSpec,
    SeenWorkload,
    Workload,
    WorkloadQuery,
    distinct_workloads,
)
from .convert import check_text, read_name, read_time, to_run, to_time
from .convert_catalog import read_namespace

MAX_TEXT_BYTES = 65_536
"""The longest description or owner."""
MAX_NAME_BYTES = 1024
"""The longest namespace, name or kind: an index entry has to hold two."""
MAX_DECLARED = 10_000
"""How many jobs, and how many datasets of one job, a pipeline may declare."""
MAX_WORKLOADS = 10_000
"""How many workloads a namespace may have."""


def read_pipeline_name(field: str, text: str) -> PipelineName:
    """The name of a pipeline in a field of a request. Raises InvalidField or TooLarge."""
    name = read_name(field, text, names.PipelineName)
    return PipelineName(_named(field, name.namespace), _named(field, name.pipeline))


def read_spec(request: calls.UpdatePipelineRequest) -> PipelineSpec:
    """What a request declares of a pipeline. Raises InvalidField or TooLarge."""
    if not request.HasField("pipeline"):
        raise InvalidField("pipeline", "is missing", "send the pipeline")
    pipeline = request.pipeline
    for field in ("generation", "retention_days"):
        if getattr(pipeline, field) < 0:
            raise InvalidField(f"pipeline.{field}", "must not be negative", "use 0 where it is not known or not wanted")
    return PipelineSpec(
        name=read_pipeline_name("pipeline.name", pipeline.name),
        uid=_required("pipeline.uid", pipeline.uid, "send the UID of the resource"),
        generation=pipeline.generation,
        description=_text("pipeline.description", pipeline.description),
        owner=_text("pipeline.owner", pipeline.owner),
        criticality=_criticality(pipeline.criticality),
        declarations=tuple(_declarations(pipeline.declarations)),
        successful_percent=_percent(pipeline.sampling) if pipeline.HasField("sampling") else None,
        retention_days=pipeline.retention_days,
    )


def read_workloads(request: calls.UpdateWorkloadsRequest) -> tuple[str, list[Workload]]:
    """The namespace of a request and its workloads. Raises InvalidField or TooLarge."""
    namespace = read_namespace("parent", request.parent)
    if namespace is None:
        raise InvalidField("parent", "names all namespaces", "name one: namespaces/{namespace}")
    _named("parent", namespace)
    if len(request.workloads) > MAX_WORKLOADS:
        raise TooLarge("workloads", len(request.workloads), MAX_WORKLOADS, "workloads")
    found = [_workload(f"workloads[{i}]", message, namespace) for i, message in enumerate(request.workloads)]
    return namespace, distinct_workloads(found)


def read_query(request: calls.ListWorkloadsRequest) -> WorkloadQuery:
    """Which workloads a request asks for. Raises InvalidField or TooLarge."""
    if request.pipeline and request.uncovered:
        raise InvalidField("uncovered", "leaves nothing of a pipeline", "set either pipeline or uncovered")
    return WorkloadQuery(
        namespace=read_namespace("parent", request.parent),
        pipeline=read_pipeline_name("pipeline", request.pipeline) if request.pipeline else None,
        uncovered=request.uncovered,
        without_lineage=request.without_lineage,
    )


def to_pipeline(pipeline: Pipeline) -> messages.Pipeline:
    """A pipeline."""
    stored = pipeline.stored
    spec = stored.spec
    is_sampled = spec.successful_percent is not None or stored.sampled_out
    sampling = messages.Sampling(
        successful_percent=100 if spec.successful_percent is None else spec.successful_percent,
        sampled_out_count=stored.sampled_out,
    )
    return messages.Pipeline(
        name=str(names.PipelineName(*spec.name)),
        namespace=spec.name.namespace,
        display_name=spec.name.name,
        uid=spec.uid,
        generation=spec.generation,
        description=spec.description,
        owner=spec.owner,
        criticality=messages.Criticality.ValueType(spec.criticality),
        declarations=[
            messages.JobDeclaration(job=each.job, inputs=each.inputs, outputs=each.outputs)
            for each in spec.declarations
        ],
        sampling=sampling if is_sampled else None,
        retention_days=spec.retention_days,
        state=messages.PIPELINE_STATE_ENDED if stored.ended else messages.PIPELINE_STATE_ACTIVE,
        create_time=to_time(stored.created),
        update_time=to_time(stored.updated),
        end_time=to_time(stored.ended),
        completeness=[
            messages.Completeness(kind=each.kind, workload_count=each.workloads, with_lineage_count=each.with_lineage)
            for each in pipeline.completeness
        ],
        latest_run=to_run(pipeline.latest_run) if pipeline.latest_run else None,
    )


def to_workload(seen: SeenWorkload) -> messages.Workload:
    """A workload."""
    workload = seen.workload
    covered_by = names.PipelineName(seen.namespace, workload.pipeline) if workload.pipeline else ""
    return messages.Workload(
        job=str(JobName(*workload.job)),
        kind=workload.kind,
        pipeline=str(covered_by),
        change_time=to_time(workload.changed),
        namespace=seen.namespace,
        has_lineage=seen.has_lineage,
    )


def _workload(field: str, message: messages.Workload, namespace: str) -> Workload:
    job = read_name(f"{field}.job", message.job, JobName)
    for part in (job.namespace, job.job):
        _text(f"{field}.job", part, MAX_ASSET_BYTES)
    kind = _named(f"{field}.kind", _required(f"{field}.kind", message.kind, "name the kind, as in CronJob.batch"))
    pipeline = None
    if message.pipeline:
        name = read_pipeline_name(f"{field}.pipeline", message.pipeline)
        if name.namespace != namespace:
            raise InvalidField(
                f"{field}.pipeline", "is of another namespace", f"name a pipeline of {NamespaceName(namespace)}"
            )
        pipeline = name.name
    changed = read_time(f"{field}.change_time", message.change_time) if message.HasField("change_time") else None
    return Workload(kind, AssetName(job.namespace, job.job), pipeline, changed)


def _declarations(declared: Sequence[messages.JobDeclaration]) -> Iterable[JobDeclaration]:
    if len(declared) > MAX_DECLARED:
        raise TooLarge("pipeline.declarations", len(declared), MAX_DECLARED, "jobs")
    for index, each in enumerate(declared):
        field = f"pipeline.declarations[{index}]"
        job = _named(f"{field}.job", _required(f"{field}.job", each.job, "name jobs, with * and ?"))
        yield JobDeclaration(
            job, _datasets(f"{field}.inputs", each.inputs), _datasets(f"{field}.outputs", each.outputs)
        )


def _datasets(field: str, uris: Sequence[str]) -> tuple[str, ...]:
    if len(uris) > MAX_DECLARED:
        raise TooLarge(field, len(uris), MAX_DECLARED, "datasets")
    for index, uri in enumerate(uris):
        path = f"{field}[{index}]"
        _text(path, _required(path, uri, "name a dataset, as in s3://bucket/raw"), MAX_ASSET_BYTES)
        try:
            dataset_name(uri)
        except InvalidName:
            raise InvalidField(path, "names no dataset", "name one, as in s3://bucket/raw") from None
    return tuple(uris)


def _percent(sampling: messages.Sampling) -> int:
    if not 0 <= sampling.successful_percent <= 100:
        raise InvalidField("pipeline.sampling.successful_percent", "is no percentage", "send 0 to 100")
    return sampling.successful_percent


def _criticality(number: int) -> Criticality:
    try:
        return Criticality(number or Criticality.STANDARD)
    except ValueError:
        raise InvalidField("pipeline.criticality", f"is unknown ({number})", "send a value of the contract") from None


def _required(field: str, text: str, remedy: str) -> str:
    if not text:
        raise InvalidField(field, "is empty", remedy)
    return _text(field, text)


def _named(field: str, text: str) -> str:
    return _text(field, text, MAX_NAME_BYTES)


def _text(field: str, text: str, most: int = MAX_TEXT_BYTES) -> str:
    check_text(field, text)
    if len(text.encode()) > most:
        raise TooLarge(field, len(text.encode()), most, "bytes")
    return text
