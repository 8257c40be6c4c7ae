"""What a pod's spec says that injection depends on, and the names that are ours in it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from headwater_emitter.settings import Settings as EmitterSettings

from ..kinds.reading import items, part

EMITTER = "headwater-emitter"
SPOOL_VOLUME = "headwater-spool"
TOKEN_VOLUME = "headwater-token"  # noqa: S105 (a volume's name)
INJECTED = "headwater.dev/injected"
"""The annotation of pods that have the emitter: the pipeline that they have it for."""

PIPELINE = "headwater.dev/pipeline"
INJECT = "headwater.dev/inject"
OPT_IN = "headwater.dev/injection"
OPTED_IN = "enabled"
_MIRROR = "kubernetes.io/config.mirror"
_RAY = "ray.io/node-type"
_KUBEFLOW = ("pipelines.kubeflow.org/pod-role", "pipelines.kubeflow.org/v2_component")
_EXECUTOR = "container-executor"
_WITHOUT_CODE = frozenset({"istio-proxy", "linkerd-proxy", "queue-proxy"})
"""Containers that others inject, beside the user's."""

_ARGO = "workflows.argoproj.io/workflow"
_OF_ARGO = frozenset({"wait", "supervisor"})

EMITTER_PORTS = tuple(
    getattr(EmitterSettings(), name).port for name in ("http_address", "grpc_address", "health_address")
)


def labels_of(pod: Mapping[str, Any]) -> Mapping[str, str]:
    """The pod's labels."""
    return part(pod, "metadata", "labels")


def annotations_of(pod: Mapping[str, Any]) -> Mapping[str, str]:
    """The pod's annotations."""
    return part(pod, "metadata", "annotations")


def is_mirror(pod: Mapping[str, Any]) -> bool:
    """Whether it only shows a pod that a node runs by itself."""
    return _MIRROR in annotations_of(pod)


def is_windows(pod: Mapping[str, Any]) -> bool:
    """Whether it wants a node with Windows."""
    system = part(pod, "spec", "os").get("name") or part(pod, "spec", "nodeSelector").get("kubernetes.io/os")
    return system == "windows"


def is_of_ray(pod: Mapping[str, Any]) -> bool:
    """Whether it is a node of a Ray cluster: long-lived, and started by Ray itself."""
    return _RAY in labels_of(pod)


def is_kubeflows_own(pod: Mapping[str, Any]) -> bool:
    """Whether it is one of the pods of Kubeflow Pipelines that run no code of a user: a driver or an importer."""
    labels = labels_of(pod)
    return any(label in labels for label in _KUBEFLOW) and labels.get(_KUBEFLOW[0]) != _EXECUTOR


def has_emitter(pod: Mapping[str, Any]) -> bool:
    """Whether the emitter is in it already."""
    return any(each.get("name") == EMITTER for each in all_containers(pod))


def taken_volume(pod: Mapping[str, Any]) -> str:
    """The volume that has a name of ours; empty where none has."""
    names = {each.get("name") for each in items(pod, "spec", "volumes")}
    return next((name for name in (SPOOL_VOLUME, TOKEN_VOLUME) if name in names), "")


def taken_port(pod: Mapping[str, Any]) -> int:
    """The port that a container declares and the emitter listens on; 0 where there is none."""
    declared = {port.get("containerPort") for each in all_containers(pod) for port in items(each, "ports")}
    return next((port for port in EMITTER_PORTS if port in declared), 0)


def all_containers(pod: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The containers, those that run before the others among them."""
    return [*items(pod, "spec", "initContainers"), *items(pod, "spec", "containers")]


def containers_of_users(pod: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The containers that run a user's code, by their place.

    Init containers are none: they end before the emitter, the last of them, begins.
    """
    others = _WITHOUT_CODE | (_OF_ARGO if _ARGO in labels_of(pod) else frozenset())
    for at, each in enumerate(items(pod, "spec", "containers")):
        if each.get("name") not in others:
            yield at, each


def is_guaranteed(pod: Mapping[str, Any]) -> bool:
    """Whether every container has limits of processor and memory, and requests as much: the QoS class Guaranteed."""
    return all(_is_fixed(part(each, "resources")) for each in all_containers(pod))


def _is_fixed(resources: Mapping[str, Any]) -> bool:
    limits, requests = part(resources, "limits"), part(resources, "requests")
    return all(limits.get(kind) and requests.get(kind, limits[kind]) == limits[kind] for kind in ("cpu", "memory"))
