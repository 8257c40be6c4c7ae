"""The `LineagePipeline`s as they are declared, and what became of each: what their statuses are written from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from .events import undeclarable
from .kinds.adapter import Cluster
from .pipeline.coverage import Coverage
from .pipeline.pipeline import InvalidPipeline, Pipeline, parse_pipeline
from .pipeline.status import LastRun, Status
from .rejections import Rejection
from .watched_kinds import PipelineKey, WatchedKinds

NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Uninjected:
    """The running pods of a pipeline that should have the emitter and have not: how many, and one of them."""

    count: int
    example: str


@dataclass(slots=True)
class Declared:
    """One `LineagePipeline`."""

    namespace: str
    name: str
    uid: str
    generation: int
    created: datetime = NEVER
    pipeline: Pipeline | None = None
    """What it says; None where that cannot be understood."""

    problem: str = ""
    """Why it cannot be understood."""

    rule_problems: Sequence[str] = ()
    uri_problems: Sequence[str] = ()
    """Which of the URIs that it declares name nothing."""

    watch_problems: Sequence[str] = ()
    """Why what its rules name cannot be watched."""

    registered_generation: int | None = None
    """The generation that the server knows; None while it knows none."""

    registration_reason: str = ""
    """Why the server does not know that generation, in one word."""

    registration_error: str = ""

    status: Status = field(default_factory=Status)
    """The status as it was written last."""

    rejection: Rejection | None = None
    """What the server rejected of its events lately."""

    injected: int = 0
    """How many of its pods had the emitter, of those that were seen to run."""

    missed_pods: int = 0
    """How many should have had it and had not."""

    uninjected: Uninjected | None = None
    """Those of them that run now."""

    runs: int = 0
    last_run: LastRun | None = None

    @property
    def key(self) -> PipelineKey:
        """Its namespace and name."""
        return self.namespace, self.name


class Declarations:
    """All `LineagePipeline`s that are there. Keeps the coverage and the rules in step with them."""

    def __init__(self, cluster: Cluster, coverage: Coverage, kinds: WatchedKinds) -> None:
        self._cluster = cluster
        self._coverage = coverage
        self._kinds = kinds
        self._declared: dict[PipelineKey, Declared] = {}

    def __iter__(self) -> Iterator[Declared]:
        return iter(list(self._declared.values()))

    def __len__(self) -> int:
        return len(self._declared)

    def get(self, key: PipelineKey) -> Declared | None:
        """A `LineagePipeline`; None where it is not there."""
        return self._declared.get(key)

    def put(self, body: Mapping[str, Any]) -> bool:
        """Takes a resource as the API server shows it; whether what it declares is new."""
        metadata = body["metadata"]
        key = (metadata["namespace"], metadata["name"])
        known = self._declared.get(key)
        generation = int(metadata.get("generation", 0))
        created = datetime.fromisoformat(metadata["creationTimestamp"])
        if known is not None and known.uid == metadata["uid"] and known.generation >= generation:
            return False
        if known is not None and known.uid != metadata["uid"] and known.created > created:
            return False  # a late word of one that went, and whose name another one has now
        declared = Declared(*key, metadata["uid"], generation, created)
        if known is not None and known.uid == declared.uid:
            declared.registered_generation = known.registered_generation
            declared.status, declared.runs, declared.last_run = known.status, known.runs, known.last_run
            declared.rejection, declared.uninjected = known.rejection, known.uninjected
            declared.injected, declared.missed_pods = known.injected, known.missed_pods
        else:
            declared.status = _read_status(body)
        self._declared[key] = declared
        self._understand(declared, body)
        return True

    def remove(self, key: PipelineKey, uid: str) -> bool:
        """Forgets a resource that is gone or going; whether it was there. Another one of its name stays."""
        known = self._declared.get(key)
        if known is None or known.uid != uid:
            return False
        self._coverage.remove(*key)
        self._kinds.remove_rules(key)
        del self._declared[key]
        return True

    def _understand(self, declared: Declared, body: Mapping[str, Any]) -> None:
        try:
            declared.pipeline = parse_pipeline(body)
        except InvalidPipeline as error:
            # What it declared before it was broken holds no longer: nobody can see that any more.
            self._coverage.remove(*declared.key)
            self._kinds.remove_rules(declared.key)
            declared.problem = str(error)
            return
        self._coverage.put(declared.pipeline)
        declared.rule_problems = self._kinds.set_rules(declared.pipeline)
        declared.uri_problems = tuple(undeclarable(declared.pipeline, self._cluster))


def _read_status(body: Mapping[str, Any]) -> Status:
    """The status that an earlier process wrote; an empty one where it cannot be read."""
    try:
        return msgspec.convert(body.get("status") or {}, Status)
    except msgspec.ValidationError:
        return Status()
