"""LineagePipelines and workloads as a platform team applies them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from kubernetes.dynamic import DynamicClient

from .kubernetes_access import Condition, Namespace, Object, has_condition, kubectl, wait_for

DEFINITION = Path(__file__).parents[2] / "helm/headwater/files/lineagepipelines.headwater.dev.yaml"
RESOURCE = "headwater.dev/v1alpha1/LineagePipeline"


def define(client: DynamicClient) -> None:
    """Makes the cluster know LineagePipelines."""
    kubectl("apply", "--server-side", "--filename", str(DEFINITION))
    name = "lineagepipelines.headwater.dev"
    wait_for(client, "apiextensions.k8s.io/v1/CustomResourceDefinition", name, has_condition("Established"))
    client.resources.invalidate_cache()


def pipeline(name: str = "all", **spec: Any) -> Object:
    """A LineagePipeline."""
    return {"apiVersion": "headwater.dev/v1alpha1", "kind": "LineagePipeline", "metadata": {"name": name}, "spec": spec}


def job(name: str, image: str, script: str = "true", **annotations: str) -> Object:
    """A Job that runs a script once."""
    metadata = {"name": name, "annotations": {f"headwater.dev/{key}": value for key, value in annotations.items()}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": job_spec(image, script)}


def job_spec(image: str, script: str) -> Object:
    """The spec of such a Job."""
    command = ["sh", "-c", script]
    container = {"name": "main", "image": image, "imagePullPolicy": "IfNotPresent", "command": command}
    pod = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [container]}
    return {"backoffLimit": 0, "template": {"spec": pod}}


def every_minute(name: str, image: str, **annotations: str) -> Object:
    """A CronJob that runs once a minute."""
    metadata = {"name": name, "annotations": {f"headwater.dev/{key}": value for key, value in annotations.items()}}
    spec = {"schedule": "* * * * *", "jobTemplate": {"spec": job_spec(image, "true")}}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata, "spec": spec}


def last_run(state: str, job: str = "") -> Condition:
    """Holds for a LineagePipeline whose last run is in a state."""

    def holds(found: Object) -> bool:
        run = found.get("status", {}).get("lastRun") or {}
        return run.get("state") == state and job in ("", run["job"])

    return holds


def delivered(namespace: Namespace, state: str, job: str = "") -> Object:
    """The LineagePipeline, once the operator has reported such a run."""
    return namespace.wait_for(RESOURCE, "all", last_run(state, job))


def time_of(text: str) -> datetime:
    """A time as Kubernetes writes it."""
    return datetime.fromisoformat(text)
