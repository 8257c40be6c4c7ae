"""`headwater emit`: adds to the run inside of which it is called."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import click

from headwater import HeadwaterError
from headwater.assets import describe_dataset, describe_facets, describe_metrics
from headwater.events import PRODUCER
from headwater.names import InvalidName, job_name
from headwater.spool import SpoolError
from headwater.v1 import event_pb2 as pb
from headwater.values import timestamp

from ..screen import warn
from ..session import Session, connecting, stating_datasets
from ..waiting import AWAY, keep, send_waiting
from ..wrapper.datasets import said_dataset
from ..wrapper.surroundings import JOB, RUN_ID

PATIENCE_SECONDS = 5.0


class NotSaid(ValueError):
    """Says what cannot be reported, and why."""


@click.command()
@stating_datasets
@click.option("--kind", default="", metavar="KIND", help="What it writes is: MODEL, FEATURE_TABLE, TABLE, FILE, …")
@click.option("--version", default="", metavar="VERSION", help="The version that it writes, as its producer names it.")
@click.option(
    "--metric", "metrics", multiple=True, metavar="NAME=VALUE", help="A measure of what it writes. May be repeated."
)
@click.option("--facet", "facets", multiple=True, metavar="NAME=JSON", help="A run facet. May be repeated.")
@click.option("--strict", is_flag=True, help="Fail where this cannot be reported now.")
@connecting(5)
@click.pass_obj
def emit(session: Session, /, *, strict: bool, **said: Any) -> None:
    """Adds what a run reads and writes, and facets, to the run that `headwater run` made around this call.

    \b
    headwater emit --reads s3://raw/orders --writes ./out.csv
    headwater emit --writes s3://models/churn --kind MODEL --version 7 --metric auc=0.93
    headwater emit --facet 'load={"rows": 1200}'

    --kind and --version tell of what it writes; where it only reads, of that.

    Unless --strict is given, it never fails: a script goes on where no `headwater run` is around it, or where the
    server is away. Then this is kept in the user's state folder, and sent by the next `headwater run`, `emit` or
    `send`. It waits for --timeout (5 s) at the most.
    """
    deadline = time.monotonic() + (session.timeout or PATIENCE_SECONDS)
    try:
        event = _event(_Said(**said))
        session.client.write_event(event, timeout_seconds=deadline - time.monotonic())
    except (HeadwaterError, InvalidName, NotSaid) as error:
        if strict:
            raise error if isinstance(error, HeadwaterError) else click.UsageError(str(error)) from None
        warn(_kept(session, event, error) if isinstance(error, AWAY) else f"this is not reported: {error}")
    else:
        for each in send_waiting(session.settings, deadline - time.monotonic()):
            warn(each)


@dataclass(frozen=True)
class _Said:
    """Is what the options say."""

    reads: tuple[str, ...]
    writes: tuple[str, ...]
    kind: str
    version: str
    metrics: tuple[str, ...]
    facets: tuple[str, ...]


def _kept(session: Session, event: pb.RunEvent, problem: Exception) -> str:
    """Keeps an event, and says so; or says why not."""
    try:
        return f"this is not reported yet: {problem}; {keep(session.settings.address, [event])}"
    except SpoolError as error:
        return f"this is not reported: {problem}; nor can it be kept: {error}"


def _event(said: _Said) -> pb.RunEvent:
    run_id, job = os.environ.get(RUN_ID), os.environ.get(JOB)
    if not run_id or not job:
        raise NotSaid("there is no run around this call: start the script with `headwater run -- SCRIPT`")
    name = job_name(job)
    metrics = describe_metrics(dict(map(_metric, said.metrics)))
    if metrics and not said.writes:
        raise NotSaid("--metric is a measure of what a run writes: name that with --writes")
    if (said.kind or said.version) and not (said.writes or said.reads):
        raise NotSaid("--kind and --version tell of a dataset: name it with --writes or --reads")
    described = _described(said.kind, said.version)
    reads = _described("", "") if said.writes else described
    return pb.RunEvent(
        event_time=timestamp(datetime.now(UTC)),
        event_type=pb.EVENT_TYPE_OTHER,
        producer=PRODUCER,
        run=pb.EventRun(run_id=run_id, facets=describe_facets(dict(map(_facet, said.facets)))),
        job=pb.EventJob(namespace=name.namespace, name=name.job),
        inputs=[pb.InputDataset(dataset=reads(each)) for each in said.reads],
        outputs=[pb.OutputDataset(dataset=described(each), metrics=metrics) for each in said.writes],
    )


def _described(kind: str, version: str) -> Callable[[str], pb.EventDataset]:
    return lambda text: describe_dataset(said_dataset(text), kind=kind.upper(), version=version)


def _metric(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    try:
        number = float(value)
    except ValueError:
        raise NotSaid(f"--metric {text} must be NAME=VALUE, as in auc=0.93: {value!r} is no number") from None
    if not name:
        raise NotSaid(f"--metric {text} must be NAME=VALUE, as in auc=0.93: it has no name")
    return name, number


def _facet(text: str) -> tuple[str, dict[str, object]]:
    name, _, body = text.partition("=")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NotSaid(f"--facet {name} is not JSON: {error}") from None
    if not name or not isinstance(value, dict):
        raise NotSaid("--facet must be NAME={...}: a facet is a JSON object")
    return name, value
