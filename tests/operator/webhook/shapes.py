"""Pods as the webhook is asked about them, and the objects of the cluster that they belong to."""

from __future__ import annotations

import base64
import json
from typing import Any
from uuid import UUID, uuid5

import jsonpatch

from headwater_operator.injection.cluster_view import ClusterView, KubernetesVersion, Owners
from headwater_operator.pipeline.pipeline import parse_pipeline
from headwater_operator.webhook.injected_pod import Injection, Injector
from headwater_operator.webhook.settings import Settings, read_settings

Json = dict[str, Any]
CREATED = "2026-11-20T08:00:00Z"
NAMESPACE = "ml"
CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
OPTED_IN = {"headwater.dev/injection": "enabled"}


def uid(*names: str) -> str:
    """A UID that is always the same."""
    return str(uuid5(UUID(int=0), "/".join(names)))


def settings(**given: str) -> Settings:
    """Settings with everything that is required."""
    required = {
        "cluster": "prod",
        "address": "headwater.headwater.svc:4970",
        "emitter_image": "registry.example.com/headwater:0.1.0",
        "tls_certificate_file": "/tls/tls.crt",
        "tls_key_file": "/tls/tls.key",
    }
    return read_settings({**required, **given}, {})


def metadata(name: str, owner: tuple[str, str, str] | None = None, **more: Any) -> Json:
    """Metadata; the owner is its API version, kind and name."""
    found: Json = {"namespace": NAMESPACE, "name": name, "uid": uid(name), "creationTimestamp": CREATED, **more}
    if owner is not None:
        found["ownerReferences"] = [reference(*owner)]
    return found


def reference(api_version: str, kind: str, name: str) -> Json:
    """A controller as its dependant names it."""
    return {"apiVersion": api_version, "kind": kind, "name": name, "uid": uid(name), "controller": True}


def pipeline_body(name: str = "churn", namespace: str = NAMESPACE, **spec: Any) -> Json:
    """A LineagePipeline that injects."""
    return {
        "metadata": metadata(name, namespace=namespace, uid=uid("pipeline", name)),
        "spec": {"injection": {"enabled": True}, **spec},
    }


def view(*pipelines: Json, version: tuple[int, int] = (1, 35), labels: Json | None = None) -> ClusterView:
    """What is known of a cluster with pipelines, whose namespaces have opted in."""
    found = ClusterView("prod", KubernetesVersion(*version))
    for body in pipelines or (pipeline_body(),):
        pipeline = parse_pipeline(body)
        found.coverage.put(pipeline)
        found.kinds.set_rules(pipeline)
        found.namespaces[pipeline.namespace] = OPTED_IN if labels is None else labels
    return found


def inject(pod: Json, owners: Owners, known: ClusterView, namespace: str = NAMESPACE, **given: str) -> Injection:
    """What becomes of a pod."""
    return Injector(settings(**given), known).inject(pod, namespace, owners, CA)


def patched(pod: Json, injection: Injection) -> Json:
    """The pod as the API server patches it."""
    found: Json = jsonpatch.apply_patch(pod, list(injection.operations))
    return found


def review(pod: Json, namespace: str = NAMESPACE, **more: Any) -> bytes:
    """The question as the API server asks it."""
    request = {
        "uid": uid("review"),
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": namespace,
        "operation": "CREATE",
        "object": pod,
        **more,
    }
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).encode()


def operations(answer: bytes) -> list[Json]:
    """The patch in an answer, which must admit."""
    response = json.loads(answer)["response"]
    assert response["allowed"] is True
    found: list[Json] = json.loads(base64.b64decode(response["patch"])) if "patch" in response else []
    return found


def container(name: str, **more: Any) -> Json:
    """A container, with what the API server has put in."""
    return {
        "name": name,
        "image": f"registry.example.com/{name}:1",
        "resources": {},
        "imagePullPolicy": "IfNotPresent",
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        **more,
    }


def pod(
    name: str,
    *containers: Json,
    owner: tuple[str, str, str] | None = None,
    labels: Json | None = None,
    annotations: Json | None = None,
    **spec: Any,
) -> Json:
    """A pod as it is admitted: without a UID."""
    found = metadata(name, owner)
    del found["uid"], found["creationTimestamp"]
    if labels:
        found["labels"] = labels
    if annotations:
        found["annotations"] = annotations
    whole = {
        "containers": list(containers) or [container("main")],
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 30,
        "serviceAccountName": "default",
        "securityContext": {},
        **spec,
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": found, "spec": whole}
