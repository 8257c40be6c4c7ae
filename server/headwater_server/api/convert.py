"""Between the contract's messages about assets and what the catalogue speaks of; resource names are read and written
here.
"""

from __future__ import annotations

import dataclasses
import uuid
from datetime import UTC, datetime
from typing import TypeVar, overload
from urllib.parse import unquote

from google.protobuf.timestamp_pb2 import Timestamp

from headwater.names import (
    DatasetName,
    DatasetVersionName,
    InvalidName,
    JobName,
    JobVersionName,
    NamespaceName,
    ResourceName,
    RunName,
    WriteName,
    parse_name,
)
from headwater.v1 import catalog_pb2 as messages

from ..domain import catalog
from ..domain.errors import InvalidField
from ..domain.model import AssetName, SchemaField
from ..domain.versions import format_version

N = TypeVar("N", bound=ResourceName)
M = TypeVar("M", bound=ResourceName)


def check_text(field: str, text: str) -> None:
    """Raises InvalidField where the text in a field of a request holds what no name, label or word can."""
    if "\0" in text:
        raise InvalidField(field, "holds a NUL character", "send plain text")


@overload
def read_name(field: str, text: str, kind: type[N], /) -> N: ...
@overload
def read_name(field: str, text: str, kind: type[N], other: type[M], /) -> N | M: ...
@overload
def read_name(field: str, text: str, /, *kinds: type[ResourceName]) -> ResourceName: ...
def read_name(field: str, text: str, *kinds: type[ResourceName]) -> ResourceName:
    """The resource name in a field of a request, of one of these kinds. Raises InvalidField."""
    wanted = " or ".join(map(_pattern, kinds))
    if not text:
        raise InvalidField(field, "is empty", f"name {wanted}")
    try:
        name = parse_name(text)
    except InvalidName as error:
        raise InvalidField(field, error.problem, f"name {wanted}, each part percent-encoded") from None
    check_text(field, unquote(text))
    if not isinstance(name, kinds):
        raise InvalidField(field, "names another kind of thing", f"name {wanted}")
    return name


def _pattern(kind: type[ResourceName]) -> str:
    """How names of a kind look."""
    parts = zip(kind.collections, dataclasses.fields(kind), strict=True)
    return "/".join(f"{collection}/{{{part.name}}}" for collection, part in parts)


def to_time(time: datetime | None) -> Timestamp | None:
    """A time; None stays not set."""
    if time is None:
        return None
    message = Timestamp()
    message.FromDatetime(time)
    return message


def read_time(field: str, message: Timestamp) -> datetime:
    """The time in a field of a request. Raises InvalidField."""
    try:
        return message.ToDatetime(UTC)
    except (ValueError, OverflowError):
        raise InvalidField(field, "is no time", "send a time between the years 1 and 9999") from None


def run_name(run: uuid.UUID | None) -> str:
    """The resource name of a run; empty for None."""
    return str(RunName(str(run))) if run else ""


def version_name(dataset: AssetName, version: int | None) -> str:
    """The resource name of a dataset's version; empty for None."""
    return "" if version is None else str(DatasetVersionName(*dataset, format_version(version)))


def write_name(dataset: AssetName, run: uuid.UUID | None) -> str:
    """The resource name of a dataset's write; empty for None."""
    return str(WriteName(*dataset, str(run))) if run else ""


def job_version_name(job: AssetName, version: int | None) -> str:
    """The resource name of a job's version; empty for None."""
    return "" if version is None else str(JobVersionName(*job, format_version(version)))


def to_namespace(namespace: catalog.Namespace) -> messages.Namespace:
    """A namespace."""
    return messages.Namespace(
        name=str(NamespaceName(namespace.name)),
        display_name=namespace.name,
        dataset_count=namespace.dataset_count,
        job_count=namespace.job_count,
    )


def to_dataset(dataset: catalog.Dataset, *, full: bool = False) -> messages.Dataset:
    """A dataset, with its facets in full."""
    latest, write = dataset.latest_version, dataset.latest_write
    return messages.Dataset(
        name=str(DatasetName(*dataset.name)),
        namespace=dataset.name.namespace,
        display_name=dataset.name.name,
        kind=messages.DatasetKind.ValueType(dataset.kind),
        description=dataset.description,
        owners=map(to_owner, dataset.owners),
        tags=map(to_tag, dataset.tags),
        latest_version=to_dataset_version(latest) if latest else None,
        aliases=[str(DatasetName(*alias)) for alias in dataset.aliases],
        facets=map(to_facet, dataset.facets if full else ()),
        create_time=to_time(dataset.created),
        update_time=to_time(dataset.updated),
        delete_time=to_time(dataset.deleted),
        latest_write=to_write(write) if write else None,
    )


