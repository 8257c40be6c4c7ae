"""What the chart amounts to, for each set-up that it supports. `make golden` writes the golden files anew."""

from __future__ import annotations

import base64
import os
import shutil
import tomllib
from pathlib import Path

import jwt
import kubernetes_validate
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from headwater_server.access.access_file import parse_rules

from ..e2e.running_webhook import webhook_configuration
from .charts import (
    CHART,
    CUSTOM,
    KUBERNETES,
    NAMESPACE,
    SETUPS,
    helm,
    is_of_a_test,
    only,
    pod_specs,
    rendered,
    template,
    without_what_differs,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "helm"
PARTS_OF_OTHERS = (
    *(kind.rpartition("/")[2] for kind in CUSTOM),
    "Issuer",
    "CustomResourceDefinition",
    "LineagePipeline",
)
setups = pytest.mark.parametrize("values", SETUPS, ids=lambda path: path.name.removesuffix("-values.yaml"))


@setups
def test_the_objects_are_those_that_were_looked_at(program: str, values: Path) -> None:
    file = GOLDEN / values.name.replace("-values.yaml", ".yaml")
    text = yaml.safe_dump_all(without_what_differs(rendered(program, values=values)), sort_keys=False, width=160)
    if os.environ.get("HEADWATER_GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert file.read_text() == text, "after a change that is meant, run `make golden` and look at the files"


@setups
def test_helm_finds_nothing_to_complain_of(program: str, values: Path) -> None:
    outcome = helm(program, "lint", "--strict", CHART, "--kube-version", KUBERNETES, "--values", values)
    assert outcome.returncode == 0, outcome.stdout


@setups
def test_kubernetes_knows_every_field(program: str, values: Path) -> None:
    for each in rendered(program, values=values):
        if each["kind"] not in PARTS_OF_OTHERS:
            kubernetes_validate.validate(each, KUBERNETES, strict=True)


@setups
def test_every_pod_keeps_to_the_restricted_standard(program: str, values: Path) -> None:
    for name, pod in pod_specs(rendered(program, values=values)).items():
        assert pod["securityContext"]["runAsNonRoot"], name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["capabilities"] == {"drop": ["ALL"]}, name
            assert not context["allowPrivilegeEscalation"], name
            assert context["readOnlyRootFilesystem"], name
            assert {"requests", "limits"} <= container["resources"].keys(), name


@setups
def test_every_volume_is_mounted_and_every_mount_has_its_volume(program: str, values: Path) -> None:
    for name, pod in pod_specs(rendered(program, values=values)).items():
        mounted = {mount["name"] for container in pod["containers"] for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["volumes"]}, name


@setups
def test_the_server_understands_its_access_file(program: str, values: Path, tmp_path: Path) -> None:
    content = only(rendered(program, values=values), "ConfigMap", "headwater-server")["data"]["access.toml"]
    token = tmp_path / "token"
    token.write_text(jwt.encode({"iss": "https://issuer.example.com"}, "k" * 32, "HS256"))
    content = content.replace("/var/run/secrets/headwater/issuer/token", str(token))
    assert parse_rules(Path("access.toml"), content.encode()).tokens
    assert tomllib.loads(content)["issuers"][0]["name"] == "cluster"


def test_the_certificates_are_of_one_ca_and_for_the_names_that_callers_use(program: str) -> None:
    objects = rendered(program)
    ca = only(objects, "Secret", "headwater-ca")["data"]["tls.crt"]
    signer = x509.load_pem_x509_certificate(base64.b64decode(ca))
    for component, name in (("server", "localhost"), ("webhook", f"headwater-webhook.{NAMESPACE}.svc")):
        data = only(objects, "Secret", f"headwater-{component}-tls")["data"]
        own = x509.load_pem_x509_certificate(base64.b64decode(data["tls.crt"]))
        own.verify_directly_issued_by(signer)
        names = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert {name, f"headwater-{component}.{NAMESPACE}.svc"} <= set(names.get_values_for_type(x509.DNSName))
        key = load_pem_private_key(base64.b64decode(data["tls.key"]), None)
        assert key.public_key() == own.public_key()
        assert data["ca.crt"] == ca
    (webhook,) = only(objects, "MutatingWebhookConfiguration", "headwater-webhook")["webhooks"]
    assert webhook["clientConfig"]["caBundle"] == ca


def test_only_server_and_migration_reach_the_database_of_the_release(program: str) -> None:
    objects = rendered(program, values=CHART / "ci" / "evaluation-values.yaml")
    policy = only(objects, "NetworkPolicy", "headwater-database")["spec"]
    (rule,) = policy["ingress"]
    callers = [each["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for each in rule["from"]]
    assert (callers, rule["ports"]) == (["server", "migration"], [{"protocol": "TCP", "port": 5432}])
    assert (policy["policyTypes"], policy.get("egress")) == (["Ingress", "Egress"], None)
    pod = only(objects, "StatefulSet", "headwater-database")["spec"]["template"]["metadata"]["labels"]
    assert policy["podSelector"]["matchLabels"].items() <= pod.items()


def test_the_password_of_the_database_is_made_once_and_is_what_its_callers_use(program: str) -> None:
    objects = rendered(program, values=CHART / "ci" / "evaluation-values.yaml")
    data = only(objects, "Secret", "headwater-database")["data"]
    password, dsn = (base64.b64decode(data[key]).decode() for key in ("password", "dsn"))
    assert dsn == f"postgresql://headwater_service:{password}@headwater-database.{NAMESPACE}.svc:5432/headwater"
    assert len(password) == 32


def test_the_webhook_is_asked_as_it_is_in_the_tests_on_a_cluster(program: str) -> None:
    (asked,) = only(rendered(program), "MutatingWebhookConfiguration", "headwater-webhook")["webhooks"]
    (tried,) = webhook_configuration("https://", b"", NAMESPACE)["webhooks"]
    asked.pop("clientConfig")
    tried.pop("clientConfig")
    assert asked == tried


@setups
def test_certificates_are_mounted_as_kubelets_renew_them(program: str, values: Path) -> None:
    for name, pod in pod_specs(rendered(program, values=values)).items():
        for container in pod["containers"]:
            assert not any("subPath" in mount for mount in container["volumeMounts"]), name


def test_all_objects_are_in_the_namespace_that_is_said(program: str) -> None:
    objects = rendered(program, values=CHART / "ci" / "cloudnative-pg-values.yaml")
    named = [each["metadata"] for each in objects if "namespace" in each["metadata"] and not is_of_a_test(each)]
    namespaces = {each["namespace"] for each in named}
    assert namespaces == {"lineage-system"}
    assert f".{NAMESPACE}.svc" not in str(objects)


def test_another_image_is_another_migration(program: str) -> None:
    def migration(*options: str) -> str:
        (found,) = (each for each in rendered(program, *options) if each["kind"] == "Job")
        return str(found["metadata"]["name"])

    assert migration() == migration()
    assert migration() != migration("--set", "server.image.tag=0.1.1")


def test_the_notes_tell_a_way_in(program: str, tmp_path: Path) -> None:
    chart = tmp_path / "headwater"
    shutil.copytree(CHART, chart)
    (chart / "templates" / "NOTES.txt").rename(chart / "notes")
    (chart / "templates" / "notes.yaml").write_text('{notes: {{ tpl (.Files.Get "notes") . | toJson }}}')
    outcome = template(program, "--show-only", "templates/notes.yaml", chart=chart)
    assert outcome.returncode == 0, outcome.stderr
    notes = yaml.safe_load(outcome.stdout)["notes"]
    assert f"kubectl create token headwater-reader --namespace {NAMESPACE} --audience headwater" in notes
    assert "{{index .data" in notes
    assert f"headwater-server.{NAMESPACE}.svc:4970" in notes
