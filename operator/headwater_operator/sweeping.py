"""The sweep: what is remembered is compared with what the cluster still has, for whatever went while nobody looked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID

from .kinds.adapter import Resource
from .kubernetes_api import KubernetesApiError
from .ledger import Ledger, OpenObject
from .records import Record
from .registrar import Registrar
from .stand_ins import StandIns, ToldRun

FIRST_SECONDS = 3.0
"""How long after the start the first sweep is: by then most of what there is was listed."""

MARGIN = timedelta(seconds=15)
"""How old the last sight of an object must be: a list may be a little older than a watch."""

LEDGER_SECONDS = 1.0
"""How long a change may wait to be written down: what is reported and not written down has no end after a crash."""
REMEMBERED = timedelta(days=30)
"""How long it is remembered what pods told of Workflows that went while nobody looked."""

logger = logging.getLogger(__name__)


class Lister(Protocol):
    """Lists objects by UID, as `KubernetesApi` does."""

    def list_uids(self, resource: Resource, namespace: str = "") -> AsyncIterator[str]:
        """The UIDs. Raises KubernetesApiError."""


class Sweep:
    """Finds the objects that went unseen."""

    def __init__(
        self,
        registrar: Registrar,
        lister: Lister,
        namespaces: Sequence[str],
        interval_seconds: float,
    ) -> None:
        self._registrar = registrar
        self._lister = lister
        self._namespaces = namespaces or ("",)
        self._interval_seconds = interval_seconds
        self._unserved: set[str] = set()
        self.found_gone = 0
        """How many objects went unseen."""

    async def run(self, resources: Callable[[], Iterable[Resource]]) -> None:
        """Sweeps what is watched until it is cancelled."""
        await asyncio.sleep(FIRST_SECONDS)
        while True:
            await self.sweep(resources())
            await asyncio.sleep(self._interval_seconds)

    async def sweep(self, resources: Iterable[Resource]) -> None:
        """Sweeps once."""
        for resource in sorted(resources, key=lambda each: each.name):
            remembered = [each for each in self._registrar.records if each.resource.name == resource.name]
            if not remembered:
                continue
            began = datetime.now(UTC)
            try:
                there = await self._list(resource)
            except KubernetesApiError as error:
                logger.warning("%s was not compared with the cluster: %s", resource.name, error)
            else:
                if there is not None:
                    await self._compare(remembered, there, began)

    async def _list(self, resource: Resource) -> set[str] | None:
        """The UIDs that are there. A kind that is not served has none; None where that is new, and may pass."""
        try:
            there = {uid for each in self._namespaces async for uid in self._lister.list_uids(resource, each)}
        except KubernetesApiError as error:
            if error.status != 404:
                raise
            is_new = resource.name not in self._unserved
            self._unserved.add(resource.name)
            return None if is_new else set()
        self._unserved.discard(resource.name)
        return there

    async def _compare(self, remembered: Sequence[Record], there: set[str], now: datetime) -> None:
        for record in remembered:
            if record.gone_at is not None or (record.seen_at > now - MARGIN and not record.is_left):
                continue
            if record.uid in there:
                record.seen_at = now
            else:
                self.found_gone += 1
                await self._registrar.went(record)


class LedgerKeeper:
    """Writes down which objects have a run that has not ended, and which runs pods have told to their end."""

    def __init__(self, ledger: Ledger, stand_ins: StandIns) -> None:
        self._ledger = ledger
        self._stand_ins = stand_ins
        stand_ins.remember(ledger.told_runs(datetime.now(UTC) - REMEMBERED))
        self._noted = {each.uid for each in ledger.open_objects()}
        self._changed: dict[str, Record] = {}
        self._told: list[ToldRun] = []
        self._forgotten: set[UUID] = set()

    def touch(self, record: Record) -> None:
        """Says that a record changed."""
        self._changed[record.uid] = record

    async def run(self) -> None:
        """Writes until it is cancelled."""
        while True:
            await asyncio.sleep(LEDGER_SECONDS)
            self.write()

    def write(self) -> None:
        """Writes what changed."""
        changed, self._changed = self._changed, {}
        opened = [each for each in changed.values() if each.has_open_run and each.gone_at is None]
        still_open = {each.uid for each in opened}
        closed = [uid for uid in changed if uid not in still_open and uid in self._noted]
        told, forgotten = self._stand_ins.take_changes()
        self._told, self._forgotten = [*self._told, *told], self._forgotten | forgotten
        try:
            self._ledger.note([_open_object(each) for each in opened], closed)
            self._ledger.note_told(self._told, self._forgotten)
        except OSError as error:
            logger.warning("which runs go on is written down later: %s", error)
            self._changed = changed | self._changed
            return
        self._told, self._forgotten = [], set()
        self._noted = (self._noted | still_open) - set(closed)


def _open_object(record: Record) -> OpenObject:
    return OpenObject(
        record.uid, record.resource.name, record.namespace, record.name, record.seen_at, record.observations
    )
