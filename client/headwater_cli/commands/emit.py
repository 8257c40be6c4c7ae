"""`headwater emit`: adds to the run inside of which it is called."""

import json
import os
from datetime import UTC, datetime

import click

from headwater import HeadwaterError
from headwater.assets import describe_dataset, describe_facets
from headwater.events import PRODUCER
from headwater.names import InvalidName, job_name
from headwater.v1 import event_pb2 as pb
from headwater.values import timestamp

from ..screen import warn
from ..session import Session, connecting, stating_datasets
from ..wrapper.datasets import said_dataset
from ..wrapper.surroundings import JOB, RUN_ID

PATIENCE_SECONDS = 5.0


class NotSaid(ValueError):
    """Says what cannot be reported, and why."""


@click.command()
@stating_datasets
@click.option("--facet", "facets", multiple=True, metavar="NAME=JSON", help="A run facet. May be repeated.")
@click.option("--strict", is_flag=True, help="Fail where this cannot be reported.")
@connecting(5)
@click.pass_obj
def emit(
    session: Session, reads: tuple[str, ...], writes: tuple[str, ...], facets: tuple[str, ...], strict: bool
) -> None:
    """Adds what a run reads and writes, and facets, to the run that `headwater run` made around this call.

    \b
    headwater emit --reads s3://raw/orders --writes ./out.csv
    headwater emit --facet 'load={"rows": 1200}'

    Unless --strict is given, it never fails: a script goes on where the server is away, or where no `headwater run` is
    around it. It waits for --timeout (5 s) at the most.
    """
    try:
        event = _event(reads, writes, facets)
        session.client.write_event(event, timeout_seconds=session.timeout or PATIENCE_SECONDS)
    except (HeadwaterError, InvalidName, NotSaid) as error:
        if strict:
            raise error if isinstance(error, HeadwaterError) else click.UsageError(str(error)) from None
        warn(f"this is not reported: {error}")


def _event(reads: tuple[str, ...], writes: tuple[str, ...], facets: tuple[str, ...]) -> pb.RunEvent:
    run_id, job = os.environ.get(RUN_ID), os.environ.get(JOB)
    if not run_id or not job:
        raise NotSaid("there is no run around this call: start the script with `headwater run -- SCRIPT`")
    name = job_name(job)
    return pb.RunEvent(
        event_time=timestamp(datetime.now(UTC)),
        event_type=pb.EVENT_TYPE_OTHER,
        producer=PRODUCER,
        run=pb.EventRun(run_id=run_id, facets=describe_facets(dict(map(_facet, facets)))),
        job=pb.EventJob(namespace=name.namespace, name=name.job),
        inputs=[pb.InputDataset(dataset=describe_dataset(said_dataset(each))) for each in reads],
        outputs=[pb.OutputDataset(dataset=describe_dataset(said_dataset(each))) for each in writes],
    )


def _facet(text: str) -> tuple[str, dict[str, object]]:
    name, _, body = text.partition("=")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotSaid(f"--facet {name} is not JSON: {error}") from None
    if not name or not isinstance(value, dict):
        raise NotSaid("--facet must be NAME={...}: a facet is a JSON object")
    return name, value
