"""`headwater pipelines explain`: what the webhook decides of a pod and why, told from the cluster as it is now.

Asked with the caller's own kubeconfig, and nothing of it is written. The `headwater` command finds `explain_pod` by its
entry point, and knows nothing of this package.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import kopf
import yaml

from ..injection.cluster_view import ClusterView, KubernetesVersion, Owners
from ..injection.gates import decide, warnings_of
from ..kinds.adapter import Resource
from ..kubernetes_api import KubernetesApi, KubernetesApiError, find_connection
from ..owners import Owners as OwnersByApi
from ..pipeline.pipeline import InvalidPipeline, parse_pipeline
from ..watching import PIPELINES

PODS = Resource("", "v1", "pods", "Pod")
_OWN_NAMESPACE = "headwater"


def explain_pod(
    name: str, file: Path | None = None, connect: Callable[[], kopf.ConnectionInfo] = find_connection
) -> dict[str, Any]:
    """Whether `namespace/pod` gets the emitter, with every gate; or the pod in a YAML file, created in that namespace.

    Raises LookupError where the pod is not there, ValueError where the name or the file names none, and OSError where
    the cluster does not answer.
    """
    namespace, _, pod_name = name.partition("/")
    pod = _read(file) if file else None
    if pod is not None:
        namespace = namespace or pod["metadata"].get("namespace") or "default"
    elif not namespace or not pod_name:
        raise ValueError(f"{name!r} names no pod: write NAMESPACE/POD")
    try:
        return asyncio.run(_explain(namespace, pod_name, pod, connect))
    except KubernetesApiError as error:
        raise ConnectionError(str(error)) from error


def _read(file: Path) -> dict[str, Any]:
    try:
        pod = yaml.safe_load(file.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} is no YAML: {error}") from error
    if not isinstance(pod, dict) or pod.get("kind") != "Pod" or not isinstance(pod.get("spec"), dict):
        raise ValueError(f"{file} holds no Pod: give one document with kind: Pod and a spec")
    return {**pod, "metadata": pod.get("metadata") or {}}


async def _explain(
    namespace: str, name: str, pod: Mapping[str, Any] | None, connect: Callable[[], kopf.ConnectionInfo]
) -> dict[str, Any]:
    async with KubernetesApi(connect) as api:
        if pod is None:
            pod = await api.get_object(PODS, namespace, name)
            if pod is None:
                raise LookupError(f"there is no pod {name} in {namespace}")
        view = await _look(api, namespace)
        owners = await OwnersByApi(api).find({**pod["metadata"], "namespace": namespace})
    found = decide(pod, namespace, Owners(owners), view, _OWN_NAMESPACE)
    return {
        "pod": f"{namespace}/{pod['metadata'].get('name') or pod['metadata'].get('generateName') or ''}",
        "owners": [f"{each.kind} {each.name}" for each in owners],
        "isInjected": found.is_open,
        "pipeline": found.pipeline.name if found.pipeline else "",
        "gates": [{"gate": each.name, "isOpen": each.is_open, "reason": each.reason} for each in found.gates],
        "warnings": list(warnings_of(found, pod)),
    }


async def _look(api: KubernetesApi, namespace: str) -> ClusterView:
    view = ClusterView("", KubernetesVersion.read(*await api.get_version()))
    metadata = await api.get_metadata("", "v1", "Namespace", "", namespace)
    if metadata is None:
        raise LookupError(f"there is no namespace {namespace}")
    view.namespaces[namespace] = metadata.get("labels") or {}
    async for body in api.list_objects(PIPELINES, namespace):
        try:
            pipeline = parse_pipeline(body)
        except InvalidPipeline:
            continue
        view.coverage.put(pipeline)
        view.kinds.set_rules(pipeline)
    return view
