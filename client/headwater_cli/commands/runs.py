"""`headwater runs`."""

import click

from headwater.v1.catalog_pb2 import RunState

from ..asset_words import RUN_HEADERS, run_row
from ..paging import collect, limited
from ..screen import note, show_table
from ..session import FORMATS, Session, answering
from ..words import words


@click.command()
@click.argument("job", metavar="JOB|RUN", help="A job, for its runs; a run, for those that it started.")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(words(RunState), case_sensitive=False),
    help="Only runs in this state. May be repeated.",
)
@limited
@answering(*FORMATS)
@click.pass_obj
def runs(session: Session, job: str, states: tuple[str, ...], limit: int) -> None:
    """Lists the runs of a job, or those that a run started, the last started first."""
    answer = collect(lambda size: session.client.runs(job, states=states, page_size=size), limit)
    session.write(answer, lambda: show_table(RUN_HEADERS, map(run_row, answer.runs)))
    if not answer.runs:
        note("there are no such runs")
