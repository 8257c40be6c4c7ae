"""The statuses of the `LineagePipeline`s: what the operator tells those who wrote them. What is said is decided here;
`StatusWriter` writes it down when it changed, and tells of what is new and wrong by a Kubernetes Event.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from .declarations import Declarations, Declared, Uninjected
from .kinds.adapter import Resource
from .kubernetes_api import KubernetesApiError
from .pipeline.matching import short_kind
from .pipeline.status import Condition, ConditionStatus, ConditionType, Conflict, Status
from .records import Record
from .registration import NOT_AUTHORIZED, REFUSED
from .rejections import Rejection
from .watched_kinds import PipelineKey
from .watching import PIPELINES

QUIET_SECONDS = 2.0
MOST_UNKNOWN = 20
LONGEST_TEXT = 8_000
COMPONENT = "headwater-operator"
COUNTERS = ("jobs", "runs", "injected", "missed", "missedRuns", "missedPods", "rejected")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Figures:
    """What the records of a namespace say of one pipeline."""

    jobs: int = 0
    unknown: tuple[str, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    problems: tuple[str, ...] = ()
    missed: int = 0


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something of which a person must know: a reason in one word, and words that say the way out."""

    reason: str
    message: str
    topic: str = ""
    """What makes it another trouble of its reason; the message where this is empty."""


def count(key: PipelineKey, records: Iterable[Record], missed_of: Callable[[str], int]) -> Figures:
    """The figures of a pipeline. `missed_of` says of an object's UID how many runs of it were missed."""
    missed = 0
    jobs: set[object] = set()
    unknown: dict[str, None] = {}
    problems: dict[str, None] = {}
    taken: dict[str, dict[object, str]] = {}
    for record in records:
        if record.gone_at is not None:
            continue
        for observation, match in zip(record.observations, record.matches, strict=True):
            covering = match.pipeline
            if covering is not None and (covering.namespace, covering.name) == key:
                jobs.add(observation.workload)
                missed += missed_of(record.uid) if observation.run is None else 0
                unknown.update(dict.fromkeys(observation.run.unknown if observation.run else ()))
                if record.problem:
                    problems[f"{short_kind(observation.chain[0])} {record.name}: {record.problem}"] = None
            elif covering is not None and any((each.namespace, each.name) == key for each in match.shadowed):
                of_older = taken.setdefault(covering.name, {})
                of_older.setdefault(
                    observation.workload, f"{short_kind(observation.chain[-1])}/{observation.chain[-1].name}"
                )
    conflicts = tuple(
        Conflict(pipeline=name, workloads=len(workloads), example=min(workloads.values()))
        for name, workloads in sorted(taken.items())
    )
    return Figures(len(jobs), tuple(unknown)[:MOST_UNKNOWN], conflicts, tuple(problems), missed)


def troubles(declared: Declared, figures: Figures) -> list[Trouble]:
    """What is not as it should be, the worst first."""
    found = []
    if declared.problem:
        found.append(Trouble("Invalid", declared.problem))
    if declared.rule_problems:
        found.append(Trouble("BrokenRule", "; ".join(declared.rule_problems)))
    if declared.uri_problems:
        found.append(Trouble("InvalidUri", "; ".join(declared.uri_problems)))
    if declared.watch_problems:
        found.append(Trouble("NotWatched", "; ".join(declared.watch_problems)))
    if figures.problems:
        more = f" (and {len(figures.problems) - 3} more)" if len(figures.problems) > 3 else ""
        found.append(Trouble("NotUnderstood", "; ".join(figures.problems[:3]) + more))
    if rejection := declared.rejection:
        found.append(Trouble("EventsRejected", _describe_rejection(rejection), rejection.reason))
    if uninjected := declared.uninjected:
        found.append(Trouble("NotInjected", _describe_uninjected(declared.namespace, uninjected), "running pods"))
    for each in figures.conflicts:
        message = (
            f"{each.pipeline} is older and covers {each.workloads} of its workloads, such as {each.example}: "
            "narrow the selector of one of the two"
        )
        found.append(Trouble("Conflict", message))
    return found


def _describe_rejection(rejection: Rejection) -> str:
    return (
        f"the server rejected {rejection.count} events within a day, the last of them of run {rejection.run} "
        f"of job {rejection.job}: {rejection.message} ({rejection.reason}); correct what it names for the runs to come"
    )


def _describe_uninjected(namespace: str, uninjected: Uninjected) -> str:
    return (
        f"{uninjected.count} of its running pods have no emitter, such as {uninjected.example}: they were created "
        "before it was asked for, or while the webhook did not answer; "
        f"`headwater pipelines explain {namespace}/{uninjected.example}` says whether one gets it now"
    )


def describe(declared: Declared, figures: Figures, now: datetime) -> Status:
    """The status of a pipeline."""
    wrong = troubles(declared, figures)
    condition = _conditions(declared, now)
    registered, reason, message = _registered(declared)
    message = _cut(message)
    text = _cut("; ".join(each.message for each in wrong))
    worst = wrong[0].reason if wrong else ""
    ready = registered is True and not wrong
    ready_reason, ready_message = ("Ready", "") if ready else (worst or reason, text or message)
    return Status(
        observed_generation=declared.generation,
        conditions=(
            condition(ConditionType.READY, ready, ready_reason, ready_message),
            condition(ConditionType.REGISTERED, registered, reason, message),
            condition(ConditionType.DEGRADED, bool(wrong), worst or "AsExpected", text),
        ),
        jobs=figures.jobs,
        runs=declared.runs,
        injected=declared.injected,
        missed=figures.missed + declared.missed_pods,
        missed_runs=figures.missed,
        missed_pods=declared.missed_pods,
        rejected=declared.rejection.count if declared.rejection else 0,
        last_run=declared.last_run,
        last_error=text or message,
        unknown=figures.unknown,
        conflicts=figures.conflicts,
    )


