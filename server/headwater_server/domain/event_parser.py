"""Reads OpenLineage events: lenient in what it takes, strict in what it makes of it.

Taken though the standard says otherwise: no `schemaURL` or `producer`, times without a zone (UTC), nanoseconds, a
`runId` that is no UUID, any case of `eventType`, null for a missing value, bare NaN and Infinity, unknown keys.
"""

from __future__ import annotations

import contextlib
import json
import re
import uuid
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Required, TypedDict

import msgspec
from msgspec import Struct

from . import ids
from .errors import InvalidEvent, TooLarge
from .event import Event, NominalTime
from .facets import Name, NominalTimeFacet, ParentFacet, RootFacet
from .model import AssetName, EventKind, RunReference, RunState
from .statement import Statement
from .statement_parser import AssetJson, Labels, StatementJson, StatementParser, check_name, invalid

CONSTANTS = re.compile(rb"\b(?:NaN|Infinity)\b")
CLOCK_TOLERANCE = timedelta(hours=1)
"""How far ahead of its receipt an event's time may be and still order it."""
STATES = {
    "START": RunState.STARTED,
    "RUNNING": RunState.RUNNING,
    "COMPLETE": RunState.SUCCEEDED,
    "FAIL": RunState.FAILED,
    "ABORT": RunState.ABORTED,
    "OTHER": RunState.UNKNOWN,
}


class RunFacetsJson(Struct):
    """The facets of a run that it is merged by; the others are read when they are asked for."""

    parent: ParentFacet | None = None
    nominal_time: NominalTimeFacet | None = msgspec.field(name="nominalTime", default=None)


class RunJson(Struct):
    """The run of an event."""

    run_id: Name = msgspec.field(name="runId")
    facets: RunFacetsJson | None = None


NO_FACETS = RunFacetsJson()


class EventJson(Struct, rename="camel"):
    """The envelope of an event; what it states stays text until it is needed."""

    event_time: str
    event_type: str | None = None
    run: RunJson | None = None
    job: AssetJson | None = None
    inputs: list[AssetJson] | None = None
    outputs: list[AssetJson] | None = None
    dataset: AssetJson | None = None


class EventParser:
    """Parses events of at most so many bytes."""

    def __init__(self, *, max_event_bytes: int) -> None:
        self._max_event_bytes = max_event_bytes
        self._envelope = msgspec.json.Decoder(EventJson)
        self._statements = StatementParser()

    def parse(self, body: bytes, receive_time: datetime) -> Event:
        """The event in a JSON text received at a time. Raises InvalidEvent or TooLarge."""
        if len(body) > self._max_event_bytes:
            raise TooLarge("event", len(body), self._max_event_bytes, "bytes")
        body = _with_words_for_constants(body)
        identity = identity_of(body)
        try:
            envelope = self._envelope.decode(body)
        except msgspec.ValidationError as error:
            raise invalid(error, "") from None
        event_time = parse_time(envelope.event_time, "eventTime")
        if envelope.run is not None and envelope.job is None:
            raise InvalidEvent("job", "is missing", "name the job that the run is a run of")
        statement, labels = self._statement(envelope)
        order_time = event_time if event_time <= receive_time + CLOCK_TOLERANCE else receive_time
        if envelope.run is not None:
            about = _about_run(envelope.run, _state(envelope.event_type))
        else:
            about = _about_asset(statement)
        return Event(
            identity=identity,
            body=body,
            event_time=event_time,
            order_time=order_time,
            statement=statement,
            labels=labels,
            **about,
        )

    def _statement(self, envelope: EventJson) -> tuple[Statement, Labels]:
        if envelope.run is None and envelope.job is None:
            if envelope.dataset is None:
                raise InvalidEvent("event", "has no run, job or dataset", "send one of OpenLineage's three events")
            return self._statements.parse(StatementJson(dataset=envelope.dataset))
        return self._statements.parse(StatementJson(envelope.job, envelope.inputs, envelope.outputs))


def _with_words_for_constants(body: bytes) -> bytes:
    """The body with NaN and infinities as strings: Python's producers write them bare, and JSON has no such values."""
    if not CONSTANTS.search(body):
        return body
    try:
        msgspec.json.decode(body)
    except msgspec.DecodeError:
        with contextlib.suppress(ValueError, RecursionError):
            return json.dumps(json.loads(body, parse_constant=str), separators=(",", ":")).encode()
    except RecursionError:
        pass
    return body


def identity_of(body: bytes) -> bytes:
    """The identity of an event: a hash of its JSON with keys in order and no white space. Raises InvalidEvent."""
    try:
        value = msgspec.json.decode(body)
        canonical = msgspec.json.encode(value, order="sorted")
    except RecursionError:
        raise InvalidEvent("event", "is nested too deeply", "send fewer levels of nesting") from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise InvalidEvent("event", f"is not JSON ({error})", "send one JSON object in UTF-8") from None
    if not isinstance(value, dict):
        raise InvalidEvent("event", "is not a JSON object", "send one OpenLineage event")
    return blake2b(canonical, digest_size=16).digest()


def parse_time(text: str, field: str) -> datetime:
    """A time in ISO 8601, in UTC; without a zone it is UTC, and digits past microseconds are cut."""
    try:
        time = datetime.fromisoformat(text.strip())
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidEvent(field, f"is no time ({text[:64]!r})", "send ISO 8601, as 2026-01-31T12:00:00Z") from None


class _About(TypedDict, total=False):
    """What an event is about."""

    kind: Required[EventKind]
    subject: Required[uuid.UUID]
    state: Required[RunState]
    external_run_id: str | None
    parent: RunReference | None
    root: RunReference | None
    nominal_time: NominalTime | None


def _about_asset(statement: Statement) -> _About:
    if statement.job:
        return _About(kind=EventKind.JOB, subject=ids.subject_uuid(statement.job.id), state=RunState.UNKNOWN)
    return _About(kind=EventKind.DATASET, subject=ids.subject_uuid(statement.datasets[0].id), state=RunState.UNKNOWN)


def _about_run(run: RunJson, state: RunState) -> _About:
    external = check_name(run.run_id, "run.runId")
    facets = run.facets or NO_FACETS
    parent = facets.parent
    subject = ids.run_uuid(external)
    return _About(
        kind=EventKind.RUN,
        subject=subject,
        state=state,
        external_run_id=external if external.lower() != str(subject) else None,
        parent=_reference(parent, "run.facets.parent") if parent else None,
        root=_reference(parent.root, "run.facets.parent.root") if parent and parent.root else None,
        nominal_time=_nominal_time(facets.nominal_time) if facets.nominal_time else None,
    )


def _state(event_type: str | None) -> RunState:
    if event_type is None:
        return RunState.UNKNOWN
    try:
        return STATES[event_type.upper()]
    except KeyError:
        raise InvalidEvent(
            "eventType", f"is unknown ({event_type[:64]!r})", f"send one of {', '.join(STATES)}"
        ) from None


def _reference(facet: ParentFacet | RootFacet, path: str) -> RunReference:
    name = AssetName(
        check_name(facet.job.namespace, f"{path}.job.namespace"), check_name(facet.job.name, f"{path}.job.name")
    )
    return RunReference(ids.run_uuid(check_name(facet.run.run_id, f"{path}.run.runId")), name)


def _nominal_time(facet: NominalTimeFacet) -> NominalTime:
    path = "run.facets.nominalTime"
    start = parse_time(facet.start, f"{path}.nominalStartTime") if facet.start else None
    return NominalTime(start, parse_time(facet.end, f"{path}.nominalEndTime") if facet.end else None)
