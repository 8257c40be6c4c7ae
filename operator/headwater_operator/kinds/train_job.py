"""TrainJobs of Kubeflow Trainer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ..observation import ObjectRef, Observation, RunState
from .adapter import Body, Cluster, Resource
from .flow import Flow
from .kubernetes_facet import Image
from .reading import created_at, items, part, read_time, reason, true_condition
from .subject import Life, Subject
from .training_facet import read_metrics, with_results

_COUNTS = ("active", "ready", "succeeded", "failed")


class TrainJobAdapter:
    """A TrainJob is a run; the JobSet and the Jobs that it makes are below it."""

    resource = Resource("trainer.kubeflow.org", "v1alpha1", "trainjobs", "TrainJob")

    def observe(self, body: Body, owners: Sequence[ObjectRef], cluster: Cluster) -> Iterable[Observation]:
        """The TrainJob."""
        one = Subject.of(body, self.resource, owners, cluster)
        trainer = part(one.spec, "trainer")
        images = [Image("node", str(trainer["image"]))] if trainer.get("image") else []
        run = one.run(_life(one), _flow(one), one.facets(images, parameters=_parameters(one, trainer)))
        metrics = read_metrics(items(one.status, "trainerStatus", "metrics"))
        yield one.observe(one.job("KUBEFLOW"), run and with_results(run, metrics))


def _life(one: Subject) -> Life | None:
    """A TrainJob does not say when it started: it is when it was made, or when it was last resumed."""
    started_at = created_at(one.body)
    for condition in items(one.status, "conditions"):
        if condition.get("type") == "Suspended" and condition.get("status") == "False":
            started_at = read_time(condition.get("lastTransitionTime")) or started_at
    if failed := true_condition(one.body, "Failed"):
        return Life(RunState.FAILED, started_at, ended_at=_time(failed), error=reason(failed))
    if complete := true_condition(one.body, "Complete"):
        return Life(RunState.SUCCEEDED, started_at, ended_at=_time(complete))
    jobs = items(one.status, "jobsStatus")
    if true_condition(one.body, "Suspended") or not any(each.get(count) for each in jobs for count in _COUNTS):
        return None
    return Life(RunState.RUNNING if any(each.get("ready") for each in jobs) else RunState.STARTED, started_at)


def _time(condition: Mapping[str, Any]) -> datetime | None:
    return read_time(condition.get("lastTransitionTime"))


def _flow(one: Subject) -> Flow:
    flow = one.flow()
    for name, kind in (("dataset", ""), ("model", "MODEL")):
        if name not in part(one.spec, "initializer"):
            continue
        uri = _storage_uri(part(one.spec, "initializer", name))
        flow.read(f"spec.initializer.{name}.storageUri", uri, kind)
        if not uri:
            runtime = part(one.spec, "runtimeRef").get("name", "")
            flow.unknown.append(f"which {name} is read: the runtime {runtime} names it, not the TrainJob")
    return flow


def _storage_uri(initializer: Mapping[str, Any]) -> object:
    given = {each.get("name"): each.get("value") for each in items(initializer, "env")}
    return initializer.get("storageUri") or given.get("STORAGE_URI")


def _parameters(one: Subject, trainer: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "runtime": part(one.spec, "runtimeRef").get("name"),
        "numNodes": trainer.get("numNodes"),
        "numProcPerNode": trainer.get("numProcPerNode"),
        "command": trainer.get("command"),
        "args": trainer.get("args"),
    }
