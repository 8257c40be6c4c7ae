"""Answers AdmissionReviews: whatever happens inside, the pod is admitted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from prometheus_client import Counter, Histogram

from ..injection.cluster_view import Owners
from .injected_pod import Injection, Injector
from .review import Request, make_answer, read_request

DEADLINE_SECONDS = 2.0
"""After how long a pod is admitted as it is; the API server waits for three."""

INJECTED, LEFT, NOT_ASKED, FAILED = "injected", "left", "not asked", "failed"
_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)

logger = logging.getLogger(__name__)


class OwnerSource(Protocol):
    """Knows who owns what, as `OwnerCache` does."""

    async def climb(self, metadata: Mapping[str, Any], namespace: str) -> Owners:
        """The owners of an object, after a short wait for those that are not known yet."""


class Figures:
    """What is counted. The names are those of Prometheus."""

    def __init__(self) -> None:
        self.reviews = Counter("headwater_webhook_reviews", "Answered reviews, by outcome.", ["outcome"], registry=None)
        self.closed = Counter(
            "headwater_webhook_closed_gates", "Pods that were left alone, by gate.", ["gate"], registry=None
        )
        self.guessed = Counter(
            "headwater_webhook_guessed_owners", "Pods of which an owner was not known in time.", registry=None
        )
        self.seconds = Histogram(
            "headwater_webhook_review_seconds", "How long an answer took.", buckets=_BUCKETS, registry=None
        )


class Admission:
    """Answers for one injector. `ca` gives the CA certificates for the emitters' server, as PEM."""

    def __init__(self, injector: Injector, owners: OwnerSource, ca: Callable[[], str]) -> None:
        self.figures = Figures()
        self._injector = injector
        self._owners = owners
        self._ca = ca

    async def answer(self, body: bytes) -> bytes:
        """The answer to a review. Raises Undecodable, and nothing else."""
        with self.figures.seconds.time():
            request = read_request(body)
            try:
                async with asyncio.timeout(DEADLINE_SECONDS):
                    return await self._answer(request)
            except Exception as error:
                reason = str(error) or type(error).__name__
                logger.warning("a pod of %s is admitted as it is: %s", request.namespace, reason, exc_info=True)
                self.figures.reviews.labels(FAILED).inc()
                return make_answer(request.uid, (), [f"the pod runs without the emitter: {reason}"])

    async def _answer(self, request: Request) -> bytes:
        if not request.operation:
            raise ValueError("the review cannot be read")
        if not request.creates_pod:
            self.figures.reviews.labels(NOT_ASKED).inc()
            return make_answer(request.uid)
        pod = request.pod()
        namespace = request.namespace or pod["metadata"].get("namespace", "")
        owners = await self._owners.climb(pod["metadata"], namespace)
        injection = self._injector.inject(pod, namespace, owners, self._ca())
        answer = make_answer(request.uid, injection.operations, injection.warnings)
        self._count(injection)
        return answer

    def _count(self, injection: Injection) -> None:
        self.figures.reviews.labels(INJECTED if injection.operations else LEFT).inc()
        for each in injection.decision.closed:
            self.figures.closed.labels(each.name).inc()
        if injection.decision.guessed:
            self.figures.guessed.inc()
