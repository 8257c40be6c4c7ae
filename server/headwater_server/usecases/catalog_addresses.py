"""Finds what an address names: every way to read it is tried."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from headwater.names import (
    LATEST,
    Address,
    DatasetName,
    DatasetVersionName,
    InvalidName,
    JobName,
    JobVersionName,
    ResourceName,
    RunName,
    WriteName,
    address_candidates,
    format_address,
    parse_name,
)

from ..domain import ids
from ..domain.catalog import DatasetVersion, JobVersion
from ..domain.catalog_places import DatasetSet, JobPlace
from ..domain.catalog_ports import CatalogReader, CatalogStore
from ..domain.errors import AmbiguousAddress, InvalidField, NotFound
from ..domain.versions import format_version, parse_version
from .catalog_datasets import find_dataset, find_version
from .catalog_jobs import find_job, find_job_version

MAX_CANDIDATES = 100
"""How many assets of one bare name are looked at."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What an address names: the asset, its version or write, and the path of the field; None where not named."""

    name: DatasetName | JobName | RunName
    version: DatasetVersionName | WriteName | JobVersionName | None = None
    field: str | None = None


@dataclass(frozen=True, slots=True)
class _Candidates:
    """The datasets and jobs that an address may name."""

    datasets: list[DatasetSet]
    jobs: list[JobPlace]

    def __len__(self) -> int:
        return len(self.datasets) + len(self.jobs)


async def resolve_address(store: CatalogStore, text: str, seconds: float) -> Resolved:
    """What an address names. Raises InvalidField, NotFound or AmbiguousAddress."""
    try:
        address = address_candidates(text)
    except InvalidName as error:
        raise InvalidField("address", error.problem, "write namespace/name@version#field") from None
    async with store.reading(seconds) as reader:
        found = await _resolve_resource(reader, address) or await _resolve_run(reader, address, is_uuid=True)
        found = found or await _resolve_asset(reader, text, address)
        found = found or await _resolve_run(reader, address, is_uuid=False)
    if found is None:
        raise NotFound(text)
    return found


async def _resolve_resource(reader: CatalogReader, address: Address) -> Resolved | None:
    """What a resource name names, which may be part of an address."""
    try:
        name = parse_name(address.bare)
    except InvalidName:
        return None
    try:
        if isinstance(name, DatasetName):
            return await _within_dataset(reader, await find_dataset(reader, name), address)
        if isinstance(name, JobName):
            return await _within_job(reader, await find_job(reader, name), address)
        return await _resolve_part(reader, name)
    except NotFound:
        return None


async def _resolve_part(reader: CatalogReader, name: ResourceName) -> Resolved | None:
    """What the name of a version, a write or a run names."""
    if isinstance(name, RunName):
        return await _resolve_run(reader, Address(name.run, ()), is_uuid=False)
    if isinstance(name, JobVersionName):
        return _with_job_version(await find_job_version(reader, name))
    if isinstance(name, DatasetVersionName):
        return _with_version(await find_version(reader, name))
    if isinstance(name, WriteName):
        return await _with_write(
            reader, await find_dataset(reader, DatasetName(name.namespace, name.dataset)), name.run
        )
    return None


async def _resolve_run(reader: CatalogReader, address: Address, *, is_uuid: bool) -> Resolved | None:
    """The run that has an id, which is a UUID or is not."""
    run = ids.run_uuid(address.bare)
    if (run.hex == address.bare.replace("-", "").lower()) < is_uuid or address.version or address.field:
        return None
    return Resolved(RunName(str(run))) if await reader.has_run(run) else None


async def _resolve_asset(reader: CatalogReader, text: str, address: Address) -> Resolved | None:
    """The dataset or job that an address names: one written out before a version that the address is the URI of, that
    before one of that bare name, and a shown one before a hidden one.
    """
    found = await _find(
        reader,
        [ids.dataset_id(*split) for split in address.splits],
        [ids.job_id(*split) for split in address.splits],
    )
    if not len(found):
        if version := await _resolve_uri(reader, text, address):
            return version
        found = await _find(reader, *await reader.by_bare_name(address.bare, MAX_CANDIDATES))
    if len(found) > 1:
        found = await _shown(reader, found)
    if len(found) > 1:
        raise AmbiguousAddress(text, _candidate_addresses(found))
    if found.datasets:
        return await _within_dataset(reader, found.datasets[0], address)
    return await _within_job(reader, found.jobs[0], address) if found.jobs else None


