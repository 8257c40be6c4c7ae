"""The registrar: what is seen becomes records, and what records say becomes events.

Everything can be seen again, in any order: only what is new is reported. It looks at a record again when its object
changes, when a pipeline appears, changes or goes, and when an artifact becomes known that it waits for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, runtime_checkable
from uuid import UUID
from weakref import WeakValueDictionary

from headwater.spool import SpoolError

from .events import ReportedEvent, events_of
from .kfp.api import ApiUnavailable
from .kfp.artifact_index import ArtifactIndex
from .kinds.adapter import Body, Cluster, Resource
from .kubernetes_api import KubernetesApiError
from .ledger import OpenObject
from .observation import Dataset, ObjectRef, Observation
from .owners import Owners, object_ref
from .pipeline.coverage import Coverage
from .records import Record, Records, Waiting, deletion_time, end_by_deletion
from .reporting import Reporter
from .stand_ins import StandIns
from .watched_kinds import WatchedKinds

OWNER_RETRY_SECONDS = (0.5, 15.0)
"""The first and the longest wait before the API server is asked again for an owner."""

AT_ONCE = 200
"""How many records are looked at again at once: what they report then shares a transaction."""

MISUNDERSTANDINGS = (ValueError, KeyError, TypeError, AttributeError)
"""What an adapter meets in an object that is not as objects of its kind are: that object's problem alone."""

logger = logging.getLogger(__name__)


def batched(records: Sequence[Record], size: int) -> Iterable[Sequence[Record]]:
    """The records in groups of a size."""
    return (records[begin : begin + size] for begin in range(0, len(records), size))


@runtime_checkable
class ArtifactSource(Protocol):
    """Is an adapter that knows of artifacts beyond what its observations write."""

    def artifacts(self, body: Body, owners: Sequence[ObjectRef], cluster: Cluster) -> Iterable[Dataset]:
        """The artifacts, each with its URI as version."""


class Enrichment(Protocol):
    """Completes what an object shows with what only others know."""

    async def enrich(self, observation: Observation) -> Observation:
        """The observation with what else is known; the same where nothing is. Raises ApiUnavailable."""


class Listener(Protocol):
    """Is told what a record may change elsewhere."""

    def record_changed(self, record: Record) -> None:
        """A record is new, is another, or is gone."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the registrar goes by: what is declared, and what there is."""

    cluster: Cluster
    coverage: Coverage
    kinds: WatchedKinds
    artifacts: ArtifactIndex


