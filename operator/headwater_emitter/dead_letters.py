"""Dead letters as the contract lists rejected events, page by page. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import grpc
from google.protobuf.message import DecodeError

from headwater.errors import InvalidPageToken
from headwater.events import MalformedEvent, to_open_lineage
from headwater.spool import DeadLetter
from headwater.v1.error_reason_pb2 import ErrorReason
from headwater.v1.event_pb2 import Event
from headwater.v1.ingest_service_pb2 import ListRejectedEventsRequest, ListRejectedEventsResponse, RejectedEvent

USUAL_PAGE, LARGEST_PAGE = 50, 1000
MAX_BODY_BYTES = 64 * 1024
_REASONS = dict(ErrorReason.items())


def list_page(
    letters: Sequence[DeadLetter], request: ListRejectedEventsRequest, sender: str
) -> ListRejectedEventsResponse:
    """A page of the dead letters, given oldest first; those that came after the first page are not in later ones.

    Raises InvalidPageToken. A token is how many older ones there are: those that are forgotten meanwhile are the
    oldest, and shorten the list at its end.
    """
    end = len(letters)
    if request.page_token:
        if not (request.page_token.isascii() and request.page_token.isdecimal()):
            told = {"field": "page_token"}
            message = "page_token does not belong to this request: repeat the list from its first page"
            raise InvalidPageToken(message, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_PAGE_TOKEN", told)
        end = min(end, int(request.page_token))
    size = min(request.page_size, LARGEST_PAGE) if request.page_size > 0 else USUAL_PAGE
    begin = max(0, end - size)
    page = [_rejected(each, sender) for each in reversed(letters[begin:end])]
    return ListRejectedEventsResponse(rejected_events=page, next_page_token=str(begin) if begin else "")


def _rejected(letter: DeadLetter, sender: str) -> RejectedEvent:
    body = _body(letter.item.event)
    name = f"ERROR_REASON_{letter.refusal.reason}"
    message = RejectedEvent(
        sender=sender,
        reason=_REASONS.get(name, ErrorReason.ERROR_REASON_INTERNAL),
        message=letter.refusal.message,
        field=letter.refusal.field,
        body=body[:MAX_BODY_BYTES],
        body_size=len(body),
    )
    message.receive_time.FromMilliseconds(letter.milliseconds)
    return message


def _body(event: bytes) -> bytes:
    """An event's JSON; what is no event any more is given as it is."""
    try:
        return to_open_lineage(Event.FromString(event))
    except (DecodeError, MalformedEvent):
        return event
