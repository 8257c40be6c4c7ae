"""What happens to objects, as their controllers write it: parts for `Cluster.create` and `Cluster.change`."""

from __future__ import annotations

from typing import Any

from .cluster import Cluster, at

JOB: dict[str, Any] = {"template": {"spec": {"containers": [{"name": "main", "image": "python:3.12"}]}}}
IO = {"headwater.dev/inputs": "s3://lake/raw", "headwater.dev/outputs": "s3://lake/clean"}
RULE = {
    "group": "example.com",
    "version": "v1",
    "kind": "Training",
    "plural": "trainings",
    "started": "status.phase",
    "succeeded": "status.phase == 'Done'",
    "failed": "status.phase == 'Broken'",
    "startedAt": "status.began",
    "endedAt": "status.ended",
    "inputs": "spec.data",
    "outputs": "spec.model",
}


def running(begin: float = 1) -> dict[str, Any]:
    """The status of a Job that runs."""
    return {"startTime": at(begin), "active": 1}


def complete(end: float = 9) -> dict[str, Any]:
    """The status of a Job that ended well."""
    condition = {"type": "Complete", "status": "True", "lastTransitionTime": at(end)}
    return {"startTime": at(1), "completionTime": at(end), "succeeded": 1, "active": 0, "conditions": [condition]}


async def declare(cluster: Cluster, name: str = "all", created: float = 0, **spec: Any) -> None:
    """Applies a LineagePipeline."""
    await cluster.create("LineagePipeline", name, created=created, spec=spec)


async def start_job(cluster: Cluster, name: str, **parts: Any) -> None:
    """Creates a Job that runs."""
    await cluster.create("Job", name, **{"spec": JOB, "annotations": IO, "status": running(), **parts})


def condition(resource: dict[str, Any] | None, kind: str) -> dict[str, Any]:
    """A condition of a resource; an empty one where it has none yet."""
    conditions = ((resource or {}).get("status") or {}).get("conditions") or ()
    return next((each for each in conditions if each["type"] == kind), {})
