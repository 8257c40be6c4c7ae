"""`headwater rejected`."""

import click

from headwater.v1.error_reason_pb2 import ErrorReason
from headwater.v1.ingest_service_pb2 import RejectedEvent

from ..paging import collect, limited
from ..screen import note, show_table
from ..session import FORMATS, Session, answering
from ..times import show_time
from ..words import word


@click.command()
@limited
@answering(*FORMATS)
@click.pass_obj
def rejected(session: Session, limit: int) -> None:
    """Lists the events that the server refused in the last days, newest first.

    With --output json the events themselves are there too, in base64: --output json | jq -r '.rejectedEvents[].body'
    """
    answer = collect(lambda size: session.client.rejected_events(page_size=size), limit)
    headers = ("RECEIVED", "SENDER", "REASON", "FIELD", "BYTES", "MESSAGE")
    session.write(answer, lambda: show_table(headers, map(_row, answer.rejected_events)))
    if not answer.rejected_events:
        note("no event was rejected")


def _row(event: RejectedEvent) -> tuple[str, ...]:
    reason = word(ErrorReason, event.reason)
    return (
        show_time(event.receive_time),
        event.sender,
        reason,
        event.field,
        f"{event.body_size:,}",
        event.message,
    )