def _conditions(declared: Declared, now: datetime) -> Callable[..., Condition]:
    """Makes conditions that hold since now, or since they were last another."""
    before = {each.type: each for each in declared.status.conditions}

    def condition(kind: ConditionType, holds: bool | None, reason: str, message: str = "") -> Condition:
        status = {True: ConditionStatus.TRUE, False: ConditionStatus.FALSE, None: ConditionStatus.UNKNOWN}[holds]
        known = before.get(kind.value)
        since = known.last_transition_time if known is not None and known.status is status else now
        return Condition(
            type=kind.value,
            status=status,
            reason=reason,
            last_transition_time=since,
            message=message,
            observed_generation=declared.generation,
        )

    return condition


def _cut(text: str) -> str:
    """A text no longer than the API server takes with everything beside it."""
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}…"


def _registered(declared: Declared) -> tuple[bool | None, str, str]:
    if declared.registration_error:
        return False, declared.registration_reason, f"the server was not told: {declared.registration_error}"
    if declared.registered_generation == declared.generation:
        return True, "Registered", ""
    if declared.problem:
        return False, "Invalid", "it is registered once it can be understood"
    return None, "Pending", "the server is being told"


class StatusCalls(Protocol):
    """The calls to the API server that status needs, as `KubernetesApi` has them. All raise KubernetesApiError."""

    async def patch_status(self, resource: Resource, namespace: str, name: str, status: dict[str, Any]) -> None:
        """Puts fields into the status of an object."""

    async def create_event(self, namespace: str, event: dict[str, Any]) -> None:
        """Writes a Kubernetes Event."""


@dataclass
class StatusWriter:
    """Writes statuses that changed, each pipeline's at most every `QUIET_SECONDS`."""

    calls: StatusCalls
    declarations: Declarations
    records: Callable[[str], Sequence[Record]]
    missed_of: Callable[[str], int]
    _changed: set[PipelineKey] = field(default_factory=set)
    _told: set[str] = field(default_factory=set)

    def touch(self, key: PipelineKey) -> None:
        """Says that the status of a pipeline may be another."""
        self._changed.add(key)

    async def run(self) -> None:
        """Writes until it is cancelled."""
        while True:
            await asyncio.sleep(QUIET_SECONDS)
            changed, self._changed = self._changed, set()
            for key in sorted(changed):
                declared = self.declarations.get(key)
                if declared is not None:
                    await self._write(declared)

    async def tell(self, declared: Declared, trouble: Trouble) -> None:
        """Writes a Warning about a pipeline, once."""
        await self._tell(declared, "Warning", trouble)

    async def _write(self, declared: Declared) -> None:
        figures = count(declared.key, self.records(declared.namespace), self.missed_of)
        status = describe(declared, figures, datetime.now(UTC).replace(microsecond=0))
        if status == declared.status:
            return
        try:
            await self.calls.patch_status(PIPELINES, *declared.key, _merge_patch(declared.status, status))
        except KubernetesApiError as error:
            logger.warning("the status of %s/%s is written later: %s", *declared.key, error)
            self._changed.add(declared.key)
            return
        declared.status = status
        for each in troubles(declared, figures):
            await self._tell(declared, "Warning", each)
        if declared.registration_reason in (REFUSED, NOT_AUTHORIZED):
            await self._tell(declared, "Warning", Trouble(*_registered(declared)[1:]))

    async def _tell(self, declared: Declared, severity: str, trouble: Trouble) -> None:
        text = "\0".join((declared.uid, trouble.reason, trouble.topic or trouble.message))
        identity = hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
        if identity in self._told:
            return
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            # The same is said once, by whichever process: a name that exists is refused.
            "metadata": {"name": f"{declared.name[:200]}.{identity}", "namespace": declared.namespace},
            "involvedObject": {
                "apiVersion": f"{PIPELINES.group}/{PIPELINES.version}",
                "kind": PIPELINES.kind,
                "namespace": declared.namespace,
                "name": declared.name,
                "uid": declared.uid,
            },
            "type": severity,
            "reason": trouble.reason,
            "message": trouble.message[:1024],
            "source": {"component": COMPONENT},
            "reportingComponent": COMPONENT,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        try:
            await self.calls.create_event(declared.namespace, event)
        except KubernetesApiError as error:
            if error.status != 409:
                logger.warning("an Event about %s/%s was not written: %s", *declared.key, error)
                return
        self._told.add(identity)


def _merge_patch(before: Status, after: Status) -> dict[str, Any]:
    """What makes one status the other: fields that have fallen to their default are taken away."""
    new: dict[str, Any] = msgspec.to_builtins(after)
    old: dict[str, Any] = msgspec.to_builtins(before)
    counters = dict.fromkeys(COUNTERS, 0)
    return {**{key: None for key in old if key not in new}, **counters, **new}
