"""Registration: the server is told what is declared, and when that ends, for as long as it takes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from headwater.errors import FailedPrecondition, HeadwaterError, InvalidArgument, PermissionDenied, Unauthenticated
from headwater.names import PipelineName
from headwater.v1 import pipeline_pb2 as pb

from .declarations import Declarations, Declared
from .pipeline.coverage import Coverage
from .pipeline.pipeline import Pipeline
from .watched_kinds import PipelineKey

RETRY_SECONDS = (1.0, 60.0)
"""The first and the longest wait before the server is asked again."""

TIMEOUT_SECONDS = 5.0

REFUSED = "Refused"
"""The server will never take it as it is."""

NOT_AUTHORIZED = "NotAuthorized"
"""The server takes nothing from this operator."""

UNAVAILABLE = "ServerUnavailable"

logger = logging.getLogger(__name__)


class PipelineCalls(Protocol):
    """The calls of PipelineService that registration makes, as `headwater.Client` has them."""

    async def update_pipeline(
        self, pipeline: pb.Pipeline, *, allow_missing: bool = False, timeout_seconds: float | None = None
    ) -> pb.Pipeline:
        """Replaces what is declared. Raises HeadwaterError."""

    async def delete_pipeline(
        self, pipeline: str, *, uid: str = "", allow_missing: bool = False, timeout_seconds: float | None = None
    ) -> pb.Pipeline:
        """Ends a pipeline. Raises HeadwaterError."""


class Registration:
    """Keeps the server's pipelines in step with those that are declared. `told` hears of each outcome."""

    def __init__(
        self, calls: PipelineCalls, declarations: Declarations, coverage: Coverage, told: Callable[[Declared], None]
    ) -> None:
        self._calls = calls
        self._declarations = declarations
        self._coverage = coverage
        self._told = told
        self._pending: set[PipelineKey] = set()
        self._ended: dict[PipelineKey, str] = {}
        self._wake = asyncio.Event()

    def submit(self, key: PipelineKey) -> None:
        """Has the server told what a pipeline declares now."""
        self._ended.pop(key, None)
        self._pending.add(key)
        self._wake.set()

    async def end(self, namespace: str, name: str, uid: str) -> None:
        """Tells the server that a pipeline ended. Raises HeadwaterError."""
        self._pending.discard((namespace, name))
        await self._calls.delete_pipeline(
            self._name(namespace, name), uid=uid, allow_missing=True, timeout_seconds=TIMEOUT_SECONDS
        )
        self._ended.pop((namespace, name), None)

    def end_later(self, namespace: str, name: str, uid: str) -> None:
        """Has the server told when it can be reached again that a pipeline ended."""
        self._ended[namespace, name] = uid
        self._wake.set()

    async def run(self) -> None:
        """Tells the server until it is cancelled."""
        first, longest = RETRY_SECONDS
        delay = first
        while True:
            await self._wake.wait()
            self._wake.clear()
            if await self.tell_all():
                delay = first
                continue
            self._wake.set()
            await asyncio.sleep(delay)
            delay = min(longest, delay * 2)

    async def tell_all(self) -> bool:
        """Tells everything that waits; whether nothing is left."""
        for key in list(self._pending):
            self._pending.discard(key)
            declared = self._declarations.get(key)
            if declared is not None and declared.pipeline is not None:
                await self._register(declared, declared.pipeline)
        for (namespace, name), uid in list(self._ended.items()):
            try:
                await self.end(namespace, name, uid)
            except HeadwaterError as error:
                logger.warning("the server was not told that %s/%s ended: %s", namespace, name, error)
        return not self._pending and not self._ended

    async def _register(self, declared: Declared, pipeline: Pipeline) -> None:
        message = pipeline_message(pipeline, self._name(pipeline.namespace, pipeline.name))
        try:
            await self._calls.update_pipeline(message, allow_missing=True, timeout_seconds=TIMEOUT_SECONDS)
        except HeadwaterError as error:
            declared.registration_error, declared.registration_reason = str(error), _reason(error)
            if declared.registration_reason != REFUSED:
                self._pending.add(declared.key)
        else:
            declared.registered_generation = pipeline.generation
            declared.registration_error = declared.registration_reason = ""
        self._told(declared)

    def _name(self, namespace: str, name: str) -> str:
        return str(PipelineName(self._coverage.lineage_namespace(namespace), name))


def _reason(error: HeadwaterError) -> str:
    match error:
        case InvalidArgument() | FailedPrecondition():
            return REFUSED
        case PermissionDenied() | Unauthenticated():
            return NOT_AUTHORIZED
    return UNAVAILABLE


def pipeline_message(pipeline: Pipeline, name: str) -> pb.Pipeline:
    """A pipeline in the words of the contract."""
    spec = pipeline.spec
    return pb.Pipeline(
        name=name,
        uid=pipeline.uid,
        generation=pipeline.generation,
        description=spec.description,
        owner=spec.owner,
        criticality=pb.Criticality.Value(f"CRITICALITY_{spec.criticality.value}"),
        declarations=[
            pb.JobDeclaration(job=each.job, inputs=each.inputs, outputs=each.outputs) for each in spec.declared
        ],
        sampling=pb.Sampling(successful_percent=spec.sampling.successful_percent),
        retention_days=spec.retention.days,
    )
