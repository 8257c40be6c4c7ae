"""RayJobs of KubeRay."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..observation import ObjectRef, Observation, RunState
from .adapter import Body, Cluster, Resource
from .kubernetes_facet import Image, images_of, service_account_of
from .reading import created_at, items, part, read_time
from .subject import Life, Subject

_NOT_STARTED = ("", "Suspended", "Suspending", "Waiting")


class RayJobAdapter:
    """A RayJob is a run. Whether it has ended says its deployment, how it ended says the job."""

    resource = Resource("ray.io", "v1", "rayjobs", "RayJob")

    def observe(self, body: Body, owners: Sequence[ObjectRef], cluster: Cluster) -> Iterable[Observation]:
        """The RayJob."""
        one = Subject.of(body, self.resource, owners, cluster)
        head = part(one.spec, "rayClusterSpec", "headGroupSpec", "template", "spec")
        facets = one.facets(_images(one.spec, head), service_account_of(head), _parameters(one.spec))
        yield one.observe(one.job("RAY"), one.run(_life(one), one.flow(), facets))


def _life(one: Subject) -> Life | None:
    """Each try again sets another start time; the first began when the object was made."""
    status, info = one.status, part(one.status, "rayJobInfo")
    started_at = read_time(status.get("startTime"))
    deployment, outcome = str(status.get("jobDeploymentStatus") or ""), status.get("jobStatus")
    if started_at is None or (deployment in _NOT_STARTED and not status.get("failed")):
        return None
    if one.spec.get("backoffLimit"):
        started_at = created_at(one.body)
    running_at = read_time(info.get("startTime"))
    ended_at = read_time(status.get("endTime") or info.get("endTime"))
    error = ": ".join(str(status[key]) for key in ("reason", "message") if status.get(key))
    match deployment, outcome:
        case "Complete" | "Failed", "STOPPED":
            return Life(RunState.ABORTED, started_at, running_at, ended_at, error)
        case "Complete", "SUCCEEDED":
            return Life(RunState.SUCCEEDED, started_at, running_at, ended_at)
        case "Complete" | "Failed" | "ValidationFailed", _:
            return Life(RunState.FAILED, started_at, running_at, ended_at, error)
    return Life(RunState.RUNNING if outcome == "RUNNING" else RunState.STARTED, started_at, running_at)


def _images(spec: Mapping[str, Any], head: Mapping[str, Any]) -> Iterator[Image]:
    yield from images_of(head)
    for group in items(spec, "rayClusterSpec", "workerGroupSpecs"):
        yield from images_of(part(group, "template", "spec"))
    yield from images_of(part(spec, "submitterPodTemplate", "spec"))


def _parameters(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """Not the runtime environment: people put credentials there."""
    return {"entrypoint": spec.get("entrypoint"), **part(spec, "metadata")}
