"""Missing pods: what a Workflow tells in place of a pod counts once the cluster is known not to have that pod."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, Protocol
from uuid import UUID

from .kinds.adapter import Resource
from .kinds.kubeflow_pipelines import TaskAdapter, run_id_of_pod
from .kubernetes_api import KubernetesApiError
from .registrar import Registrar

LOOK_SECONDS = 1.0
SETTLE_SECONDS = 3.0
"""How long a pod has to be seen by itself before the API server is asked whether it is there."""

AGAIN_SECONDS = 30.0
"""After how long it is asked again of pods that are there and have not told their end."""

_FORBIDDEN = (401, 403, 404, 405)

logger = logging.getLogger(__name__)


class MetadataLister(Protocol):
    """Lists objects by their metadata, as `KubernetesApi` does."""

    def list_metadata(self, resource: Resource, namespace: str = "") -> AsyncIterator[dict[str, Any]]:
        """The metadata. Raises KubernetesApiError."""


class MissingPods:
    """Asks for the pods that Workflows stand in for: one list for all of them, and none while there are none."""

    def __init__(self, registrar: Registrar, lister: MetadataLister, namespaces: Sequence[str]) -> None:
        self._registrar = registrar
        self._lister = lister
        self._namespaces = namespaces or ("",)
        self._there: dict[UUID, float] = {}

    async def run(self) -> None:
        """Looks until it is cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Looks once."""
        await self._registrar.prune()
        now = asyncio.get_running_loop().time()
        held = self._registrar.stand_ins.held(now - SETTLE_SECONDS)
        self._there = {run_id: until for run_id, until in self._there.items() if until > now}
        wanted = {each for each in held if each not in self._there}
        if not wanted:
            return
        try:
            there = await self._list()
        except KubernetesApiError as error:
            logger.warning("it is not known which pods are gone: %s", error)
            return
        self._there |= dict.fromkeys(wanted & there, now + AGAIN_SECONDS)
        await self._registrar.release(wanted - there)

    async def _list(self) -> set[UUID]:
        """The runs whose pods are there; none where pods may not be listed, since nobody will tell them then."""
        found: set[UUID] = set()
        for namespace in self._namespaces:
            try:
                metadata = [each async for each in self._lister.list_metadata(TaskAdapter.resource, namespace)]
            except KubernetesApiError as error:
                if error.status not in _FORBIDDEN:
                    raise
                continue
            found |= set(_run_ids(metadata))
        return found


def _run_ids(listed: Iterable[dict[str, Any]]) -> Iterable[UUID]:
    return (run_id for each in listed if (run_id := run_id_of_pod(each)) is not None)
