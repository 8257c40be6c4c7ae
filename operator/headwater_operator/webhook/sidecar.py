"""The emitter as a container of a pod, and the volumes that are its own. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from headwater.program.values import Address
from headwater_emitter.settings import Settings as EmitterDefaults

from ..injection import pod_shape as shape
from ..kinds.reading import part
from .kubeflow_outputs import Scratch
from .settings import EmitterSettings
from .variables import Variable

USER = 65_532
SPOOL_PATH = "/var/lib/headwater-emitter"
TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 (a path)
"""Where the API server mounts the token of the pod's service account into every container that mounts nothing there: so
the emitter's own token is mounted there, and the pod's is not given to it."""

TOKEN_FILE = f"{TOKEN_PATH}/token"
TERMINATION_LOG = "/dev/termination-log"
HEALTH_ADDRESS = Address("0.0.0.0", EmitterDefaults().health_address.port)  # noqa: S104 (the pod's own address)
PORT_NAME = "headwater"
_USUAL_GRACE_SECONDS = 30


def sidecar(
    pod: Mapping[str, Any], settings: EmitterSettings, variables: Sequence[Variable], scratch: Iterable[Scratch]
) -> dict[str, Any]:
    """The emitter: an init container that stays. It has no probe: none may end it, or hold up the pod."""
    return {
        "name": shape.EMITTER,
        "image": settings.emitter_image,
        "imagePullPolicy": settings.emitter_pull_policy.word,
        "command": ["headwater-emitter", "run", "--stay"],
        "restartPolicy": "Always",
        "env": list(variables),
        "ports": [{"name": PORT_NAME, "containerPort": HEALTH_ADDRESS.port, "protocol": "TCP"}],
        "resources": _resources(pod, settings),
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationMessagePath": TERMINATION_LOG,
        "terminationMessagePolicy": "File",
        "volumeMounts": [
            {"name": shape.SPOOL_VOLUME, "mountPath": SPOOL_PATH},
            {"name": shape.TOKEN_VOLUME, "mountPath": TOKEN_PATH, "readOnly": True},
            *({"name": each.volume, "mountPath": str(each.path), "readOnly": True} for each in scratch),
        ],
    }


def volumes(settings: EmitterSettings, volume_claim: str) -> list[dict[str, Any]]:
    """The volumes. A pod that outgrows the limit of an emptyDir is evicted: so that is twice the spool."""
    spool: dict[str, Any] = {"emptyDir": {"sizeLimit": str(2 * settings.emitter_spool_bytes)}}
    if volume_claim:
        spool = {"persistentVolumeClaim": {"claimName": volume_claim}}
    token = {"audience": settings.token_audience, "expirationSeconds": settings.token_seconds, "path": "token"}
    return [
        {"name": shape.SPOOL_VOLUME, **spool},
        {"name": shape.TOKEN_VOLUME, "projected": {"defaultMode": 0o644, "sources": [{"serviceAccountToken": token}]}},
    ]


def drain_seconds(pod: Mapping[str, Any], settings: EmitterSettings) -> int:
    """How long the last delivery may take: less than what the pod is given to end."""
    grace = part(pod, "spec").get("terminationGracePeriodSeconds")
    return max(0, min(settings.emitter_drain_seconds, (_USUAL_GRACE_SECONDS if grace is None else int(grace)) - 1))


def _resources(pod: Mapping[str, Any], settings: EmitterSettings) -> dict[str, Any]:
    """Requests and limits that leave the pod its QoS class. A pod that has them as a whole shares those it has.

    None for ephemeral storage: a limit of one container would be that of the whole pod.
    """
    if part(pod, "spec").get("resources"):
        return {}
    limits = {"cpu": settings.emitter_cpu_limit, "memory": settings.emitter_memory_limit}
    requests = {"cpu": settings.emitter_cpu_request, "memory": settings.emitter_memory_request}
    return {"limits": limits, "requests": dict(limits) if shape.is_guaranteed(pod) else requests}
