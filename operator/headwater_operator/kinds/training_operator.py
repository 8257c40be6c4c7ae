"""The six kinds of jobs of Kubeflow's training operator (v1). They differ in nothing but names.

MPIJob has two homes: the training operator serves it as v1, the MPI operator as v2beta1. The fields that are read here
are the same in both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..observation import ObjectRef, Observation, RunState
from .adapter import Body, Cluster, Resource
from .kubernetes_facet import images_of, service_account_of
from .reading import part, read_time, reason, true_condition
from .subject import Life, Subject


@dataclass(frozen=True, slots=True)
class TrainingOperatorAdapter:
    """A job of many pods is one run. `replica_specs` is the field of the spec that holds its pods' templates."""

    resource: Resource
    replica_specs: str

    def observe(self, body: Body, owners: Sequence[ObjectRef], cluster: Cluster) -> Iterable[Observation]:
        """The job."""
        one = Subject.of(body, self.resource, owners, cluster)
        replicas = part(one.spec, self.replica_specs)
        pods = {name: part(replicas, name, "template", "spec") for name in sorted(replicas)}
        images = [image for pod in pods.values() for image in images_of(pod)]
        accounts = sorted({service_account_of(pod) for pod in pods.values()} - {""})
        facets = one.facets(images, accounts[0] if accounts else "", _parameters(replicas))
        yield one.observe(one.job("KUBEFLOW"), one.run(_life(one), one.flow(), facets))


def _life(one: Subject) -> Life | None:
    started_at = read_time(one.status.get("startTime"))
    if started_at is None or true_condition(one.body, "Suspended"):
        return None
    running = true_condition(one.body, "Running")
    running_at = read_time(running.get("lastTransitionTime")) if running else None
    if failed := true_condition(one.body, "Failed"):
        ended_at = read_time(one.status.get("completionTime") or failed.get("lastTransitionTime"))
        return Life(RunState.FAILED, started_at, running_at, ended_at, reason(failed))
    if succeeded := true_condition(one.body, "Succeeded"):
        ended_at = read_time(one.status.get("completionTime") or succeeded.get("lastTransitionTime"))
        return Life(RunState.SUCCEEDED, started_at, running_at, ended_at)
    return Life(RunState.RUNNING if running else RunState.STARTED, started_at, running_at)


def _parameters(replicas: Mapping[str, Any]) -> Mapping[str, Any]:
    return {f"{name}.replicas": part(replicas, name).get("replicas") for name in replicas}
