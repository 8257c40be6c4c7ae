"""`headwater search`."""

from typing import Any

import click

from headwater.v1.catalog_pb2 import Dataset, DatasetKind, Job
from headwater.v1.catalog_service_pb2 import AssetType, SearchAssetsResponse

from ..asset_words import dataset_kind, job_kind, owner_words, tag_words
from ..paging import collect, limited
from ..screen import note, show_table
from ..session import FORMATS, Session, answering
from ..times import show_time
from ..words import address, words


@click.command()
@click.argument("query", metavar="[WORDS]", nargs=-1, help="Parts of the name, or how they begin.")
@click.option("--tag", metavar="KEY[=VALUE]", default="", help="Only what has this tag.")
@click.option("--owner", default="", help="Only what has this owner.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(words(DatasetKind), case_sensitive=False),
    help="Only datasets of this kind. May be repeated.",
)
@click.option("--field", default="", help="Only datasets with a field whose name starts so.")
@click.option("--namespace", default="", help="Only what is in this namespace.")
@click.option(
    "--type",
    "types",
    multiple=True,
    type=click.Choice(words(AssetType), case_sensitive=False),
    help="Only datasets, or only jobs.",
)
@click.option("--deleted", "show_deleted", is_flag=True, help="What is deleted, too.")
@limited
@answering(*FORMATS)
@click.pass_obj
def search(session: Session, /, query: tuple[str, ...], limit: int, **conditions: Any) -> None:
    """Finds datasets and jobs. All conditions must hold.

    \b
    headwater search churn
    headwater search --field email --tag pii
    headwater search users --kind TABLE --namespace postgres://db:5432
    """
    client = session.client
    answer = collect(lambda size: client.search_assets(" ".join(query), page_size=size, **conditions), limit)
    session.write(answer, lambda: _show(answer))
    if not answer.assets:
        note("nothing is found")


def _show(answer: SearchAssetsResponse) -> None:
    assets = [each.dataset if each.HasField("dataset") else each.job for each in answer.assets]
    show_table(("KIND", "ADDRESS", "OWNERS", "TAGS", "DELETED", "DESCRIPTION"), map(_row, assets))


def _row(asset: Dataset | Job) -> tuple[str, ...]:
    kind = dataset_kind(asset.kind) if isinstance(asset, Dataset) else job_kind(asset.kind, asset.integration)
    return (
        kind,
        address(asset.name),
        owner_words(asset.owners),
        tag_words(asset.tags),
        show_time(asset.delete_time),
        asset.description.partition("\n")[0],
    )
