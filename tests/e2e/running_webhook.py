"""The webhook as a process of its own, with the permissions that it asks for, and the API server told to ask it."""

from __future__ import annotations

import base64
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme
import yaml

from .kubernetes_access import PATIENCE_SECONDS, Object, kubectl
from .running_operator import ACCOUNT_NAMESPACE, CLUSTER, make_account, program

ACCOUNT = "e2e-webhook"
CONFIGURATION = "headwater-e2e"
READY = "headwater-operator webhook ready https="
OPT_IN = "headwater.dev/injection=enabled"


@dataclass(frozen=True)
class RunningWebhook:
    """Its process, and the port on which the API server asks it."""

    process: subprocess.Popen[str]
    port: int

    def kill(self) -> None:
        """Ends it as a crash does."""
        self.process.kill()
        self.process.wait()


def webhook_configuration(url: str, ca: bytes, release_namespace: str = ACCOUNT_NAMESPACE) -> Object:
    """What makes the API server ask: pods that are created in namespaces that opted in, and no failure counts."""
    outside = ["kube-system", "kube-public", "kube-node-lease", release_namespace]
    is_no_mirror = (
        "!has(object.metadata.annotations) || !('kubernetes.io/config.mirror' in object.metadata.annotations)"
    )
    has_no_emitter = (
        "!has(object.spec.initContainers) || !object.spec.initContainers.exists(c, c.name == 'headwater-emitter')"
    )
    webhook = {
        "name": "pods.inject.headwater.dev",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Ignore",
        "timeoutSeconds": 3,
        "matchPolicy": "Equivalent",
        "reinvocationPolicy": "IfNeeded",
        "namespaceSelector": {
            "matchLabels": dict([OPT_IN.split("=")]),
            "matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": outside}],
        },
        "objectSelector": {
            "matchExpressions": [{"key": "headwater.dev/inject", "operator": "NotIn", "values": ["false"]}]
        },
        "rules": [
            {
                "apiGroups": [""],
                "apiVersions": ["v1"],
                "operations": ["CREATE"],
                "resources": ["pods"],
                "scope": "Namespaced",
            }
        ],
        "matchConditions": [
            {"name": "not-mirror", "expression": is_no_mirror},
            {"name": "not-injected", "expression": has_no_emitter},
        ],
        "clientConfig": {"url": url, "caBundle": base64.b64encode(ca).decode()},
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": CONFIGURATION},
        "webhooks": [webhook],
    }


@contextmanager
def running_webhook(host: str, emitter_image: str, server_address: str, folder: Path) -> Iterator[RunningWebhook]:
    """Runs the webhook on an address that the API server reaches, and has it asked; takes both back."""
    ca = trustme.CA()
    certificate = ca.issue_cert(host)
    (folder / "tls.crt").write_bytes(b"".join(each.bytes() for each in certificate.cert_chain_pems))
    (folder / "tls.key").write_bytes(certificate.private_key_pem.bytes())
    process = subprocess.Popen(
        [
            *(program("headwater-operator"), "webhook", "--cluster", CLUSTER, "--address", server_address),
            *("--emitter-image", emitter_image, "--own-namespace", ACCOUNT_NAMESPACE),
            *("--https-address", f"{host}:0", "--http-address", "127.0.0.1:0"),
            *("--tls-certificate-file", str(folder / "tls.crt"), "--tls-key-file", str(folder / "tls.key")),
        ],
        env={**os.environ, "KUBECONFIG": str(_kubeconfig(folder))},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        try:
            line = next((line for line in process.stdout if line.startswith(READY)), "")
            assert line, f"the webhook did not start: exit status {process.wait()}"
            port = int(line.removeprefix(READY).split()[0].rpartition(":")[2])
            _wait_until_ready(line.rpartition("http=")[2].strip())
            configuration = webhook_configuration(f"https://{host}:{port}/inject", ca.cert_pem.bytes())
            kubectl("apply", "--filename", "-", given=yaml.safe_dump(configuration))
            yield RunningWebhook(process, port)
        finally:
            kubectl("delete", "mutatingwebhookconfiguration", CONFIGURATION, "--ignore-not-found")
            process.terminate()
            process.wait()


def _wait_until_ready(address: str) -> None:
    deadline, missing = time.monotonic() + PATIENCE_SECONDS, ""
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://{address}/readyz"):
                return
        except urllib.error.HTTPError as error:
            missing = error.read().decode()
            time.sleep(0.2)
    raise AssertionError(f"the webhook is not ready after {PATIENCE_SECONDS} s: {missing}")


def _kubeconfig(folder: Path) -> Path:
    """A kubeconfig of the webhook's account, which may do what `headwater-operator rbac` prints."""
    make_account(ACCOUNT, "webhook")
    config = yaml.safe_load(kubectl("config", "view", "--raw", "--minify", "--flatten"))
    token = kubectl("create", "token", ACCOUNT, "--namespace", ACCOUNT_NAMESPACE, "--duration", "4h")
    config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
    path = folder / "webhook.kubeconfig"
    path.write_text(yaml.safe_dump(config))
    path.chmod(0o600)
    return path
