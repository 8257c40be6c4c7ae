"""`headwater delete` and `headwater undelete`."""

from datetime import datetime

import click

from ..screen import note
from ..session import Session, connecting
from ..times import Time


@click.command()
@click.argument("asset", metavar="ADDRESS", help="A dataset or a job.")
@click.option("--at", type=Time(), metavar="TIME", help="From when it is hidden. [now]")
@connecting(30)
@click.pass_obj
def delete(session: Session, asset: str, at: datetime | None) -> None:
    """Hides a dataset or a job from a time on: it is left out of lists and conducts no lineage.

    History still shows it, a later event about it brings it back, and `headwater undelete` too.
    """
    session.client.delete_asset(asset, at=at)
    note(f"{asset} is hidden; headwater undelete takes that back")


@click.command()
@click.argument("asset", metavar="ADDRESS", help="A dataset or a job.")
@click.option("--at", type=Time(), metavar="TIME", help="From when it is shown again. [now]")
@connecting(30)
@click.pass_obj
def undelete(session: Session, asset: str, at: datetime | None) -> None:
    """Shows a deleted dataset or job again from a time on."""
    session.client.undelete_asset(asset, at=at)
    note(f"{asset} is shown again")