class Registrar:
    """Keeps the records and reports what they say. Belongs to the main loop."""

    def __init__(
        self, known: Known, owners: Owners, reporter: Reporter, listener: Listener, enrichment: Enrichment | None = None
    ) -> None:
        self.records = Records()
        self._known = known
        self._owners = owners
        self._reporter = reporter
        self._listener = listener
        self._enrichment = enrichment
        self.stand_ins = StandIns()
        self._unreported: set[str] = set()
        self._locks = WeakValueDictionary[str, asyncio.Lock]()
        self.changes = 0
        """How many changes of objects were seen."""

        self.in_hand = 0
        """How many of them are being looked at."""

    async def see(self, resource: Resource, body: Body, *, is_deleted: bool) -> None:
        """An object is as `body` shows it, or was so when it went."""
        self.changes += 1
        self.in_hand += 1
        try:
            await self._see(resource, body, is_deleted=is_deleted)
        finally:
            self.in_hand -= 1

    async def _see(self, resource: Resource, body: Body, *, is_deleted: bool) -> None:
        metadata = body["metadata"]
        if resource.kind != "Pod":
            self._owners.learn(resource.name, metadata)
        owners = await self._climb(body)
        record = self.records.obtain(resource, metadata)
        async with self._lock(record):
            record.seen_at = datetime.now(UTC)
            record.is_left = False
            record.gone_at = (deletion_time(metadata) or record.seen_at) if is_deleted else None
            has_artifacts = await self._observe(record, body, owners)
        if has_artifacts:
            await self._wake()

    async def went(self, record: Record) -> None:
        """An object is no longer there, and nobody saw it go: it was last there when it was seen last."""
        async with self._lock(record):
            record.gone_at = record.gone_at or record.seen_at
            await self._take(record, record.observations)

    async def reconsider(self, namespace: str) -> None:
        """Looks at all records of a namespace again, since a pipeline there is another."""
        for records in batched(self.records.of_namespace(namespace), AT_ONCE):
            await asyncio.gather(*(self._reconsider(each) for each in records))

    async def look_again(self, records: Iterable[Record]) -> None:
        """Looks at objects again that wait for artifacts."""
        has_artifacts = False
        for each in records:
            async with self._lock(each):
                if each.waiting is not None:
                    has_artifacts |= await self._observe(each, each.waiting.body, each.waiting.owners)
        if has_artifacts:
            await self._wake()

    async def release(self, absent: Collection[UUID]) -> None:
        """Says that the pods of some runs are not there: what stands in for them counts."""
        await self.prune()
        for uid in self.stand_ins.release(absent):
            record = self.records.get(uid)
            if record is not None:
                await self._reconsider(record)

    async def prune(self) -> None:
        """Lets go of what stood in for pods that have told their runs by now."""
        for uid in self.stand_ins.prune():
            record = self.records.get(uid)
            if record is not None:
                async with self._lock(record):
                    await self._take(record, record.observations)

    async def learn_artifacts(self, datasets: Iterable[Dataset]) -> None:
        """Some artifacts have become known: who waits for one, or for a file in one, is looked at again."""
        if self._known.artifacts.learn_artifacts(datasets):
            await self._wake()

    async def _wake(self) -> None:
        await self.look_again(self.records.waiting_for(self._is_known))

    def _is_known(self, uri: str, namespace: str) -> bool:
        return isinstance(self._known.artifacts.lookup(uri, namespace), Dataset)

    async def report_again(self) -> None:
        """Reports what could not be kept the last time."""
        for uid in list(self._unreported):
            self._unreported.discard(uid)
            record = self.records.get(uid)
            if record is not None:
                await self._reconsider(record)

    def remember(self, resource: Resource, left: OpenObject) -> Record:
        """Takes over an object that an earlier process left with a run that had not ended."""
        record = self.records.get(left.uid)
        if record is None:
            record = Record(resource, left.namespace, left.name, left.uid, left.observations)
            record.seen_at, record.is_left = left.seen_at, True
            record.matches = tuple(self._known.coverage.match(each.chain) for each in left.observations)
            self.records.put(record)
        return record

    def _lock(self, record: Record) -> asyncio.Lock:
        """Is held while a record is looked at: what is seen later must not be overtaken by what was seen before."""
        return self._locks.setdefault(record.uid, asyncio.Lock())

    async def _reconsider(self, record: Record) -> None:
        async with self._lock(record):
            await self._take(record, record.observations, is_reconsidered=True)

    async def _observe(self, record: Record, body: Body, owners: tuple[ObjectRef, ...]) -> bool:
        """Looks at an object, and takes what it shows; whether artifacts have become known by it."""
        now = asyncio.get_running_loop().time()
        observed = self._look(record, body, owners)
        observations, is_complete = await self._enriched(self.stand_ins.sift(record.uid, observed, now))
        artifacts = self._learn(record, body, owners, observations)
        is_complete = is_complete and not any(each.run is not None and each.run.unresolved for each in observations)
        since = record.waiting.since if record.waiting else now
        record.waiting = None if is_complete else Waiting(body, owners, since)
        await self._take(record, observations)
        return bool(artifacts)

    async def _enriched(self, observations: Sequence[Observation]) -> tuple[tuple[Observation, ...], bool]:
        """The observations with what others know, and whether all of those who may know answered."""
        if self._enrichment is None:
            return tuple(observations), True
        found, is_complete = [], True
        for each in observations:
            try:
                found.append(await self._enrichment.enrich(each))
            except ApiUnavailable as error:
                logger.warning("%s", error)
                found.append(each)
                is_complete = False
        return tuple(found), is_complete

    def _learn(
        self, record: Record, body: Body, owners: tuple[ObjectRef, ...], observations: Iterable[Observation]
    ) -> frozenset[str]:
        """Learns which artifacts are written; the URIs of those that were not known."""
        known = self._known
        new = frozenset[str]().union(*(known.artifacts.learn(each) for each in observations))
        for adapter in known.kinds.adapters(record.resource, (), known.coverage):
            if isinstance(adapter, ArtifactSource):
                try:
                    new |= known.artifacts.learn_artifacts(adapter.artifacts(body, owners, known.cluster))
                except MISUNDERSTANDINGS as error:
                    logger.warning("%s %s/%s: %s", record.resource.name, record.namespace, record.name, error)
        return new

    def _look(self, record: Record, body: Body, owners: tuple[ObjectRef, ...]) -> Sequence[Observation]:
        """What the adapters see; what none of them can make sense of is a problem of the record's."""
        chain = (object_ref(record.resource.name, body["metadata"]), *owners)
        found: list[Observation] = []
        record.problem = ""
        for adapter in self._known.kinds.adapters(record.resource, chain, self._known.coverage):
            try:
                found += adapter.observe(body, owners, self._known.cluster)
            except MISUNDERSTANDINGS as error:
                record.problem = str(error) or type(error).__name__
                logger.warning("%s %s/%s: %s", record.resource.name, record.namespace, record.name, record.problem)
        return found

    async def _take(
        self, record: Record, observations: tuple[Observation, ...], *, is_reconsidered: bool = False
    ) -> None:
        """Takes what an object shows now, and reports what is new of it."""
        told = observations = self.stand_ins.sift(record.uid, observations, asyncio.get_running_loop().time())
        if record.gone_at is not None:
            gone_at = record.gone_at
            observations = tuple(
                each if each.run and self.stand_ins.speaks_for(each.run) else end_by_deletion(each, gone_at)
                for each in observations
            )
        is_known = record.reported and not is_reconsidered
        before = {} if not is_known else {each.run.run_id: each for each in record.observations if each.run}
        changed = [each for each in observations if each.run is None or before.get(each.run.run_id) != each]
        changed = [each for each in changed if not self.stand_ins.holds(each)]
        record.observations = observations
        record.matches = tuple(self._known.coverage.match(each.chain) for each in observations)
        try:
            await self._reporter.report(record, self._events(record, changed))
        except SpoolError as error:
            self._unreported.add(record.uid)
            logger.warning("events of %s %s/%s wait: %s", record.resource.name, record.namespace, record.name, error)
        else:
            self.stand_ins.note(each for each in told if each.run and each.run.run_id in record.runs)
            if record.gone_at is not None and record.waiting is None and not self.stand_ins.holds_of(record.uid):
                self.records.forget(record)
                self.stand_ins.forget(observations)
        self._listener.record_changed(record)

    def _events(self, record: Record, observations: Iterable[Observation]) -> Sequence[ReportedEvent]:
        found: list[ReportedEvent] = []
        for each in observations:
            try:
                found += self._events_of_one(record, each)
            except ValueError as error:
                record.problem = str(error)
                logger.warning("%s %s/%s: %s", record.resource.name, record.namespace, record.name, record.problem)
        return found

    def _events_of_one(self, record: Record, observation: Observation) -> Sequence[ReportedEvent]:
        """The events of an observation, also of a run that is reported already and that no pipeline covers any more."""
        run, pipeline = observation.run, self._known.coverage.match(observation.chain).pipeline
        if run is None:
            return ()
        pipeline = pipeline or record.covered_by.get(run.run_id)
        if run.state.is_final or pipeline is None:
            record.covered_by.pop(run.run_id, None)
        else:
            record.covered_by[run.run_id] = pipeline
        return events_of(observation, self._known.coverage, self._known.cluster, pipeline)

    async def _climb(self, body: Body) -> tuple[ObjectRef, ...]:
        """The owners of an object, however long the API server takes: without them its runs would have other names."""
        delay, longest = OWNER_RETRY_SECONDS
        while True:
            try:
                return await self._owners.find(body["metadata"])
            except KubernetesApiError as error:
                logger.warning("the owners of %s are asked for again: %s", body["metadata"]["name"], error)
                await asyncio.sleep(delay)
                delay = min(longest, delay * 2)
