"""`headwater show`."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeAlias

import click
from google.protobuf.message import Message

from headwater import SyncClient
from headwater.names import DatasetName, DatasetVersionName, JobName, ResourceName, RunName, WriteName, parse_name

from .. import asset_details as details
from ..data import as_data
from ..paging import collect, limited
from ..recipe import read_recipe, show_recipe
from ..session import FORMATS, Session, answering

Part: TypeAlias = tuple[Message, Callable[[], None]]
"""A part of the answer: as a message, and as it is shown."""

_HAS: dict[type[ResourceName], tuple[str, set[str]]] = {
    DatasetName: ("dataset", {"versions", "writes", "facets"}),
    DatasetVersionName: ("version of a dataset", set()),
    JobName: ("job", {"versions", "runs", "facets"}),
    RunName: ("run", {"runs", "facets", "recipe"}),
}


@click.command()
@click.argument("asset", metavar="ADDRESS|RUN", help="A dataset, a job, or a run by its id.")
@click.option("--versions", "wanted", flag_value="versions", multiple=True, help="Its versions, newest first.")
@click.option("--writes", "wanted", flag_value="writes", multiple=True, help="Who wrote the dataset, newest first.")
@click.option("--runs", "wanted", flag_value="runs", multiple=True, help="Runs of the job, or started by the run.")
@click.option("--facets", "wanted", flag_value="facets", multiple=True, help="Every facet, as it was sent.")
@click.option("--recipe", "wanted", flag_value="recipe", multiple=True, help="All that one needs to do a run again.")
@limited
@answering(*FORMATS)
@click.pass_obj
def show(session: Session, asset: str, wanted: tuple[str, ...], limit: int) -> None:
    """Shows what is known of a dataset, of one of its versions, of a job or of a run.

    \b
    headwater show postgres://db:5432/shop.public.users --versions
    headwater show s3://models/churn@3
    headwater show 01936893-9a0b-7c11-a7f5-0d2a4c1f5e77 --recipe

    --recipe gives the commit, the image, the parameters, the code, and the exact versions that the run read.
    """
    name, field = find(session.client, asset)
    kind, has = _HAS[type(name)]
    if misfits := sorted(set(wanted) - has):
        raise click.UsageError(f"--{misfits[0]} says nothing of a {kind}, which {asset} is")
    if "recipe" in wanted:
        recipe = read_recipe(session.client, str(name))
        session.write(recipe, lambda: show_recipe(recipe))
        return
    parts = list(_parts(session.client, name, field, set(wanted), limit))
    data: dict[str, Any] = {}
    for message, _ in parts:
        data |= as_data(message)
    data.pop("nextPageToken", None)

    def show_all() -> None:
        for _, show_part in parts:
            show_part()

    session.write(data, show_all)


def find(client: SyncClient, address: str) -> tuple[ResourceName, str]:
    """Finds what an address names, and the field where it names one. A write stands for its run."""
    found = client.resolve_address(address)
    name = parse_name(found.version or found.name)
    return RunName(name.run) if isinstance(name, WriteName) else name, found.field


def _parts(client: SyncClient, name: ResourceName, field: str, wanted: set[str], limit: int) -> Iterator[Part]:
    yield _asset(client, name, field, "FULL" if "facets" in wanted else "BASIC")
    if "versions" in wanted:
        yield _versions(client, name, limit)
    if "writes" in wanted:
        writes = collect(lambda size: client.writes(name, page_size=size), limit)
        yield writes, partial(details.show_writes, writes.writes)
    if "runs" in wanted:
        runs = collect(lambda size: client.runs(name, page_size=size), limit)
        yield runs, partial(details.show_runs, runs.runs)


def _asset(client: SyncClient, name: ResourceName, field: str, view: str) -> Part:
    if isinstance(name, DatasetName):
        dataset = client.get_dataset(name, view=view)
        return dataset, partial(details.show_dataset, dataset, field)
    if isinstance(name, DatasetVersionName):
        version = client.get_dataset_version(name)
        return version, partial(details.show_version, version, field)
    if isinstance(name, JobName):
        job = client.get_job(name, view=view)
        return job, partial(details.show_job, job)
    run = client.get_run(name, view=view)
    return run, partial(details.show_run, run)


def _versions(client: SyncClient, name: ResourceName, limit: int) -> Part:
    if isinstance(name, JobName):
        of_job = collect(lambda size: client.job_versions(name, page_size=size), limit)
        return of_job, partial(details.show_job_versions, of_job.versions)
    of_dataset = collect(lambda size: client.dataset_versions(name, page_size=size), limit)
    return of_dataset, partial(details.show_dataset_versions, of_dataset.versions)
