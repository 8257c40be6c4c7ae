"""Certificates that the chart made are kept by every upgrade, as long as they are for the names that callers use."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path

import pytest
import yaml
from cryptography import x509

from .api_server import api_server
from .charts import CHART, KUBERNETES, NAMESPACE, RELEASE, SMALLEST, Object, only, rendered

SECRETS = ("headwater-ca", "headwater-server-tls", "headwater-webhook-tls")


def upgraded(program: str, installed: list[Object], folder: Path, *options: str) -> list[Object]:
    """What an upgrade makes of a cluster in which these objects are."""
    with api_server(installed) as address:
        config = folder / "kubeconfig"
        cluster = {"name": "test", "cluster": {"server": address}}
        context = {"name": "test", "context": {"cluster": "test", "user": ""}}
        config.write_text(yaml.safe_dump({"clusters": [cluster], "contexts": [context], "current-context": "test"}))
        command = [
            *(program, "template", RELEASE, str(CHART), "--namespace", NAMESPACE, "--values", str(SMALLEST)),
            *("--kube-version", KUBERNETES, "--dry-run=server", "--is-upgrade"),
            *("--disable-openapi-validation", *_asking_the_server(program), *options),
        ]
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "KUBECONFIG": str(config)}
        outcome = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert outcome.returncode == 0, outcome.stderr
    return [each for each in yaml.safe_load_all(outcome.stdout) if each]


def _asking_the_server(program: str) -> tuple[str, ...]:
    """Helm 3 wants to be told twice."""
    version = subprocess.run([program, "version", "--short"], capture_output=True, text=True, check=True).stdout
    return ("--validate",) if version.startswith("v3.") else ()


def data(objects: list[Object], name: str) -> dict[str, str]:
    """What a Secret holds."""
    held: dict[str, str] = only(objects, "Secret", name)["data"]
    return held


def test_an_upgrade_keeps_them(program: str, tmp_path: Path) -> None:
    installed = rendered(program)
    after = upgraded(program, installed, tmp_path)
    for name in SECRETS:
        assert data(after, name) == data(installed, name)
    (webhook,) = only(after, "MutatingWebhookConfiguration", "headwater-webhook")["webhooks"]
    assert webhook["clientConfig"]["caBundle"] == data(installed, "headwater-ca")["tls.crt"]


def test_another_name_is_another_certificate_of_the_same_ca(program: str, tmp_path: Path) -> None:
    installed = rendered(program)
    after = upgraded(program, installed, tmp_path, "--set", "tls.serverNames={lineage.example.com}")
    assert data(after, "headwater-ca") == data(installed, "headwater-ca")
    assert data(after, "headwater-webhook-tls") == data(installed, "headwater-webhook-tls")
    made, ca = (_certificate(data(after, name)["tls.crt"]) for name in ("headwater-server-tls", "headwater-ca"))
    made.verify_directly_issued_by(ca)
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "lineage.example.com" in names.get_values_for_type(x509.DNSName)


@pytest.mark.parametrize("lost", SECRETS)
def test_one_that_was_deleted_is_made_anew(program: str, lost: str, tmp_path: Path) -> None:
    installed = rendered(program)
    left = [each for each in installed if each["metadata"]["name"] != lost or each["kind"] != "Secret"]
    after = upgraded(program, left, tmp_path)
    assert data(after, lost) != data(installed, lost)
    ca = _certificate(data(after, "headwater-ca")["tls.crt"])
    for name in SECRETS[1:]:
        _certificate(data(after, name)["tls.crt"]).verify_directly_issued_by(ca)
        assert data(after, name)["ca.crt"] == data(after, "headwater-ca")["tls.crt"]


def _certificate(text: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(base64.b64decode(text))
