"""The chart as a person installs it: with Helm, the images of this checkout, and nothing said that need not be."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from .headwater_images import TAG, TARGETS
from .kubernetes_access import Namespace, kubectl
from .running_operator import program

CHART = Path(__file__).parents[2] / "helm" / "headwater"
NAME = "e2e"
FULL_NAME = f"{NAME}-headwater"
RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"
PATIENCE = "280s"


@dataclass(frozen=True)
class Release:
    """The chart in a namespace."""

    namespace: Namespace
    values: Sequence[str]

    def install(self) -> None:
        """Installs it, and waits until all of it is ready."""
        self.helm("install", str(CHART), *self.values, *taking_over("helm"), "--wait", "--timeout", PATIENCE)

    def helm(self, command: str, *arguments: str, program: str = "helm") -> str:
        """Runs a Helm on it; gives what it printed."""
        return helm(command, NAME, *arguments, "--namespace", self.namespace.name, program=program)

    def notes(self) -> str:
        """What it tells whoever installed it."""
        return helm("get", "notes", NAME, "--namespace", self.namespace.name)

    @contextmanager
    def forwarded(self, service: str, port: int) -> Iterator[int]:
        """A port of this machine that leads to one of a Service."""
        where = ("--namespace", self.namespace.name, f"service/{FULL_NAME}-{service}")
        command = ["kubectl", "port-forward", *where, f":{port}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                said = process.stdout.readline()
                assert said.startswith("Forwarding from 127.0.0.1:"), said
                yield int(said.split()[2].rpartition(":")[2])
            finally:
                process.terminate()

    def type_in(self, commands: Sequence[str], folder: Path) -> str:
        """Runs commands in a shell, as if they were copied, and ends what they left behind; gives what they printed."""
        printed = folder / "printed"
        path = f"{Path(program('headwater')).parent}{os.pathsep}{os.environ['PATH']}"
        with printed.open("w") as output:
            shell = subprocess.Popen(
                ["bash", "-e", "-c", "\n".join(commands)],
                cwd=folder,
                env={**os.environ, "PATH": path},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            status = shell.wait()
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGTERM)
        assert status == 0, printed.read_text()
        return printed.read_text()


@contextmanager
def installed(namespace: Namespace, load_image: Callable[[str], str]) -> Iterator[Release]:
    """Installs the chart with its images; uninstalls it."""
    values = image_values(load_image)
    kubectl("label", "namespace", namespace.name, RESTRICTED)
    release = Release(namespace, values)
    try:
        release.install()
        yield release
    finally:
        release.helm("uninstall", "--ignore-not-found", "--wait")


def image_values(load_image: Callable[[str], str]) -> list[str]:
    """Options of Helm that say where the images are, which the cluster has then."""
    values = []
    for name in TARGETS:
        registry = load_image(name).removesuffix(f"/headwater/{name}:{TAG}")
        values += ["--set", f"{name}.image.registry={registry},{name}.image.tag={TAG}"]
    return values


def taking_over(program: str) -> Sequence[str]:
    """Options of a Helm for a cluster that knows LineagePipelines: others of these tests define them, too."""
    return ("--take-ownership", "--force-conflicts") if version(program) == 4 else ("--take-ownership",)


def helm(*arguments: str, program: str = "helm") -> str:
    """Runs Helm and gives what it printed.

    Raises:
        AssertionError: it failed; with what it said.
    """
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{program} {' '.join(arguments)}: {done.stderr.strip()}"
    return done.stdout


def version(program: str) -> int:
    """The major version of a Helm."""
    return int(helm("version", "--short", program=program).lstrip("v").partition(".")[0])


def helms() -> list[str]:
    """The Helms on the path."""
    return [name for name in ("helm", "helm3") if shutil.which(name)]
