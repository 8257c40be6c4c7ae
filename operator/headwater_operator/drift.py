"""Drift: the pipelines that the server holds for this cluster are compared with those that the cluster has.

So a pipeline ends at the server although nobody could tell it in time, whatever was restarted since, and a server that
lost what it was told, as by a restored backup, is told again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from headwater.errors import HeadwaterError
from headwater.v1 import pipeline_pb2 as pb

from .declarations import Declarations
from .kinds.adapter import Resource
from .kubernetes_api import KubernetesApiError
from .pipeline.coverage import Coverage
from .registration import Registration
from .watched_kinds import PipelineKey
from .watching import PIPELINES

COMPARE_SECONDS = 600.0
RETRY_SECONDS = 30.0
TIMEOUT_SECONDS = 10.0

logger = logging.getLogger(__name__)


class PipelineList(Protocol):
    """Is what a list call gives."""

    def __aiter__(self) -> AsyncIterator[pb.Pipeline]:
        """The pipelines. Raises HeadwaterError."""


class PipelineLister(Protocol):
    """Lists the pipelines of all clusters that have not ended, as `headwater.Client` does."""

    def pipelines(self, *, timeout_seconds: float | None = None) -> PipelineList:
        """The pipelines."""


class ResourceLister(Protocol):
    """Lists what a cluster has, as `KubernetesApi` does."""

    def list_uids(self, resource: Resource, namespace: str = "") -> AsyncIterator[str]:
        """The UIDs of a kind's objects. Raises KubernetesApiError."""


class Drift:
    """Finds what the server and the cluster disagree about, and has registration mend it."""

    def __init__(
        self,
        listers: tuple[PipelineLister, ResourceLister],
        declarations: Declarations,
        registration: Registration,
        coverage: Coverage,
        namespaces: Sequence[str],
    ) -> None:
        self._server, self._cluster = listers
        self._declarations = declarations
        self._registration = registration
        self._prefix = coverage.lineage_namespace("")
        self._namespaces = tuple(namespaces)

    async def run(self) -> None:
        """Compares until it is cancelled."""
        while True:
            try:
                await self.mend()
            except (HeadwaterError, KubernetesApiError) as error:
                logger.info("the server's pipelines are compared with the cluster's later: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
            else:
                await asyncio.sleep(COMPARE_SECONDS)

    async def mend(self) -> None:
        """Compares once. Raises HeadwaterError and KubernetesApiError; then nothing is taken for gone."""
        held = [each async for each in self._server.pipelines(timeout_seconds=TIMEOUT_SECONDS)]
        # In this order: what is made in between is not taken for gone.
        there = {uid for each in self._namespaces or ("",) async for uid in self._cluster.list_uids(PIPELINES, each)}
        ours = {key: each for each in held if (key := self._key(each)) is not None}
        for (namespace, name), each in ours.items():
            if each.uid not in there and self._declarations.get((namespace, name)) is None:
                logger.info("%s/%s is no longer there: the server is told", namespace, name)
                self._registration.end_later(namespace, name, each.uid)
        for declared in self._declarations:
            if declared.registered_generation == declared.generation:
                found = ours.get(declared.key)
                if found is None or found.uid != declared.uid or found.generation < declared.generation:
                    self._registration.submit(declared.key)

    def _key(self, pipeline: pb.Pipeline) -> PipelineKey | None:
        """The Kubernetes namespace and name of a pipeline; None for one that is not this operator's to end."""
        namespace = pipeline.namespace.removeprefix(self._prefix)
        if namespace == pipeline.namespace or (self._namespaces and namespace not in self._namespaces):
            return None
        return namespace, pipeline.display_name
