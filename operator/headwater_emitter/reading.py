"""What can be seen of an event without understanding it: whether it is one at all, and which run it is about. Pure.

What is refused here the server refuses too, for the same reason and field. Everything else goes on to the server, which
alone knows what an event means.
"""

from __future__ import annotations

import json
import re

import msgspec
from msgspec import Raw, Struct

from .refusals import invalid_event, too_large

_CONSTANTS = re.compile(rb"\b(?:NaN|Infinity)\b")


class Mention(Struct, frozen=True, gc=False):
    """The run that an event is about, as the event writes it."""

    run_id: str
    job_namespace: str
    job_name: str
    event_time: str
    has_parent: bool


class _Facets(Struct, gc=False):
    parent: Raw = Raw(b"null")


class _Run(Struct, gc=False):
    run_id: str = msgspec.field(name="runId", default="")
    facets: _Facets | None = None


class _Job(Struct, gc=False):
    namespace: str = ""
    name: str = ""


class _Envelope(Struct, gc=False):
    event_time: str = msgspec.field(name="eventTime", default="")
    run: _Run | None = None
    job: _Job | None = None


_read_envelope = msgspec.json.Decoder(_Envelope).decode


def read_mention(body: bytes, max_bytes: int) -> Mention | None:
    """The run that the JSON text of an event is about; None where it is about none, or does not say so plainly.

    Raises InvalidEvent where the text is no JSON object, and TooLarge.
    """
    if len(body) > max_bytes:
        raise too_large("event", len(body), max_bytes, "bytes")
    try:
        if not body.isascii():
            body.decode()  # the texts that are passed over are not looked at
        envelope = _read_envelope(body)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return _read_odd(body)
    return _mention(envelope)


def _read_odd(body: bytes) -> Mention | None:
    """Reads what has other types than the standard says, bare NaN and infinities, or is no JSON object."""
    try:
        value = msgspec.json.decode(body)
    except RecursionError:
        raise invalid_event("event", "is nested too deeply", "send fewer levels of nesting") from None
    except (msgspec.DecodeError, UnicodeError) as error:
        value = _read_constants(body)
        if value is None:
            remedy = "send one JSON object in UTF-8"
            raise invalid_event("event", f"is not JSON ({error})", remedy) from None
    if not isinstance(value, dict):
        raise invalid_event("event", "is not a JSON object", "send one OpenLineage event")
    try:
        return _mention(msgspec.convert(value, _Envelope))
    except msgspec.ValidationError:
        return None


def _read_constants(body: bytes) -> object:
    """The value of a text that is JSON save for bare NaN and infinities; None where it is not."""
    if not _CONSTANTS.search(body):
        return None
    try:
        return json.loads(body, parse_constant=str)
    except (ValueError, RecursionError):
        return None


def _mention(envelope: _Envelope) -> Mention | None:
    run, job = envelope.run, envelope.job
    if run is None or job is None or not (run.run_id and job.namespace and job.name and envelope.event_time):
        return None
    has_parent = run.facets is not None and bytes(run.facets.parent) != b"null"
    return Mention(run.run_id, job.namespace, job.name, envelope.event_time, has_parent)
