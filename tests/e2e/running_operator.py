"""The operator as a process of its own, with the permissions that it asks for and no others."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from .kubernetes_access import kubectl

CLUSTER = "e2e"
ACCOUNT_NAMESPACE = "e2e-programs"
"""Neither this nor the names of accounts are those of a release, which may come and go beside."""
OWN_NAME = "e2e-operator"
ACCOUNT = f"system:serviceaccount:{ACCOUNT_NAMESPACE}:{OWN_NAME}"
PATIENCE_SECONDS = 60
READY = "headwater-operator ready"


def program(name: str) -> str:
    """A program of this checkout."""
    return str(Path(sys.executable).with_name(name))


def install_permissions() -> None:
    """Makes the operator's account and gives it what `headwater-operator rbac` prints."""
    make_account(OWN_NAME, "operator")


def make_account(name: str, program_name: str) -> None:
    """Makes an account and gives it what `headwater-operator rbac` prints for a program."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ACCOUNT_NAMESPACE}}
    metadata = {"name": name, "namespace": ACCOUNT_NAMESPACE}
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
    kubectl("apply", "--filename", "-", given=yaml.safe_dump_all([namespace, account]))
    whose = ("--service-account", name, "--service-account-namespace", ACCOUNT_NAMESPACE)
    command = [program("headwater-operator"), "rbac", "--program", program_name, *whose]
    kubectl(
        "apply", "--filename", "-", given=subprocess.run(command, capture_output=True, text=True, check=True).stdout
    )


def write_kubeconfig(folder: Path) -> Path:
    """A kubeconfig of the operator's account for the cluster of these tests."""
    config = yaml.safe_load(kubectl("config", "view", "--raw", "--minify", "--flatten"))
    token = kubectl("create", "token", OWN_NAME, "--namespace", ACCOUNT_NAMESPACE, "--duration", "4h")
    config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    path.chmod(0o600)
    return path


@dataclass
class Operator:
    """An operator that can be started, ended and killed; what waits for the server stays in its folder."""

    server_address: str
    folder: Path
    kubeconfig: Path
    _process: subprocess.Popen[str] | None = field(default=None, init=False)

    def start(self) -> None:
        """Starts it, and waits until it watches."""
        self._process = subprocess.Popen(
            [
                *(program("headwater-operator"), "run", "--cluster", CLUSTER, "--http-address", "127.0.0.1:0"),
                *("--address", self.server_address, "--spool-dir", str(self.folder / "spool")),
            ],
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig)},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert any(READY in line for line in self._process.stdout), f"exit status {self._process.wait()}"

    def kill(self) -> None:
        """Ends it as a crash does."""
        self._end(lambda process: process.kill())

    def stop(self) -> int:
        """Ends it as Kubernetes does; gives its exit status."""
        return self._end(lambda process: process.terminate())

    def _end(self, how: object) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        assert callable(how)
        how(process)
        status = process.wait(PATIENCE_SECONDS)
        assert process.stdout is not None
        process.stdout.close()
        return status


@contextmanager
def running_operator(server_address: str, folder: Path) -> Iterator[Operator]:
    """Runs an operator, and ends it."""
    operator = Operator(server_address, folder, write_kubeconfig(folder))
    operator.start()
    try:
        yield operator
    finally:
        operator.stop()
