"""Lists and gets jobs, their versions, and runs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from headwater.names import LATEST, JobName, JobVersionName, RunName

from ..domain import ids
from ..domain.catalog import AssetType, Job, JobVersion, Run
from ..domain.catalog_places import JobPlace, JobVersionPlace, NamePlace, RunPlace, RunQuery
from ..domain.catalog_ports import CatalogReader, CatalogStore
from ..domain.errors import NotFound
from ..domain.model import RunState
from ..domain.pages import Page
from ..domain.versions import parse_version
from .catalog_datasets import check_namespace
from .pages import Listed, cut_page, fill_page


async def list_jobs(
    store: CatalogStore, namespace: str | None, page: Page, *, show_deleted: bool, seconds: float
) -> Listed[Job]:
    """The jobs of a namespace, or of all, in the order of their names. Raises NotFound."""
    now = datetime.now(UTC)
    async with store.reading(seconds) as reader:
        await check_namespace(reader, namespace)

        async def load(places: list[NamePlace]) -> list[Job]:
            return await load_jobs(reader, places, now)

        return await fill_page(
            page,
            lambda after, limit: reader.places(AssetType.JOB, namespace, after, limit),
            load,
            lambda job: show_deleted or job.deleted is None,
        )


async def load_jobs(reader: CatalogReader, places: list[NamePlace], now: datetime) -> list[Job]:
    """The jobs at places of a list."""
    jobs = await reader.job_places(place.id for place in places)
    return await reader.jobs([jobs[place.id] for place in places], now)


async def get_job(store: CatalogStore, name: JobName, seconds: float) -> Job:
    """A job. Raises NotFound."""
    async with store.reading(seconds) as reader:
        (job,) = await reader.jobs([await find_job(reader, name)], datetime.now(UTC))
        return job


async def list_job_versions(store: CatalogStore, name: JobName, page: Page, seconds: float) -> Listed[JobVersion]:
    """The versions of a job, newest first. Raises NotFound."""
    async with store.reading(seconds) as reader:
        job = await find_job(reader, name)
        after = JobVersionPlace(*page.after) if page.after else None
        return cut_page(page, await reader.job_versions(job, after, page.size + 1))


async def get_job_version(store: CatalogStore, name: JobVersionName, seconds: float) -> JobVersion:
    """A version of a job, or the one in force. Raises NotFound."""
    async with store.reading(seconds) as reader:
        return await find_job_version(reader, name)


async def list_runs(
    store: CatalogStore, parent: JobName | RunName, states: Iterable[RunState], page: Page, seconds: float
) -> Listed[Run]:
    """The runs of a job, or those that a run started, the last started first. Raises NotFound."""
    async with store.reading(seconds) as reader:
        if isinstance(parent, RunName):
            run = ids.run_uuid(parent.run)
            if not await reader.has_run(run):
                raise NotFound(str(parent))
            query = RunQuery(run, tuple(states))
        else:
            query = RunQuery((await find_job(reader, parent)).id, tuple(states))
        after = RunPlace(*page.after) if page.after else None
        runs = await reader.runs(query, after, page.size + 1)
        return cut_page(page, [(RunPlace(run.started, run.run), run) for run in runs])


async def get_run(store: CatalogStore, name: RunName, seconds: float) -> Run:
    """A run with what it read and wrote. Raises NotFound."""
    async with store.reading(seconds) as reader:
        run = await reader.run(ids.run_uuid(name.run))
    if run is None:
        raise NotFound(str(name))
    return run


async def find_job(reader: CatalogReader, name: JobName) -> JobPlace:
    """The job that has a name. Raises NotFound."""
    asked = ids.job_id(name.namespace, name.job)
    jobs = await reader.job_places([asked])
    if asked not in jobs:
        raise NotFound(str(name))
    return jobs[asked]


async def find_job_version(reader: CatalogReader, name: JobVersionName) -> JobVersion:
    """The version of a job that a name names; `latest` is the one in force. Raises NotFound."""
    job = await find_job(reader, JobName(name.namespace, name.job))
    if name.version == LATEST:
        (found,) = await reader.jobs([job], datetime.now(UTC))
        version = found.latest_version
    else:
        number = parse_version(name.version)
        version = await reader.job_version(job, number) if number is not None else None
    if version is None:
        raise NotFound(str(name))
    return version
