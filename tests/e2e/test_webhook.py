"""The webhook on a real cluster: the API server asks it, takes its patch, and runs what comes of it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from kubernetes.dynamic import DynamicClient

from .kubernetes_access import Namespace, Object, has_condition, kubectl
from .lineage_pipelines import define, job, pipeline
from .running_operator import program
from .running_webhook import OPT_IN, RunningWebhook, running_webhook

RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"
SECURITY = {
    "runAsNonRoot": True,
    "runAsUser": 1000,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
ENOUGH = {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"cpu": "1", "memory": "64Mi"}}


@pytest.fixture
def webhook(client: DynamicClient, host: str, emitter_image: str, tmp_path: Path) -> Iterator[RunningWebhook]:
    """A running webhook that the API server asks."""
    define(client)
    with running_webhook(host, emitter_image, f"{host}:4970", tmp_path) as found:
        yield found


def opt_in(namespace: Namespace, *labels: str) -> None:
    """Asks for the emitter in a namespace."""
    kubectl("label", "namespace", namespace.name, OPT_IN, *labels)
    namespace.apply(pipeline("all", injection={"enabled": True}))


def restricted_job(name: str, image: str, script: str = "true") -> Object:
    """A Job that Pod Security `restricted` and a ResourceQuota admit."""
    found = job(name, image, script)
    found["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 10
    found["spec"]["template"]["spec"]["containers"][0] |= {"securityContext": SECURITY, "resources": ENOUGH}
    return found


def pod_of(namespace: Namespace, name: str) -> Object:
    """The pod of a Job."""
    (found,) = json.loads(namespace.kubectl("get", "pods", "-l", f"job-name={name}", "-o", "json"))["items"]
    assert isinstance(found, dict)
    return found


def emitters(pod: Object) -> list[Object]:
    """The emitter's container; none where the pod was left alone."""
    return [each for each in pod["spec"].get("initContainers", ()) if each["name"] == "headwater-emitter"]


def test_a_restricted_job_with_a_quota_is_injected_and_ends(
    webhook: RunningWebhook, namespace: Namespace, headwater_image: str
) -> None:
    opt_in(namespace, RESTRICTED)
    quota = {"hard": {"requests.cpu": "1", "requests.memory": "1Gi", "limits.cpu": "4", "limits.memory": "2Gi"}}
    namespace.apply(
        {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "quota"}, "spec": quota},
        restricted_job("load", headwater_image, "env | grep OPENLINEAGE_"),
    )
    done = namespace.wait_for("batch/v1/Job", "load", has_condition("Complete"))
    pod = pod_of(namespace, "load")
    (emitter,) = emitters(pod)
    assert emitter["restartPolicy"] == "Always"
    mounts = [each["name"] for each in emitter["volumeMounts"]]
    assert mounts == ["headwater-spool", "headwater-token"], "the API server adds no token of its own"
    assert pod["metadata"]["annotations"]["headwater.dev/injected"] == "all"
    told = namespace.kubectl("logs", pod["metadata"]["name"], "-c", "main")
    assert f"OPENLINEAGE_PARENT_ID=k8s://e2e/{namespace.name}/load/{done['metadata']['uid']}" in told
    statuses = {each["name"]: each["state"] for each in pod["status"]["initContainerStatuses"]}
    assert statuses["headwater-emitter"]["terminated"]["exitCode"] == 0


def test_a_job_that_fails_fails_by_itself(webhook: RunningWebhook, namespace: Namespace, headwater_image: str) -> None:
    opt_in(namespace)
    namespace.apply(restricted_job("fails", headwater_image, "exit 7"))
    namespace.wait_for("batch/v1/Job", "fails", has_condition("Failed"))
    pod = pod_of(namespace, "fails")
    assert emitters(pod)
    assert pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 7


def test_with_the_webhook_down_pods_start_as_if_it_was_not_there(
    webhook: RunningWebhook, namespace: Namespace, headwater_image: str
) -> None:
    opt_in(namespace)
    webhook.kill()
    namespace.apply(restricted_job("alone", headwater_image))
    namespace.wait_for("batch/v1/Job", "alone", has_condition("Complete"))
    assert emitters(pod_of(namespace, "alone")) == []


def test_a_pod_is_told_why_it_is_not_injected(
    webhook: RunningWebhook, namespace: Namespace, headwater_image: str
) -> None:
    kubectl("label", "namespace", namespace.name, OPT_IN)
    metadata = {"name": "one", "labels": {"headwater.dev/inject": "true"}}
    main = {"name": "main", "image": headwater_image, "imagePullPolicy": "IfNotPresent", "command": ["true"]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [main]}}
    created = subprocess.run(
        ["kubectl", "--namespace", namespace.name, "apply", "--filename", "-"],
        input=json.dumps(pod), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert (
        f"Warning: headwater: the pod runs without the emitter: no LineagePipeline in {namespace.name}"
        in created.stderr
    )
    explained = subprocess.run(
        [program("headwater"), "pipelines", "explain", f"{namespace.name}/one", "-o", "json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    gates = {each["gate"]: each["isOpen"] for each in json.loads(explained.stdout)["gates"]}
    assert [name for name, is_open in gates.items() if not is_open] == ["pipeline"]
