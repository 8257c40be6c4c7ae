"""Which Kubernetes the tests run against, how it comes to life, and how images get into it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from .cluster import node
from .cluster.command import run
from .cluster.images import PYTHON_IMAGE, buildah, python_archive
from .cluster.machine import check_machine
from .headwater_images import image_archives, image_name
from .kind import Kind, MakeArchive
from .variables import REGISTRY, TARGET

ENGINES = ("docker", "podman")
PATIENCE_WITH_AN_ENGINE_SECONDS = 30


class Target(Protocol):
    """A Kubernetes for the tests. Everything that needs the network happens before `command` runs anything."""

    def start(self) -> None:
        """Makes it ready for tests; raises ClusterError when it cannot be."""

    def environment(self) -> Mapping[str, str]:
        """The variables that the tests run with."""

    def command(self, command: Sequence[str]) -> list[str]:
        """A command line that runs a command where it reaches the cluster."""

    def load_image(self, name: str) -> str | None:
        """Gives the cluster an image of this project as it is now, and returns its reference; None where nobody can.

        Raises:
            ClusterError: the image cannot be built or loaded.
        """

    def load(self, make_archive: MakeArchive) -> bool:
        """Gives the cluster a further image, made without the network; tells whether it could.

        Raises:
            ClusterError: the image cannot be built or loaded.
        """

    def stop(self) -> None:
        """Ends what `start` started."""


class OwnNode:
    """A node that is built from source and lives on this machine until the tests are over."""

    def __init__(self) -> None:
        self._started = False

    def start(self) -> None:
        """Starts a node, unless one is up, which then stays."""
        check_machine(sys.platform, os.geteuid())
        self._started = node.node_process() is None
        node.up()
        python_archive()
        image_archives(buildah(), PYTHON_IMAGE)

    def environment(self) -> Mapping[str, str]:
        """The node's programs, kubeconfig and address."""
        return node.environment()

    def command(self, command: Sequence[str]) -> list[str]:
        """Runs it in the node's network."""
        return node.command_inside(command)

    def load_image(self, name: str) -> str:
        """Loads its archive; builds it first where the sources changed since `start`."""
        node.load(image_archives(buildah(), PYTHON_IMAGE)[name])
        return image_name(name)

    def load(self, make_archive: MakeArchive) -> bool:
        """Loads it, made by buildah."""
        node.load(make_archive(buildah(), PYTHON_IMAGE))
        return True

    def stop(self) -> None:
        """Takes the node down, also one that did not come up."""
        if self._started:
            node.down()


class GivenCluster:
    """The cluster of the KUBECONFIG that the tests are started with. Nothing of it is started, stopped or loaded."""

    def start(self) -> None:
        """Sees that it answers."""
        run("kubectl", "version", "--request-timeout=10s")

    def environment(self) -> Mapping[str, str]:
        """What there is."""
        return os.environ | {TARGET: "given"}

    def command(self, command: Sequence[str]) -> list[str]:
        """Runs it as it is."""
        return list(command)

    def load_image(self, name: str) -> str | None:
        """The image that the cluster can pull."""
        registry = os.environ.get(REGISTRY)
        return image_name(name, registry) if registry else None

    def load(self, make_archive: MakeArchive) -> bool:
        """Nobody can."""
        return False

    def stop(self) -> None:
        """Leaves it as it is."""


def choose_target(environment: Mapping[str, str], answering_engine: Callable[[], str | None]) -> Target:
    """The cluster of KUBECONFIG; else kind, where a container engine answers; else a node of our own."""
    if environment.get("KUBECONFIG"):
        return GivenCluster()
    if shutil.which("kind", path=environment.get("PATH")) and (found := answering_engine()):
        return Kind(found)
    return OwnNode()


def target_of_tests(environment: Mapping[str, str]) -> Target:
    """The target that tests which are running were started against."""
    name = environment.get(TARGET, "")
    if name == "node":
        return OwnNode()
    if name.startswith("kind:"):
        return Kind(name.removeprefix("kind:"))
    return GivenCluster()


def find_engine() -> str | None:
    """A container engine that answers. Its command proves nothing: a client can be there without an engine."""
    return next((name for name in ENGINES if shutil.which(name) and answers(name)), None)


def answers(engine: str) -> bool:
    """Whether an engine says how it is."""
    try:
        asked = subprocess.run(
            [engine, "info"], capture_output=True, timeout=PATIENCE_WITH_AN_ENGINE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return asked.returncode == 0
