"""What the operator remembers of the objects that it sees: what they show, and what of it was reported. Does no I/O.

A record is slim: an object itself is kept only while it waits for an artifact that it reads to be known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from .kinds.adapter import Body, Resource
from .observation import ObjectRef, Observation, RunState
from .pipeline.matching import Match
from .pipeline.pipeline import Pipeline

SERVICE = "SERVICE"
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Waiting:
    """An object that waits for an artifact, and since when on the loop's clock."""

    body: Body
    owners: tuple[ObjectRef, ...]
    since: float


@dataclass(slots=True)
class Record:
    """What is known of one object."""

    resource: Resource
    namespace: str
    name: str
    uid: str
    observations: tuple[Observation, ...] = ()
    matches: tuple[Match, ...] = ()
    """Which pipeline covers each of the observations."""

    reported: set[int] = field(default_factory=set)
    """The identities of the events that were reported."""

    runs: set[UUID] = field(default_factory=set)
    """The runs of which something was reported."""

    runs_told: int = 0
    """How many of them its pipeline counts."""

    seen_at: datetime = NEVER
    """When it was last known to be there."""

    is_left: bool = False
    """Whether only an earlier process has seen it."""

    gone_at: datetime | None = None
    """When it went; None while it is there."""

    waiting: Waiting | None = None
    """The object itself, while an artifact that it reads is not known."""

    problem: str = ""
    """Why the object could not be understood."""

    covered_by: dict[UUID, Pipeline] = field(default_factory=dict)
    """The pipelines for which runs were reported that have not ended: they are told to their end, whatever comes."""

    @property
    def unresolved(self) -> set[str]:
        """The URIs of the artifacts whose producer was not seen yet."""
        return {uri for each in self.observations if each.run for uri in each.run.unresolved}

    @property
    def has_open_run(self) -> bool:
        """Whether a run of it has not ended."""
        return any(each.run is not None and not each.run.state.is_final for each in self.observations)


class Records:
    """The records of all objects, by UID, and by namespace."""

    def __init__(self) -> None:
        self._by_uid: dict[str, Record] = {}
        self._by_namespace: defaultdict[str, dict[str, Record]] = defaultdict(dict)

    def __len__(self) -> int:
        return len(self._by_uid)

    def __iter__(self) -> Iterator[Record]:
        return iter(list(self._by_uid.values()))

    def get(self, uid: str) -> Record | None:
        """The record of an object."""
        return self._by_uid.get(uid)

    def obtain(self, resource: Resource, metadata: Mapping[str, Any]) -> Record:
        """The record of an object, a new one where there is none."""
        uid = metadata["uid"]
        record = self._by_uid.get(uid)
        if record is None:
            record = Record(resource, metadata.get("namespace", ""), metadata["name"], uid)
            self.put(record)
        return record

    def put(self, record: Record) -> None:
        """Adds a record."""
        self._by_uid[record.uid] = record
        self._by_namespace[record.namespace][record.uid] = record

    def forget(self, record: Record) -> None:
        """Takes a record away."""
        self._by_uid.pop(record.uid, None)
        of_namespace = self._by_namespace.get(record.namespace)
        if of_namespace is not None:
            of_namespace.pop(record.uid, None)
            if not of_namespace:
                del self._by_namespace[record.namespace]

    def of_namespace(self, namespace: str) -> Sequence[Record]:
        """The records of a namespace."""
        return list(self._by_namespace.get(namespace, {}).values())

    def namespaces(self) -> Sequence[str]:
        """The namespaces that have records."""
        return list(self._by_namespace)

    def waiting_for(self, is_known: Callable[[str, str], bool]) -> Sequence[Record]:
        """The records that wait for an artifact of which `is_known` says by URI and namespace that it is known now."""
        return [
            each
            for each in self._by_uid.values()
            if each.waiting is not None and any(is_known(uri, each.namespace) for uri in each.unresolved)
        ]


def end_by_deletion(observation: Observation, time: datetime) -> Observation:
    """What an observation says once its object is gone: a run that had not ended was aborted; a service just ended."""
    run = observation.run
    if run is None or run.state.is_final:
        return observation
    ended_at = max(filter(None, (time, run.started_at, run.running_at)))
    if observation.job.processing == SERVICE:
        return replace(observation, run=replace(run, state=RunState.SUCCEEDED, ended_at=ended_at))
    first = observation.chain[0]
    error = run.error or f"{first.kind} {first.name} was deleted before it ended"
    return replace(observation, run=replace(run, state=RunState.ABORTED, ended_at=ended_at, error=error))


def deletion_time(metadata: Mapping[str, Any]) -> datetime | None:
    """When an object's deletion was asked for, in the cluster's time; None where the object does not say.

    The API server sets a time for a deletion with a grace period or a finalizer, and adds the grace period to it.
    """
    text = metadata.get("deletionTimestamp")
    if not text:
        return None
    return datetime.fromisoformat(text) - timedelta(seconds=int(metadata.get("deletionGracePeriodSeconds") or 0))