async def _resolve_uri(reader: CatalogReader, text: str, address: Address) -> Resolved | None:
    """The version of a dataset that its producer named by a URI, where the address is that and nothing more."""
    uri = address.bare
    if "://" not in uri or address.version or address.field:
        return None
    found = await _find(reader, await reader.by_uri(uri, MAX_CANDIDATES), ())
    versions = [version for one in found.datasets if (version := await reader.labelled_version(one, uri))]
    if len(versions) > 1:
        raise AmbiguousAddress(text, sorted(format_address(*version.dataset, uri) for version in versions))
    return _with_version(versions[0]) if versions else None


async def _find(reader: CatalogReader, datasets: Iterable[int], jobs: Iterable[int]) -> _Candidates:
    sets = await reader.sets(datasets)
    places = await reader.job_places(jobs)
    return _Candidates(list({one.id: one for one in sets.values()}.values()), list(places.values()))


async def _shown(reader: CatalogReader, found: _Candidates) -> _Candidates:
    """Those that are not hidden; all where all are."""
    now = datetime.now(UTC)
    datasets = await reader.datasets(found.datasets, now)
    jobs = await reader.jobs(found.jobs, now)
    shown = _Candidates(
        [one for one, dataset in zip(found.datasets, datasets, strict=True) if dataset.deleted is None],
        [one for one, job in zip(found.jobs, jobs, strict=True) if job.deleted is None],
    )
    return shown if len(shown) else found


def _candidate_addresses(found: _Candidates) -> list[str]:
    """What to write instead: an address where it names one of the candidates alone, else the resource name."""
    names: list[tuple[str, ResourceName]] = [
        (format_address(*one.name), DatasetName(*one.name)) for one in found.datasets
    ]
    names += [(format_address(*one.name), JobName(*one.name)) for one in found.jobs]
    written = [address for address, _ in names]
    return sorted(address if written.count(address) == 1 else str(name) for address, name in names)


async def _within_dataset(reader: CatalogReader, dataset: DatasetSet, address: Address) -> Resolved | None:
    """The dataset, with the version and the field that the address names; None where it has none such."""
    found: Resolved | None = Resolved(DatasetName(*dataset.name))
    if address.version is not None:
        version = await _find_version(reader, dataset, address.version)
        found = _with_version(version) if version else await _with_write(reader, dataset, address.version)
    if found is None or address.field is None:
        return found
    (now,) = await reader.datasets([dataset], datetime.now(UTC))
    paths = {field.path for field in (now.latest_version.fields if now.latest_version else ())}
    if address.field not in paths and not await reader.has_field(dataset, address.field):
        return None
    return replace(found, field=address.field)


async def _find_version(reader: CatalogReader, dataset: DatasetSet, text: str) -> DatasetVersion | None:
    """The version that a text names: `latest`, a producer's label, or an id."""
    if text == LATEST:
        return (await reader.dataset(dataset, datetime.now(UTC), full=False)).latest_version
    number = parse_version(text)
    labelled = await reader.labelled_version(dataset, text)
    return labelled or (await reader.dataset_version(dataset, number) if number is not None else None)


def _with_version(version: DatasetVersion) -> Resolved:
    name = DatasetVersionName(*version.dataset, format_version(version.version))
    return Resolved(DatasetName(*version.dataset), name)


async def _with_write(reader: CatalogReader, dataset: DatasetSet, run: str) -> Resolved | None:
    write = await reader.write(dataset, ids.run_uuid(run))
    if write is None:
        return None
    return Resolved(DatasetName(*dataset.name), WriteName(*dataset.name, str(write.run)))


async def _within_job(reader: CatalogReader, job: JobPlace, address: Address) -> Resolved | None:
    """The job, with the version that the address names; a job has no fields."""
    if address.field is not None:
        return None
    if address.version is None:
        return Resolved(JobName(*job.name))
    try:
        return _with_job_version(await find_job_version(reader, JobVersionName(*job.name, address.version)))
    except NotFound:
        return None


def _with_job_version(version: JobVersion) -> Resolved:
    name = JobVersionName(*version.job, format_version(version.version))
    return Resolved(JobName(*version.job), name)
