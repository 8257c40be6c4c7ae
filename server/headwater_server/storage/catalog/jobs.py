"""Tells jobs as they are now, many at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ...domain.assets import description_of, facet_map, integration_of, job_kind, owners_of, tags_of
from ...domain.catalog import Job, JobVersion, Run
from ...domain.catalog_places import JobPlace
from ...domain.hiding import hidden_since
from ..database import Connection
from .deletions import get_deletions
from .facets import AssetFacets, get_facets
from .job_versions import versions_in_force
from .runs import latest_runs


async def load_jobs(connection: Connection, jobs: Sequence[JobPlace], now: datetime) -> list[Job]:
    """Jobs as they are at the present time, in the order given, with all of their facets."""
    if not jobs:
        return []
    said = await get_facets(connection, {job.id: [job.id] for job in jobs})
    versions = await versions_in_force(connection, jobs)
    runs = await latest_runs(connection, [job.id for job in jobs])
    deletions = await get_deletions(connection, [job.id for job in jobs])
    hidden = {key: hidden_since(found, [said[key].last], now) for key, found in deletions.items()}
    return [_job(job, said[job.id], hidden.get(job.id), versions.get(job.id), runs.get(job.id)) for job in jobs]


def _job(
    job: JobPlace, said: AssetFacets, deleted: datetime | None, version: JobVersion | None, run: Run | None
) -> Job:
    facets = facet_map(said.facets.values())
    return Job(
        name=job.name,
        kind=job_kind(facets),
        integration=integration_of(facets),
        description=description_of(facets),
        owners=owners_of(facets),
        tags=tags_of(facets),
        created=said.first,
        updated=said.last,
        deleted=deleted,
        latest_version=version,
        latest_run=run,
        facets=tuple(said.facets.values()),
    )
