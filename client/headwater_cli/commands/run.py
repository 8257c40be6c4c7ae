"""`headwater run`: runs a command as a run of a job. The command's way goes first, lineage follows as it can."""

import os
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import click

from headwater.names import DatasetName, InvalidName

from ..session import Session, connecting, stating_datasets
from ..wrapper.background import Background
from ..wrapper.child import End, SignalDesk, end_like
from ..wrapper.child import run as run_child
from ..wrapper.datasets import said_dataset
from ..wrapper.surroundings import Identity, environment_for

if TYPE_CHECKING:
    from ..wrapper.report import Report

PATIENCE_SECONDS = 5.0
NOT_REPORTED = 1


@click.command(context_settings={"allow_interspersed_args": False})
@click.argument(
    "command", metavar="-- COMMAND...", nargs=-1, required=True, type=click.UNPROCESSED, help="What to run."
)
@click.option(
    "--job", default="", metavar="NAMESPACE/NAME", help="The job. [the script's name in $OPENLINEAGE_NAMESPACE]"
)
@stating_datasets
@click.option(
    "--strict", is_flag=True, help="Run nothing that cannot be reported, and end with 1 where the end was not."
)
@connecting(5)
@click.pass_obj
def run(
    session: Session,
    *,
    command: tuple[str, ...],
    job: str,
    reads: tuple[str, ...],
    writes: tuple[str, ...],
    strict: bool,
) -> None:
    """Runs a command and reports it as a run: START, then COMPLETE, FAIL or ABORT, with its exit code and duration.

    \b
    headwater run --job nightly/load --reads s3://raw/orders --writes ./out.csv -- ./load.sh --day 2026-11-20

    Ends as the command ends: with its exit code, or by its signal. Signals are passed on to it. Unless --strict is
    given, lineage never makes it fail and never keeps it waiting: where the server is away, this says so, and waits for
    --timeout (5 s) at the most, after the command's end. What it could not tell is kept in the user's state folder, and
    sent by the next `headwater run`, `emit` or `send`.

    Inside, `headwater emit` adds to the run, and what OpenLineage clients report becomes its child. The command line
    is kept, but not the values of options that are called after secrets, nor the passwords in URLs.
    """
    desk = SignalDesk()
    complaints: list[str] = []
    datasets = _named(reads, complaints), _named(writes, complaints)
    identity = _identity(command, job, complaints)
    if complaints and strict:
        raise click.UsageError("; ".join(complaints))
    for each in complaints:
        _warn(f"{each}; that is not reported")
    if identity is None:
        end_like(_run(command, os.environ, desk))
    background = Background(partial(_open_report, session, identity, command, datasets))
    patience = session.timeout or PATIENCE_SECONDS
    if strict:
        background.begin_strictly(patience)
    else:
        background.begin()
    end = _run(command, environment_for(os.environ, identity, session.address), desk)
    end_like(_finished(background, end, patience, desk, strict))


def _named(texts: Iterable[str], complaints: list[str]) -> list[DatasetName]:
    names = []
    for text in texts:
        try:
            names.append(said_dataset(text))
        except InvalidName as error:
            complaints.append(str(error))
    return names


def _identity(command: tuple[str, ...], job: str, complaints: list[str]) -> Identity | None:
    try:
        return Identity.of(command, job)
    except InvalidName as error:
        complaints.append(f"the job {error}")
        return None


def _open_report(
    session: Session,
    identity: Identity,
    command: tuple[str, ...],
    datasets: tuple[list[DatasetName], list[DatasetName]],
) -> "Report":
    from ..wrapper.report import Report  # noqa: PLC0415 (gRPC is loaded while the command runs, and may be missing)

    return Report(session.client, identity, command, *datasets)


def _run(command: tuple[str, ...], environment: Mapping[str, str], desk: SignalDesk) -> End:
    end = run_child(command, environment, desk)
    if end.problem:
        _warn(end.problem)
    return end


def _finished(background: Background, end: End, patience: float, desk: SignalDesk, strict: bool) -> End:
    problem, place = background.finish(end, patience, desk)
    for each in background.complaints:
        _warn(each)
    if not problem:
        return end
    _warn(f"the end of this run is not reported{f' yet: {problem}; {place}' if place else f': {problem}'}")
    return End(NOT_REPORTED) if strict and end.code == 0 else end


def _warn(text: str) -> None:
    click.echo(f"headwater: {text}", err=True)