def to_dataset_version(version: catalog.DatasetVersion) -> messages.DatasetVersion:
    """A version of a dataset."""
    return messages.DatasetVersion(
        name=version_name(version.dataset, version.version),
        label=version.label,
        fields=map(to_field, version.fields),
        create_time=to_time(version.time),
        run=run_name(version.run),
        ordinal=version.ordinal,
    )


def to_field(field: SchemaField) -> messages.Field:
    """A field."""
    return messages.Field(path=field.path, type=field.type, description=field.description, ordinal=field.ordinal)


def to_write(write: catalog.Write) -> messages.Write:
    """A write."""
    return messages.Write(
        name=write_name(write.dataset, write.run),
        run=run_name(write.run),
        job=str(JobName(*write.job)),
        create_time=to_time(write.time),
        version=version_name(write.dataset, write.version),
        label=write.label,
    )


def to_job(job: catalog.Job, *, full: bool = False) -> messages.Job:
    """A job, with its facets in full."""
    return messages.Job(
        name=str(JobName(*job.name)),
        namespace=job.name.namespace,
        display_name=job.name.name,
        kind=messages.JobKind.ValueType(job.kind or 0),
        integration=job.integration,
        description=job.description,
        owners=map(to_owner, job.owners),
        tags=map(to_tag, job.tags),
        latest_version=to_job_version(job.latest_version) if job.latest_version else None,
        latest_run=to_run(job.latest_run) if job.latest_run else None,
        facets=map(to_facet, job.facets if full else ()),
        create_time=to_time(job.created),
        update_time=to_time(job.updated),
        delete_time=to_time(job.deleted),
    )


def to_job_version(version: catalog.JobVersion) -> messages.JobVersion:
    """A version of a job."""
    place = version.code_location
    return messages.JobVersion(
        name=job_version_name(version.job, version.version),
        code_location=to_code_location(place) if place else None,
        sql=version.sql,
        inputs=[str(DatasetName(*name)) for name in version.inputs],
        outputs=[str(DatasetName(*name)) for name in version.outputs],
        create_time=to_time(version.time),
    )


def to_code_location(place: catalog.CodeLocation) -> messages.CodeLocation:
    """Where code is."""
    return messages.CodeLocation(
        type=place.type,
        url=place.url,
        repository=place.repository,
        path=place.path,
        commit=place.commit,
        branch=place.branch,
        tag=place.tag,
    )


def to_run(run: catalog.Run, *, full: bool = False) -> messages.Run:
    """A run, with its facets and those of what it read and wrote in full."""
    return messages.Run(
        name=run_name(run.run),
        external_id=run.external_id,
        job=str(JobName(*run.job)),
        state=messages.RunState.ValueType(run.state),
        start_time=to_time(run.started),
        end_time=to_time(run.ended),
        nominal_start_time=to_time(run.nominal_start),
        nominal_end_time=to_time(run.nominal_end),
        parent=run_name(run.parent),
        root=run_name(run.root),
        error=to_error(run.error) if run.error else None,
        job_version=job_version_name(run.job, run.job_version),
        inputs=[to_run_dataset(use, full=full) for use in run.inputs],
        outputs=[to_run_dataset(use, full=full) for use in run.outputs],
        tags=map(to_tag, run.tags),
        facets=map(to_facet, run.facets if full else ()),
        senders=run.senders,
    )


def to_run_dataset(use: catalog.RunDataset, *, full: bool) -> messages.RunDataset:
    """A dataset as a run read or wrote it."""
    return messages.RunDataset(
        dataset=str(DatasetName(*use.dataset)),
        version=version_name(use.dataset, use.version),
        label=use.label,
        write=write_name(use.dataset, use.write),
        declared=use.declared,
        facets=map(to_facet, use.facets if full else ()),
    )


def to_error(error: catalog.RunError) -> messages.RunError:
    """Why a run failed."""
    return messages.RunError(message=error.message, language=error.language, stack_trace=error.stack_trace)


def to_facet(facet: catalog.Facet) -> messages.Facet:
    """A facet."""
    return messages.Facet(name=facet.name, json=facet.json, event_time=to_time(facet.time))


def to_owner(owner: catalog.Owner) -> messages.Owner:
    """An owner."""
    return messages.Owner(owner=owner.owner, type=owner.type)


def to_tag(tag: catalog.Tag) -> messages.Tag:
    """A tag."""
    return messages.Tag(key=tag.key, value=tag.value, field=tag.field, source=tag.source)
