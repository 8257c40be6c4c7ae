"""Reads OpenLineage events: lenient in what it takes, strict in what it makes of it.

Taken though the standard says otherwise: no `schemaURL` or `producer`, times without a zone (UTC), nanoseconds, a
`runId` that is no UUID, any case of `eventType`, null for a missing value, bare NaN and Infinity, unknown keys.

An event is cut into the parts that many events share; what was read lately is known again by its bytes.
"""

from __future__ import annotations

import contextlib
import json
import re
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

import msgspec
from msgspec import Raw

from . import ids
from .asset_parser import invalid
from .body_templates import Fitted, Templates
from .errors import InvalidEvent, TooLarge
from .event import Event
from .identity import MISSING, canonical_object, hash_of
from .model import EventKind, OrderKey, RunState
from .readings import Content, Cutter, Elements, Reading, Readings
from .remembered import Remembered
from .run_parser import RunParser, RunPart, parse_time
from .statement import Role, StatedJob
from .statement_parser import NO_DATASETS, DatasetsPart, Members, StatementParser

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
REMEMBERED_BYTES = 3 << 20
"""How much text of frames is remembered."""


class Frame(NamedTuple):
    """An event without its time, run, inputs and outputs: what all events of a job share that are of one type.

    `subject` is the dataset that the event is about where it has no job.
    """

    hash: bytes
    job: StatedJob | None
    subject: DatasetsPart | None
    state: RunState
    finality: int


class _Values(NamedTuple):
    """The values of an event that may differ from those of its like."""

    time: Raw
    run: Raw
    arrays: tuple[DatasetsPart, DatasetsPart]


class _Parts(NamedTuple):
    """What an event is made of; `hashes` are those of its inputs and outputs."""

    body: bytes
    time_text: str
    time: datetime
    run: RunPart | None
    hashes: tuple[bytes, bytes]
    content: Content
    fitted: Fitted | None


_decode_event = msgspec.json.Decoder(Members).decode
_decode_time = msgspec.json.Decoder(str).decode
_decode_type = msgspec.json.Decoder(str | None).decode


class EventParser:
    """Parses events of at most so many bytes."""

    def __init__(self, *, max_event_bytes: int) -> None:
        self._max_event_bytes = max_event_bytes
        self._statements = StatementParser()
        self._runs = RunParser()
        self._frames: Remembered[Frame] = Remembered(REMEMBERED_BYTES)
        self._templates = Templates()
        self._readings = Readings()

    def parse(self, body: bytes, receive_time: datetime) -> Event:
        """The event in a JSON text received at a time. Raises InvalidEvent or TooLarge."""
        if len(body) > self._max_event_bytes:
            raise TooLarge("event", len(body), self._max_event_bytes, "bytes")
        try:
            try:
                return self._recognise(body, receive_time) or self._parse(body, receive_time)
            except InvalidEvent:
                msgspec.json.decode(body)  # what is no JSON at all is told to be none
                raise
            except (msgspec.DecodeError, UnicodeError):
                return self._parse(_with_words_for_constants(body), receive_time)
        except RecursionError:
            raise InvalidEvent("event", "is nested too deeply", "send fewer levels of nesting") from None
        except (msgspec.DecodeError, UnicodeError) as error:
            raise InvalidEvent("event", f"is not JSON ({error})", "send one JSON object in UTF-8") from None

    def _recognise(self, body: bytes, receive_time: datetime) -> Event | None:
        """The event of a text that is read by its template."""
        found = self._readings.find(body)
        if found is None:
            return None
        reading, fitted = found
        holes = fitted.holes
        try:
            time_text, time = _time(reading.time.text(holes))
            run = self._runs.run(reading.run.text(holes))
            hashes = reading.hashes(holes)
        except (InvalidEvent, msgspec.DecodeError, UnicodeError):
            return None  # whoever reads all of it tells what is wrong
        if run is None:
            return None
        return _event(_Parts(body, time_text, time, run, hashes, reading.content, fitted), receive_time)

    def _parse(self, body: bytes, receive_time: datetime) -> Event:
        members = _members(body)
        time_json, run_json = members.pop("eventTime", None), members.pop("run", None)
        inputs_json, outputs_json = members.pop("inputs", None), members.pop("outputs", None)
        time_text, time = _time(time_json)
        run = self._runs.run(run_json) if run_json is not None else None
        frame = self._frame(members, is_run=run is not None)
        inputs = self._statements.datasets(inputs_json, Role.INPUT) if inputs_json is not None else NO_DATASETS
        outputs = self._statements.datasets(outputs_json, Role.OUTPUT) if outputs_json is not None else NO_DATASETS
        if frame.subject:
            labels, statement = frame.subject.labels, self._statements.statement(None, subject=frame.subject)
        else:
            labels = inputs.labels + outputs.labels
            statement = self._statements.statement(frame.job, inputs, outputs)
        content = Content(frame.hash, statement, labels, frame.state, frame.finality)
        fitted = self._templates.fit((statement.id, frame.state), body)
        if fitted and time_json is not None and run_json is not None and run:
            values = _Values(time_json, run_json, (inputs, outputs))
            self._readings.learn(body, fitted, partial(_reading, values, content))
        return _event(_Parts(body, time_text, time, run, (inputs.hash, outputs.hash), content, fitted), receive_time)

    def _frame(self, members: Members, *, is_run: bool) -> Frame:
        texts = tuple(map(bytes, members.values()))
        remembered = (is_run, *members, *texts)
        found = self._frames.get(remembered)
        if found is not None:
            return found
        job = self._statements.job(members["job"]) if "job" in members else None
        subject = None
        if is_run and job is None:
            raise InvalidEvent("job", "is missing", "name the job that the run is a run of")
        if job is None:
            subject = self._statements.subject(members["dataset"]) if "dataset" in members else None
            if subject is None:
                raise InvalidEvent("event", "has no run, job or dataset", "send one of OpenLineage's three events")
        state = _state(members.get("eventType")) if is_run else RunState.UNKNOWN
        frame = Frame(hash_of(canonical_object(members)), job, subject, state, state.finality)
        return self._frames.put(remembered, frame, sum(map(len, texts)))


