"""`headwater send`."""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from io import BufferedReader
from pathlib import Path
from typing import Any, cast

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from headwater import HeadwaterError, SyncClient
from headwater.v1.error_reason_pb2 import ErrorReason
from headwater.v1.event_pb2 import EventResult

from ..event_files import BadFile, read_events
from ..failures import AWAY, REFUSED
from ..screen import note, warn
from ..session import FORMATS, Session, answering
from ..waiting import deliver, send_waiting
from ..words import count, word

WINDOW = 500


@click.command()
@click.argument(
    "files",
    metavar="[FILE...]",
    nargs=-1,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="OpenLineage JSON, plain or gzip; - is stdin.",
)
@click.option("--spooled", is_flag=True, help="Send no files, but what waits on this machine.")
@answering(*FORMATS)
@click.pass_obj
def send(session: Session, files: tuple[str, ...], spooled: bool) -> int:
    """Sends the OpenLineage events in files: one object, an array, or a line each.

    Says how many the server accepted, knew already, and rejected, and why. A file can be sent again: what arrived is
    not stored twice. Ends with 1 where an event was rejected or a file is no JSON.

    What `headwater run` and `emit` could not send is kept on this machine, and sent after any files. --spooled sends it
    alone, and says what became of it.
    """
    if bool(files) == spooled:
        raise click.UsageError("give either files to send, or --spooled for what waits on this machine")
    if spooled:
        return _send_waiting(session)
    sending = _Sending(session.client, files)
    try:
        sending.finish()
    except HeadwaterError:
        note(f"{sending.summary()} before the connection ended; sending the same files again stores nothing twice")
        raise
    session.write(sending.data(), lambda: click.echo(sending.summary()))
    for each in send_waiting(session.settings, session.settings.timeout_seconds):
        warn(each)
    return REFUSED if sending.rejections or sending.bad_files else 0


def _send_waiting(session: Session) -> int:
    delivered = deliver(session.settings, session.settings.timeout_seconds)
    refusals = [{"reason": each.reason, "field": each.field, "message": each.message} for each in delivered.refusals]
    data = {"sent": delivered.sent, "rejected": len(refusals), "left": delivered.left, "rejections": refusals}
    total = count(delivered.sent + len(refusals) + delivered.left, "event")
    summary = f"{total} waited: {delivered.sent:,} sent, {len(refusals):,} rejected, {delivered.left:,} left"
    session.write(data, lambda: click.echo(summary))
    for each in delivered.refusals:
        note(f"{each.message} ({each.reason})")
    if delivered.left:
        warn(delivered.problem or "the time did not suffice: give more with --timeout")
        return AWAY
    return REFUSED if refusals else 0


class _Sending:
    """Sends files and counts what becomes of their events."""

    def __init__(self, client: SyncClient, files: Sequence[str]) -> None:
        self._client = client
        self._files = files
        self._places: dict[int, str] = {}
        self._counts: Counter[str] = Counter()
        self.position = ""
        self.rejections: list[dict[str, str]] = []
        self.bad_files: list[dict[str, str]] = []

    def finish(self) -> None:
        """Sends all files. Raises HeadwaterError where the server stays away."""
        with _progress() as progress:
            task = progress.add_task("sent", total=None)
            for answer in self._client.stream(self._events(), window=WINDOW):
                self.position = answer.position
                self._take(self._places.pop(answer.id), answer.result)
                progress.advance(task)

    def summary(self) -> str:
        """Says in one line what became of the events."""
        total = count(self._counts.total(), "event")
        return f"{total} sent: " + ", ".join(
            f"{self._counts[outcome]:,} {outcome.lower()}" for outcome in ("ACCEPTED", "DUPLICATE", "REJECTED")
        )

    def data(self) -> dict[str, Any]:
        """Gives what became of the events as data."""
        return {
            "accepted": self._counts["ACCEPTED"],
            "duplicate": self._counts["DUPLICATE"],
            "rejected": self._counts["REJECTED"],
            "rejections": self.rejections,
            "badFiles": self.bad_files,
            "position": self.position,
        }

    def _events(self) -> Iterator[bytes]:
        number = 0
        for name in self._files:
            try:
                with ExitStack() as stack:
                    file = sys.stdin.buffer if name == "-" else stack.enter_context(Path(name).open("rb"))
                    for event in read_events(cast("BufferedReader", file)):
                        self._places[number] = f"{'stdin' if name == '-' else name}: {event.place}"
                        number += 1
                        yield event.text
            except (BadFile, OSError) as error:
                note(f"{name} {error}")
                self.bad_files.append({"file": name, "message": str(error)})

    def _take(self, place: str, result: EventResult) -> None:
        outcome = word(EventResult.Outcome, result.outcome)
        self._counts[outcome] += 1
        if outcome == "REJECTED":
            reason = word(ErrorReason, result.reason)
            self.rejections.append({"place": place, "reason": reason, "field": result.field, "message": result.message})
            note(f"{place}: {result.message or result.field} ({reason})")


def _progress() -> Progress:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
