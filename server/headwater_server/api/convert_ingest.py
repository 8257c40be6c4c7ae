"""Between the contract's messages about events and what ingestion takes and gives."""

from __future__ import annotations

from headwater.v1.error_reason_pb2 import ErrorReason
from headwater.v1.event_pb2 import EventResult
from headwater.v1.ingest_service_pb2 import RejectedEvent

from ..domain.errors import InvalidField, TooLarge
from ..domain.ingest_ports import Rejection
from ..usecases.ingest import EventOutcome, Outcome
from .errors import reason_number

MAX_EVENTS = 10_000
"""How many events one message may carry."""
OUTCOMES = {
    Outcome.ACCEPTED: EventResult.OUTCOME_ACCEPTED,
    Outcome.DUPLICATE: EventResult.OUTCOME_DUPLICATE,
    Outcome.REJECTED: EventResult.OUTCOME_REJECTED,
}


def check_count(events: int) -> None:
    """Raises InvalidField or TooLarge where a message carries no events, or too many."""
    if not events:
        raise InvalidField("events", "is empty", f"send 1 to {MAX_EVENTS} events")
    if events > MAX_EVENTS:
        raise TooLarge("events", events, MAX_EVENTS, "events")


def to_result(outcome: EventOutcome) -> EventResult:
    """What became of an event."""
    result = EventResult(outcome=OUTCOMES[outcome.status], event_id=outcome.identity.hex() if outcome.identity else "")
    if outcome.error:
        result.reason = reason_number(outcome.error)
        result.message = outcome.error.message
        result.field = outcome.error.metadata.get("field", "")
    return result


def to_rejected(rejection: Rejection) -> RejectedEvent:
    """An event that was rejected."""
    message = RejectedEvent(
        sender=rejection.sender,
        reason=ErrorReason.Value(f"ERROR_REASON_{rejection.reason}"),
        message=rejection.message,
        field=rejection.field,
        body=rejection.body,
        body_size=rejection.body_size,
    )
    message.receive_time.FromDatetime(rejection.received)
    return message
