"""A run reported by the program that does it: START, what it reads and writes, and how it ends.

The program's work goes first. Where the server is away or a fact cannot be said, the run logs a warning and goes on;
`strict=True` makes it raise instead.
"""

import asyncio
import logging
import os
import secrets
import time
import traceback
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import PurePath
from types import TracebackType
from typing import Self, TypedDict, Unpack

from .assets import Facets, Features, Fields, Metrics, Model, describe_dataset, describe_facets, describe_metrics
from .errors import DeadlineExceeded, HeadwaterError, Overloaded, Unavailable
from .events import PRODUCER
from .ingest import Ingest
from .names import dataset_name, job_name
from .parent import parent_from
from .v1 import event_pb2 as pb
from .values import timestamp

MAX_TRACE_CHARACTERS = 65_536

_log = logging.getLogger(__name__)


class RunOptions(TypedDict, total=False):
    """Says what is not said by the job's name alone."""

    run_id: str
    """The run's id, best a UUIDv7; a new one where it is not given."""

    parent: pb.ParentRun
    """The run that started this one; what the environment says (see `parent`) where it is not given."""

    facets: Facets
    """Run facets."""

    job_facets: Facets
    """Job facets."""

    strict: bool
    """Whether what cannot be reported is raised; else it is logged."""

    timeout_seconds: float
    """How long each report may hold up the program: 5 where it is not given."""


class DatasetFacts(TypedDict, total=False):
    """Says what is known of a dataset."""

    kind: str
    """TABLE, VIEW, TOPIC, FILE, FEATURE_TABLE, MODEL, METRICS, ENDPOINT or another word."""

    version: object
    """The version as its producer names it; becomes text."""

    fields: Fields
    model: Model
    features: Features
    facets: Facets
    """Dataset facets; they hold over what is said above."""


class RunRecord:
    """Collects what a run does, and reports it. `Run` and `SyncRun` say how it is entered and left."""

    def __init__(self, ingest: Ingest, job: str | tuple[str, str], **options: Unpack[RunOptions]) -> None:
        self.id = options.get("run_id") or new_run_id()
        self.job = job_name(job, os.environ.get("OPENLINEAGE_NAMESPACE") or "default")
        self._ingest = ingest
        self._strict = options.get("strict", False)
        self._timeout_seconds = options.get("timeout_seconds", 5.0)
        self._event = pb.RunEvent(
            producer=PRODUCER,
            run=pb.EventRun(
                run_id=self.id,
                parent=options.get("parent") or parent_from(os.environ),
                facets=describe_facets(options.get("facets")),
            ),
            job=pb.EventJob(
                namespace=self.job.namespace, name=self.job.job, facets=describe_facets(options.get("job_facets"))
            ),
        )
        self._inputs: dict[str, pb.InputDataset] = {}
        self._outputs: dict[str, pb.OutputDataset] = {}
        self._unsent: list[pb.RunEvent] = []

    def reads(
        self,
        dataset: str | PurePath | tuple[str, str],
        *,
        input_facets: Facets | None = None,
        **facts: Unpack[DatasetFacts],
    ) -> None:
        """Says that the run reads a dataset. A later call about the same dataset replaces this one.

        `dataset` is an address as `names.dataset_name` takes it: `s3://bucket/key`, a path, or (namespace, name).
        """
        with self._lenient(f"the input {dataset}"):
            name = dataset_name(dataset)
            self._inputs[str(name)] = pb.InputDataset(
                dataset=describe_dataset(name, **facts), input_facets=describe_facets(input_facets)
            )

    def writes(
        self,
        dataset: str | PurePath | tuple[str, str],
        *,
        metrics: Metrics = (),
        output_facets: Facets | None = None,
        **facts: Unpack[DatasetFacts],
    ) -> None:
        """Says that the run writes a dataset. A later call about the same dataset replaces this one.

        >>> run.writes("s3://bucket/model", kind="MODEL", version=3, metrics={"auc": 0.93})
        """
        with self._lenient(f"the output {dataset}"):
            name = dataset_name(dataset)
            self._outputs[str(name)] = pb.OutputDataset(
                dataset=describe_dataset(name, **facts),
                metrics=describe_metrics(metrics),
                output_facets=describe_facets(output_facets),
            )

    async def _begin(self) -> None:
        await self._report(pb.EVENT_TYPE_START)

    async def _end(self, error: BaseException | None) -> None:
        outcome = _outcome(error)
        if error is not None:
            self._strict = False  # the program's own error is the one that it must see
        if error is not None and outcome == pb.EVENT_TYPE_FAIL:
            self._event.run.facets.update(describe_facets({"errorMessage": _error_facet(error)}))
        await self._report(outcome)

    async def _report(self, event_type: pb.EventType.ValueType) -> None:
        """Sends an event, after those that found the server away before."""
        event = pb.RunEvent(
            event_time=timestamp(datetime.now(UTC)),
            event_type=event_type,
            inputs=self._inputs.values(),
            outputs=self._outputs.values(),
        )
        event.MergeFrom(self._event)
        waiting, self._unsent = [*self._unsent, event], []
        while waiting and not self._unsent:
            with self._lenient(f"{pb.EventType.Name(event_type)} of the run {self.id}"):
                await self._write(waiting.pop(0))
        self._unsent += waiting

    async def _write(self, event: pb.RunEvent) -> None:
        try:
            await self._ingest.write_event(event, timeout_seconds=self._timeout_seconds)
        except (Unavailable, Overloaded, DeadlineExceeded):
            self._unsent.append(event)
            raise

    @contextmanager
    def _lenient(self, what: str) -> Iterator[None]:
        try:
            yield
        except HeadwaterError as error:
            if self._strict:
                raise
            _log.warning("%s is not reported: %s", what, error)
        except Exception:
            if self._strict:
                raise
            _log.warning("%s is not reported", what, exc_info=True)


class Run(RunRecord):
    """Is a run of an asyncio program.

    async with client.run("team/train") as run:
        run.reads("s3://bucket/clicks")
        run.writes("s3://bucket/model", kind="MODEL", metrics={"auc": 0.93})
    """

    async def __aenter__(self) -> Self:
        await self._begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end(error)


def new_run_id() -> str:
    """Makes a UUIDv7: ids that are made later sort later, to the millisecond."""
    milliseconds = time.time_ns() // 1_000_000
    value = milliseconds << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=value))


def _outcome(error: BaseException | None) -> pb.EventType.ValueType:
    if error is None or (isinstance(error, SystemExit) and not error.code):
        return pb.EVENT_TYPE_COMPLETE
    if isinstance(error, KeyboardInterrupt | asyncio.CancelledError | GeneratorExit):
        return pb.EVENT_TYPE_ABORT
    return pb.EVENT_TYPE_FAIL


def _error_facet(error: BaseException) -> dict[str, object]:
    trace = "".join(traceback.format_exception(error))
    return {
        "_schemaURL": "https://openlineage.io/spec/facets/1-0-1/ErrorMessageRunFacet.json#/$defs/ErrorMessageRunFacet",
        "message": "".join(traceback.format_exception_only(error)).strip()[:MAX_TRACE_CHARACTERS],
        "programmingLanguage": "python",
        "stackTrace": trace[-MAX_TRACE_CHARACTERS:],
    }
