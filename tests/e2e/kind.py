"""Kubernetes in a container engine, made by kind (kind.sigs.k8s.io)."""

from __future__ import annotations

import ipaddress
import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .cluster.command import ClusterError, run
from .cluster.images import Builder, engine
from .cluster.layout import CACHE
from .headwater_images import image_archives, image_name
from .variables import HOST, TARGET

CLUSTER = "headwater-e2e"
NETWORK = "kind"
"""The engine's network that kind puts its nodes in."""
MakeArchive = Callable[[Builder, str], Path]
"""Builds an image on a ground, and gives its archive."""
REGISTRY_PYTHON = "docker.io/library/python:3.11-slim"


class Kind:
    """A cluster by kind, with the image of this project built by the engine."""

    def __init__(
        self,
        engine_name: str,
        make_archives: Callable[[Builder, str], Mapping[str, Path]] = image_archives,
        folder: Path = CACHE,
    ) -> None:
        self._engine = engine_name
        self._make_archives = make_archives
        self._kubeconfig = folder / "kind.conf"
        self._started = False

    def start(self) -> None:
        """Creates a cluster, unless there is one by our name, which then stays.

        Raises:
            ClusterError: kind cannot make one, or the one that is there does not answer.
        """
        if not shutil.which("kubectl"):
            raise ClusterError("the tests use kubectl, which kind does not bring: install it and try again")
        self._kubeconfig.parent.mkdir(parents=True, exist_ok=True)
        where = ("--name", CLUSTER, "--kubeconfig", self._kubeconfig)
        if CLUSTER in self._kind("get", "clusters").split():
            try:
                self._kind("export", "kubeconfig", *where)
                run("kubectl", "--kubeconfig", self._kubeconfig, "--request-timeout=10s", "get", "--raw", "/readyz")
            except ClusterError as error:
                way_out = f"kind delete cluster --name {CLUSTER}"
                raise ClusterError(f"kind has a cluster {CLUSTER} that does not answer: {way_out}\n{error}") from error
        else:
            self._started = True
            self._kind("create", "cluster", *where, "--wait", "5m")
        self._archives()

    def environment(self) -> Mapping[str, str]:
        """The cluster's kubeconfig, and the address under which its pods reach this machine if they do.

        The nodes' gateway is this machine only where the engine runs on it: not with a desktop's virtual machine, and
        not with an engine that needs no root. An address that was given counts more.
        """
        known = os.environ | {"KUBECONFIG": str(self._kubeconfig), TARGET: f"kind:{self._engine}"}
        network = json.loads(run(self._engine, "network", "inspect", NETWORK))[0]
        found = next(filter(is_of_this_machine, gateways(network)), None)
        return ({HOST: found} if found else {}) | known

    def command(self, command: Sequence[str]) -> list[str]:
        """Runs it as it is."""
        return list(command)

    def load_image(self, name: str) -> str:
        """Loads its archive; builds it first where the sources changed since `start`."""
        self._kind("load", "image-archive", "--name", CLUSTER, self._archives()[name])
        return image_name(name)

    def load(self, make_archive: MakeArchive) -> bool:
        """Loads it, made by the engine."""
        archive = make_archive(engine(self._engine), REGISTRY_PYTHON)
        self._kind("load", "image-archive", "--name", CLUSTER, archive)
        return True

    def stop(self) -> None:
        """Deletes the cluster."""
        if self._started:
            self._kind("delete", "cluster", "--name", CLUSTER, "--kubeconfig", self._kubeconfig)

    def _archives(self) -> Mapping[str, Path]:
        return self._make_archives(engine(self._engine), REGISTRY_PYTHON)

    def _kind(self, *arguments: str | Path) -> str:
        return run("kind", *arguments, environment={"KIND_EXPERIMENTAL_PROVIDER": self._engine})


def gateways(network: Mapping[str, Any]) -> Iterator[str]:
    """The IPv4 gateways of a network as docker describes it, or podman, which nests less and writes small letters."""
    for subnet in network.get("subnets") or network.get("IPAM", {}).get("Config") or ():
        address = subnet.get("gateway") or subnet.get("Gateway")
        if address and ipaddress.ip_address(address).version == 4:
            yield address


def is_of_this_machine(address: str) -> bool:
    """Whether a server can listen there."""
    try:
        socket.create_server((address, 0)).close()
    except OSError:
        return False
    return True
