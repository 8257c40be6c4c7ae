"""Tells a server that a wrapped command began, and how it ended."""

import os
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from threading import Lock

from headwater import SyncClient
from headwater.assets import describe_dataset, describe_facets
from headwater.events import PRODUCER
from headwater.names import DatasetName
from headwater.parent import parent_from
from headwater.v1 import event_pb2 as pb
from headwater.v1.error_reason_pb2 import ErrorReason
from headwater.values import timestamp

from ..waiting import AWAY, keep, send_waiting
from ..words import word
from .child import End
from .origin import code_location, has_changes, script_of, sha256_of, without_secrets
from .surroundings import Identity

DELIVERY_SECONDS = 60.0
"""How long what waits may take while the command runs; after its end, it has what is left of the patience."""

SCHEMAS = "https://openlineage.io/spec/facets/"
PROCESS_SCHEMA = "https://headwater.dev/facets/1-0-0/ProcessRunFacet.json#/$defs/ProcessRunFacet"
JOB_TYPE = {
    "_schemaURL": SCHEMAS + "2-0-4/JobTypeJobFacet.json#/$defs/JobTypeJobFacet",
    "processingType": "BATCH",
    "integration": "HEADWATER",
    "jobType": "COMMAND",
}


class Rejected(Exception):
    """Says that the server refused to record the run."""


class Report:
    """Is what is told about one run of a command. Its methods may be called from different threads."""

    def __init__(
        self,
        client: SyncClient,
        run: Identity,
        command: Sequence[str],
        reads: Iterable[DatasetName] = (),
        writes: Iterable[DatasetName] = (),
    ) -> None:
        self._client = client
        self._command = command
        self._run = run
        self._parent = parent_from(os.environ)
        self._inputs = [pb.InputDataset(dataset=describe_dataset(name)) for name in reads]
        self._outputs = [pb.OutputDataset(dataset=describe_dataset(name)) for name in writes]
        self._began, self._clock = datetime.now(UTC), time.monotonic()
        self._process: dict[str, object] = {"command": list(without_secrets(command)), "host": socket.gethostname()}
        self._location: dict[str, str] = {}
        self._looking = Lock()
        self._start: pb.RunEvent | None = None
        self._end: pb.RunEvent | None = None
        self._has_begun = False
        self._is_answered = False

    def begin(self, timeout_seconds: float | None = None) -> None:
        """Tells that the command begins, and what it is. Raises HeadwaterError and Rejected."""
        self._send([self._begin_event()], timeout_seconds)
        self._has_begun = True

    def finish(self, end: End, timeout_seconds: float) -> None:
        """Tells how the command ended, and how it began where that is not known. Raises HeadwaterError and Rejected."""
        is_answered = True
        try:
            self._send(self._last_words(end), timeout_seconds)
        except AWAY:
            is_answered = False
            raise
        finally:
            self._is_answered = is_answered

    def keep(self, end: End) -> str:
        """Keeps on disk what `finish` tells, unless a server answered it; gives where it waits. Raises SpoolError."""
        return "" if self._is_answered else keep(self._client.settings.address, self._last_words(end))

    def send_waiting(self) -> list[str]:
        """Tells what waits since the server was away; gives what there is to complain of."""
        return send_waiting(self._client.settings, DELIVERY_SECONDS)

    def _last_words(self, end: End) -> list[pb.RunEvent]:
        start = self._begin_event()
        with self._looking:
            if self._end is None:
                self._end = self._end_event(end)
            return [self._end] if self._has_begun else [start, self._end]

    def _end_event(self, end: End) -> pb.RunEvent:
        self._process["durationSeconds"] = round(time.monotonic() - self._clock, 3)
        if end.code >= 0:
            self._process["exitCode"] = end.code
        else:
            self._process["signal"] = end.signal_name
        event = self._event(_outcome(end), datetime.now(UTC))
        if event.event_type == pb.EVENT_TYPE_FAIL:
            schema = SCHEMAS + "1-0-1/ErrorMessageRunFacet.json#/$defs/ErrorMessageRunFacet"
            facet = {"_schemaURL": schema, "message": end.words, "programmingLanguage": "shell"}
            event.run.facets.update(describe_facets({"errorMessage": facet}))
        return event

    def _begin_event(self) -> pb.RunEvent:
        with self._looking:
            if self._start is None:
                self._look()
                self._start = self._event(pb.EVENT_TYPE_START, self._began)
            return self._start

    def _look(self) -> None:
        script = script_of(self._command)
        if script:
            self._process["script"] = str(script)
            with suppress(OSError):
                self._process["sha256"] = sha256_of(script)
        self._location = code_location(script)
        if self._location and has_changes(script):
            self._process["hasChanges"] = True

    def _event(self, event_type: pb.EventType.ValueType, at: datetime) -> pb.RunEvent:
        facets: dict[str, Mapping[str, object]] = {"jobType": JOB_TYPE}
        if self._location:
            schema = SCHEMAS + "1-1-0/SourceCodeLocationJobFacet.json#/$defs/SourceCodeLocationJobFacet"
            facets["sourceCodeLocation"] = {"_schemaURL": schema, **self._location}
        process, job = {"_schemaURL": PROCESS_SCHEMA, **self._process}, self._run.job
        return pb.RunEvent(
            event_time=timestamp(at),
            event_type=event_type,
            producer=PRODUCER,
            run=pb.EventRun(
                run_id=self._run.run_id, parent=self._parent, facets=describe_facets({"headwater_process": process})
            ),
            job=pb.EventJob(namespace=job.namespace, name=job.job, facets=describe_facets(facets)),
            inputs=self._inputs,
            outputs=self._outputs,
        )

    def _send(self, events: Sequence[pb.RunEvent], timeout_seconds: float | None) -> None:
        answer = self._client.batch_write_events(events, timeout_seconds=timeout_seconds)
        for result in answer.results:
            if result.outcome == pb.EventResult.OUTCOME_REJECTED:
                raise Rejected(f"{result.message or result.field} ({word(ErrorReason, result.reason)})")


def _outcome(end: End) -> pb.EventType.ValueType:
    if end.code == 0:
        return pb.EVENT_TYPE_COMPLETE
    return pb.EVENT_TYPE_ABORT if end.was_stopped else pb.EVENT_TYPE_FAIL
