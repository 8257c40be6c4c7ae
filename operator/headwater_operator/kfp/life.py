"""How far a task is: what its pod's status says, or its node of a Workflow where no pod ever ran.

A run starts when container `main` does and ends when `main` did: sidecars may linger. The tasks of a terminated run and
deleted pods end as FAILED with exit code 143, which is what Kubeflow Pipelines itself calls such runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..observation import RunState

MAIN = "main"

_FINAL = {"Succeeded": RunState.SUCCEEDED, "Failed": RunState.FAILED, "Error": RunState.FAILED}


@dataclass(frozen=True, slots=True)
class Life:
    """A run's state and its times."""

    state: RunState
    started_at: datetime
    ended_at: datetime | None = None
    error: str = ""


def parse_time(text: object) -> datetime | None:
    """A time as Kubernetes writes it; None where there is none."""
    return datetime.fromisoformat(text) if isinstance(text, str) and text else None


def life_of_pod(pod: Mapping[str, Any]) -> Life | None:
    """The life of a task's pod; None where nothing has run, or where no node took it: that its Workflow tells."""
    if not pod["spec"].get("nodeName"):
        return None
    metadata, status = pod["metadata"], pod.get("status") or {}
    state = _FINAL.get(status.get("phase", ""))
    main = _state_of(status, MAIN)
    ended = main.get("terminated") or {}
    if state is None and metadata.get("deletionTimestamp") and ended:
        state = RunState.SUCCEEDED if ended.get("exitCode") == 0 else RunState.FAILED
    started_at = parse_time((ended or main.get("running") or {}).get("startedAt"))
    if started_at is None and metadata.get("deletionTimestamp"):
        return _deleted_before_it_began(metadata, status)
    if state is None:
        return Life(RunState.STARTED, started_at) if started_at else None
    started_at = started_at or _taken_at(metadata, status)
    ended_at = parse_time(ended.get("finishedAt")) or _last_sign(status) or started_at
    error = _pod_error(status) if state is RunState.FAILED else ""
    return Life(state, started_at, max(started_at, ended_at), error)


def life_of_node(node: Mapping[str, Any]) -> Life | None:
    """The life of a node of a Workflow by the Workflow alone; None before it began."""
    started_at = parse_time(node.get("startedAt"))
    if started_at is None:
        return None
    state = _FINAL.get(str(node.get("phase")))
    if state is None:
        return Life(RunState.STARTED, started_at)
    error = str(node.get("message") or "") if state is RunState.FAILED else ""
    return Life(state, started_at, max(started_at, parse_time(node.get("finishedAt")) or started_at), error)


def main_container(pod_spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """The container that runs the task, wherever it stands; empty where there is none."""
    containers: Sequence[Mapping[str, Any]] = pod_spec.get("containers") or ()
    return next((each for each in containers if each.get("name") == MAIN), {})


def main_status(status: Mapping[str, Any]) -> Mapping[str, Any]:
    """The status of the container that runs the task; empty where the kubelet has not told of it."""
    statuses: Sequence[Mapping[str, Any]] = status.get("containerStatuses") or ()
    return next((each for each in statuses if each.get("name") == MAIN), {})


def _deleted_before_it_began(metadata: Mapping[str, Any], status: Mapping[str, Any]) -> Life:
    """A pod that is going will start nothing any more. Says the same whatever its status says until it is gone."""
    started_at = _taken_at(metadata, status)
    grace = timedelta(seconds=int(metadata.get("deletionGracePeriodSeconds") or 0))
    deleted_at = (parse_time(metadata["deletionTimestamp"]) or started_at) - grace
    return Life(RunState.FAILED, started_at, max(started_at, deleted_at), "the pod was deleted before main began")


def _taken_at(metadata: Mapping[str, Any], status: Mapping[str, Any]) -> datetime:
    """When a node took the pod, or when it was made."""
    found = parse_time(status.get("startTime")) or parse_time(metadata.get("creationTimestamp"))
    if found is None:
        raise ValueError(f"pod {metadata.get('name')} says no time")
    return found


def _state_of(status: Mapping[str, Any], container: str) -> Mapping[str, Any]:
    return next((state for name, state in _states(status) if name == container), {})


def _states(status: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The states of all containers, those of the task first."""
    for field in ("containerStatuses", "initContainerStatuses"):
        for each in status.get(field) or ():
            yield each.get("name", ""), each.get("state") or {}


def _last_sign(status: Mapping[str, Any]) -> datetime | None:
    """The last time that a container ended, where `main` never ran."""
    times = [parse_time((state.get("terminated") or {}).get("finishedAt")) for _, state in _states(status)]
    return max((each for each in times if each is not None), default=None)


def _pod_error(status: Mapping[str, Any]) -> str:
    """Why a pod failed: its own reason, such as an eviction, and the container that failed, `main` before others."""
    ended = [(name, state["terminated"]) for name, state in _states(status) if state.get("terminated")]
    failed = sorted(
        ((name, each) for name, each in ended if each.get("exitCode") != 0), key=lambda failure: failure[0] != MAIN
    )
    words = [": ".join(str(status[field]) for field in ("reason", "message") if status.get(field))]
    if failed:
        name, state = failed[0]
        words.append(f"{name}: {state.get('reason', 'Error')} (exit code {state.get('exitCode')})")
        words.append(str(state.get("message") or "").strip())
    return "; ".join(each for each in words if each) or "the pod failed and says no reason"
