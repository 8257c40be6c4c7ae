"""The chart as a person installs it: with Helm, the images of this checkout, and nothing said that need not be."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from base64 import b64decode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from kubernetes.dynamic import DynamicClient

from headwater import Settings

from .headwater_images import TAG, TARGETS
from .kubernetes_access import Namespace, Object, kubectl
from .running_operator import program

CHART = Path(__file__).parents[2] / "helm" / "headwater"
NAME = "e2e"
FULL_NAME = f"{NAME}-headwater"
RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"
PATIENCE = "280s"
CLUSTER = "kubernetes"
"""What the chart calls the cluster where nobody says otherwise."""
AUDIENCE = "headwater"
COMPONENTS = {"database": 1, "operator": 1, "server": 2, "webhook": 2}
"""How many pods each component has where nobody says otherwise."""


@dataclass(frozen=True)
class Release:
    """The chart in a namespace."""

    namespace: Namespace
    values: Sequence[str]
    chart: Path = CHART

    def install(self) -> None:
        """Installs it, and waits until all of it is ready."""
        self.helm("install", str(self.chart), *self.values, *taking_over("helm"), "--wait", "--timeout", PATIENCE)

    def helm(self, command: str, *arguments: str, program: str = "helm") -> str:
        """Runs a Helm on it; gives what it printed."""
        return helm(command, NAME, *arguments, "--namespace", self.namespace.name, program=program)

    def notes(self) -> str:
        """What it tells whoever installed it."""
        return helm("get", "notes", NAME, "--namespace", self.namespace.name)

    def settings(self, account: str, host: str, folder: Path) -> Settings:
        """How a client on the node calls the Service as one of the release's accounts.

        `host` is where the names of the cluster are answered. Whatever fails in passing is tried again for minutes.
        """
        token, ca_file = folder / f"{account}.token", folder / "ca.crt"
        token.write_text(self.namespace.kubectl("create", "token", account, "--audience", AUDIENCE, "--duration", "2h"))
        secret = json.loads(self.namespace.kubectl("get", "secret", f"{FULL_NAME}-server-tls", "--output", "json"))
        ca_file.write_bytes(b64decode(secret["data"]["ca.crt"]))
        address = f"dns://{host}:53/{FULL_NAME}-server.{self.namespace.name}.svc.cluster.local:4970"
        patience = {"timeout_seconds": 150.0, "max_attempts": 10_000}
        return Settings(address=address, token_file=token, ca_file=ca_file, **patience)

    def pods(self, component: str) -> list[Object]:
        """The pods of a component that are not about to go."""
        selector = f"app.kubernetes.io/instance={NAME},app.kubernetes.io/component={component}"
        return self.namespace.pods(selector)

    def is_ready(self) -> bool:
        """Whether every component has its pods, and all of them are ready."""
        return all(
            len(pods := self.pods(component)) == count and all(map(_is_ready, pods))
            for component, count in COMPONENTS.items()
        )

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
def installed_in(
    name: str, client: DynamicClient, load_image: Callable[[str], str], chart: Path = CHART
) -> Iterator[Release]:
    """Makes a namespace and installs a chart there; takes both back."""
    kubectl("create", "namespace", name)
    try:
        with installed(Namespace(name, client), load_image, chart) as release:
            yield release
    finally:
        kubectl("delete", "namespace", name, "--wait=false")


@contextmanager
def installed(namespace: Namespace, load_image: Callable[[str], str], chart: Path = CHART) -> Iterator[Release]:
    """Installs the chart with its images; uninstalls it."""
    need_helm()
    values = image_values(load_image)
    kubectl("label", "namespace", namespace.name, RESTRICTED)
    release = Release(namespace, values, chart)
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


def need_helm() -> None:
    """Skips the test where no Helm is on the path."""
    if not helms():
        pytest.skip("the chart is installed by Helm, and there is none on the path")


def _is_ready(pod: Object) -> bool:
    containers = pod["status"].get("containerStatuses", [])
    return bool(containers) and all(each["ready"] for each in containers)
