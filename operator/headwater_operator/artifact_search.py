"""Artifacts whose producer nobody saw: after a while the server is asked, and at last the URI says what it can."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Protocol

from headwater.errors import HeadwaterError, NotFound
from headwater.names import DatasetName, InvalidName
from headwater.v1 import catalog_service_pb2 as api

from .kfp.artifact_names import parse_artifact_uri
from .observation import Dataset
from .records import Record
from .registrar import Known, Registrar

LOOK_SECONDS = 1.0
TIMEOUT_SECONDS = 5.0
API_RETRY_SECONDS = 15.0
API_PATIENCE_SECONDS = 600.0
"""How long the API of Kubeflow Pipelines is asked again for what it has not told."""

logger = logging.getLogger(__name__)


class Resolver(Protocol):
    """Finds assets by what they are called, as `headwater.Client` does."""

    async def resolve_address(
        self, address: str, *, timeout_seconds: float | None = None
    ) -> api.ResolveAddressResponse:
        """The asset. Raises NotFound and other HeadwaterErrors."""


class ArtifactSearch:
    """Ends the waiting of records. `patience_seconds` is how long they wait for the producer to be seen."""

    def __init__(
        self,
        registrar: Registrar,
        known: Known,
        resolver: Resolver,
        *,
        patience_seconds: float,
    ) -> None:
        self._registrar = registrar
        self._resolver = resolver
        self._cluster = known.cluster
        self._patience_seconds = patience_seconds
        self._asked_at = 0.0

    async def run(self) -> None:
        """Searches until it is cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.search()
            now = asyncio.get_running_loop().time()
            if now - self._asked_at >= API_RETRY_SECONDS:
                self._asked_at = now
                await self._ask_again(self._registrar.records, now)

    async def search(self) -> None:
        """Searches for what has been waited for long enough."""
        now = asyncio.get_running_loop().time()
        overdue: dict[str, str] = {}
        for each in self._registrar.records:
            if each.waiting is not None and now - each.waiting.since >= self._patience_seconds:
                overdue.update(dict.fromkeys(map(_own_uri, each.unresolved), each.namespace))
        if overdue:
            found = [await self._find(uri, namespace) for uri, namespace in overdue.items()]
            await self._registrar.learn_artifacts(found)

    async def _ask_again(self, records: Iterable[Record], now: float) -> None:
        """Looks again at what waits for another program's answer, and gives up on what has waited for long."""
        waiting = [each for each in records if each.waiting is not None and not each.unresolved]
        for each in waiting:
            if each.waiting is not None and now - each.waiting.since > API_PATIENCE_SECONDS:
                each.waiting = None
        await self._registrar.look_again(waiting)

    async def _find(self, uri: str, namespace: str) -> Dataset:
        try:
            found = await self._resolver.resolve_address(uri, timeout_seconds=TIMEOUT_SECONDS)
            name = DatasetName.parse(found.name)
        except NotFound:
            return self._guess(uri, namespace)
        except (HeadwaterError, InvalidName) as error:
            logger.warning("the server was not asked for %s: %s", uri, error)
            return self._guess(uri, namespace)
        return Dataset(name.namespace, name.dataset, version=uri)

    def _guess(self, uri: str, namespace: str) -> Dataset:
        """What the form of the URI says; a task in a nested pipeline cannot be told from it."""
        parts = parse_artifact_uri(uri)
        return Dataset(self._cluster.namespace(namespace), parts.dataset_name if parts else uri, version=uri)


def _own_uri(uri: str) -> str:
    """The URI of the artifact that a URI names, or names a file of."""
    parts = parse_artifact_uri(uri)
    return parts.own if parts else uri