def _members(body: bytes) -> Members:
    try:
        return _decode_event(body)
    except msgspec.ValidationError:
        raise InvalidEvent("event", "is not a JSON object", "send one OpenLineage event") from None


def _with_words_for_constants(body: bytes) -> bytes:
    """The body with NaN and infinities as strings: Python's producers write them bare, and JSON has no such values."""
    if CONSTANTS.search(body):
        with contextlib.suppress(ValueError, RecursionError):
            return json.dumps(json.loads(body, parse_constant=str), separators=(",", ":")).encode()
    return body


def _reading(values: _Values, content: Content, cutter: Cutter) -> Reading | None:
    time, run = cutter.part(values.time), cutter.part(values.run)
    inputs, outputs = (_array(cutter, array) for array in values.arrays)
    return Reading(cutter.template, time, run, (inputs, outputs), content) if cutter.is_done else None


def _array(cutter: Cutter, array: DatasetsPart) -> Elements | bytes:
    others = tuple({name: cutter.part(value) for name, value in members.items()} for _, members in array.elements)
    if not any(part.has_holes for parts in others for part in parts.values()):
        return array.hash
    return Elements(tuple(stated for stated, _ in array.elements), others)


def _event(parts: _Parts, receive_time: datetime) -> Event:
    body, time_text, time, run, (inputs, outputs), content, fitted = parts
    run_hash = run.hash if run else MISSING
    identity = hash_of(b"".join((run_hash, inputs, outputs, content.frame, msgspec.json.encode(time_text))))
    order_time = time if time <= receive_time + CLOCK_TOLERANCE else receive_time
    statement, key = content.statement, OrderKey(order_time, content.finality, identity[:8])
    event = Event(identity, body, time, key, statement, content.labels, fitted=fitted)
    if run is None:
        job = statement.job
        about = job.id if job else statement.datasets[0].id
        event.kind, event.subject = EventKind.JOB if job else EventKind.DATASET, ids.subject_uuid(about)
    else:
        event.subject, event.state, event.external_run_id, facets = run.id, content.state, run.external_id, run.facets
        event.parent, event.root, event.nominal_time = facets.parent, facets.root, facets.nominal_time
    return event


def _time(json: bytes | Raw | None) -> tuple[str, datetime]:
    if json is None:
        raise InvalidEvent("eventTime", "is missing", "send it, as OpenLineage's schema says")
    try:
        text = _decode_time(json)
    except msgspec.ValidationError as error:
        raise invalid(error, "eventTime") from None
    return text, parse_time(text, "eventTime")


def _state(json: Raw | None) -> RunState:
    try:
        event_type = _decode_type(json) if json is not None else None
    except msgspec.ValidationError as error:
        raise invalid(error, "eventType") from None
    if event_type is None:
        return RunState.UNKNOWN
    try:
        return STATES[event_type.upper()]
    except KeyError:
        raise InvalidEvent(
            "eventType", f"is unknown ({event_type[:64]!r})", f"send one of {', '.join(STATES)}"
        ) from None
