"""`headwater namespaces`."""

import click

from ..paging import collect, limited
from ..screen import show_table
from ..session import FORMATS, Session, answering


@click.command()
@limited
@answering(*FORMATS)
@click.pass_obj
def namespaces(session: Session, limit: int) -> None:
    """Lists the namespaces, each with how many datasets and jobs it holds."""
    answer = collect(lambda size: session.client.namespaces(page_size=size), limit)
    rows = [(each.display_name, f"{each.dataset_count:,}", f"{each.job_count:,}") for each in answer.namespaces]
    session.write(answer, lambda: show_table(("NAMESPACE", "DATASETS", "JOBS"), rows))
