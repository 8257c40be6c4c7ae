"""Writes what the components read: the files of `templates/` with this node's paths and addresses, and kubeconfigs.

Every placeholder is $word; which words there are stands in `PLACES`.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from string import Template

from .images import PAUSE_IMAGE
from .layout import CONTAINERD_SOCKET, KEYS, NODE_ADDRESS, POD_ADDRESSES, STATE

TEMPLATES = Path(__file__).parent / "templates"
CGROUP = f"headwater-e2e-{hashlib.sha256(str(STATE).encode()).hexdigest()[:8]}"
"""The control group above those of the pods; a node's own, so that two nodes on a machine don't meet."""

PLACES = {
    "state": STATE,
    "keys": KEYS,
    "socket": CONTAINERD_SOCKET,
    "cgroup": CGROUP,
    "pause_image": PAUSE_IMAGE,
    "node_address": NODE_ADDRESS,
    "pod_addresses": POD_ADDRESSES,
}
VOLUMES = 24


def write_configuration() -> None:
    """Writes the components' files into the node's state."""
    for name in ("containerd.toml", "kubelet.yaml", "kube-proxy.yaml", "Corefile"):
        (STATE / name).write_text(filled(name))
    (STATE / "cni").mkdir()
    (STATE / "cni" / "pods.conflist").write_text(filled("pods.conflist"))
    for identity in ("admin", "kubelet"):
        (STATE / f"{identity}.conf").write_text(kubeconfig(identity))


def storage() -> str:
    """The objects of a default StorageClass with empty volumes: a claim of up to 20 Gi is bound at once."""
    objects = [filled("storage.yaml")]
    for number in range(VOLUMES):
        folder = STATE / "volumes" / str(number)
        folder.mkdir(parents=True)
        folder.chmod(0o777)  # fsGroup has no effect on a hostPath: any user of a pod may write.
        objects.append(filled("volume.yaml", number=str(number), folder=str(folder)))
    return "".join(objects)


def filled(name: str, **more: str) -> str:
    """A file of `templates/` with its placeholders replaced."""
    return Template((TEMPLATES / name).read_text()).substitute(PLACES, **more)


def kubeconfig(identity: str) -> str:
    """The kubeconfig of one of the identities in the keys' folder."""

    def encoded(file: str) -> str:
        return base64.b64encode((KEYS / file).read_bytes()).decode()

    server = {"server": f"https://{NODE_ADDRESS}:6443", "certificate-authority-data": encoded("ca.crt")}
    user = {
        "client-certificate-data": encoded(f"{identity}.crt"),
        "client-key-data": encoded(f"{identity}.key"),
    }
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "node", "cluster": server}],
        "users": [{"name": identity, "user": user}],
        "contexts": [{"name": "node", "context": {"cluster": "node", "user": identity}}],
        "current-context": "node",
    }
    return json.dumps(document, indent=1)
