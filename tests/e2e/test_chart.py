"""What a newcomer gets by `helm install`, with nothing set but where the images are."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kubernetes.dynamic import DynamicClient

from .kubernetes_access import Namespace, Object, kubectl
from .release import CHART, FULL_NAME, NAME, Release, helm, helms, installed

SETUPS = sorted(CHART.glob("ci/*-values.yaml"))
OF_OTHERS = {"production-values.yaml": "cert-manager.io/v1"}
"""Set-ups with kinds that these clusters lack: they are rendered, not run."""
COMPONENTS = {"database": 1, "operator": 1, "server": 2, "webhook": 2}
REVIEWED = [
    ("", "pods", "list"),
    ("", "pods", "create"),
    ("", "pods", "delete"),
    ("", "pods/exec", "create"),
    ("", "secrets", "get"),
    ("", "secrets", "list"),
    ("", "configmaps", "get"),
    ("", "namespaces", "list"),
    ("", "namespaces", "create"),
    ("", "events", "create"),
    ("", "serviceaccounts/token", "create"),
    ("batch", "jobs", "list"),
    ("batch", "jobs", "patch"),
    ("apps", "deployments", "patch"),
    ("headwater.dev", "lineagepipelines", "list"),
    ("headwater.dev", "lineagepipelines", "delete"),
    ("headwater.dev", "lineagepipelines/status", "patch"),
    ("rbac.authorization.k8s.io", "clusterroles", "escalate"),
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "patch"),
]
"""What accounts are asked for in every namespace: group, resource, verb."""


@pytest.fixture(scope="module")
def own_namespace(client: DynamicClient) -> Iterator[Namespace]:
    """The namespace of the release. What it leaves there goes with the namespace."""
    kubectl("create", "namespace", "e2e-chart")
    yield Namespace("e2e-chart", client)
    kubectl("delete", "namespace", "e2e-chart", "--wait=false")


@pytest.fixture(scope="module")
def release(own_namespace: Namespace, load_image: Callable[[str], str]) -> Iterator[Release]:
    """The chart, installed."""
    if not helms():
        pytest.skip("the chart is installed by Helm, and there is none on the path")
    with installed(own_namespace, load_image) as found:
        yield found


@pytest.mark.parametrize("program", helms() or ["helm"])
@pytest.mark.parametrize("values", SETUPS, ids=lambda path: path.name.removesuffix("-values.yaml"))
def test_the_api_server_takes_every_set_up(program: str, values: Path, namespace: Namespace) -> None:
    options = ("--values", str(values), "--set", "crds.create=false", "--dry-run=server", "--namespace", namespace.name)
    try:
        helm("install", "tried", str(CHART), *options, program=program)
    except AssertionError as refused:
        if (lacking := OF_OTHERS.get(values.name, "no other kinds")) not in str(refused):
            raise
        pytest.skip(f"rendered, not run: the cluster has nothing of {lacking}")


def test_every_pod_is_ready_where_the_restricted_standard_is_enforced(release: Release) -> None:
    labels = json.loads(release.namespace.kubectl("get", "namespace", "e2e-chart", "--output", "json"))["metadata"]
    assert labels["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for component, count in COMPONENTS.items():
        pods = pods_of(release, component)
        assert len(pods) == count
        for pod in pods:
            assert all(each["ready"] for each in pod["status"]["containerStatuses"]), pod["metadata"]["name"]


def test_helm_test_passes(release: Release) -> None:
    release.helm("test", "--timeout", "180s")
    said = release.namespace.kubectl("logs", f"pod/{FULL_NAME}-test-round-trip")
    assert said.endswith("upstream of what was written is what was read")
    said = release.namespace.kubectl("logs", f"pod/{FULL_NAME}-test-injection")
    assert said.startswith("the pod was given the emitter:")
    assert "e2e-chart-e2e-headwater-test" not in kubectl("get", "lineagepipelines", "--all-namespaces")


def test_the_commands_of_the_notes_lead_to_an_answer(release: Release, tmp_path: Path) -> None:
    printed = release.type_in(commands_of(release.notes()), tmp_path)
    assert "successfully rolled out" in printed
    assert "Forwarding from" in printed
    own_address = f"k8s://kubernetes/{release.namespace.name}/answered"
    asked = [each for each in commands_of(release.notes()) if not each.startswith("headwater")]
    assert "asked" in release.type_in([*asked, f"headwater upstream {own_address}"], tmp_path)


def test_metrics_are_scraped(release: Release) -> None:
    for component, port, metric in (
        ("operator", 4973, "headwater_operator_"),
        ("webhook", 4978, "headwater_webhook_reviews_total"),
    ):
        for pod in pods_of(release, component):
            where = f"/api/v1/namespaces/{release.namespace.name}/pods/http:{pod['metadata']['name']}:{port}/proxy"
            assert metric in kubectl("get", "--raw", f"{where}/metrics")
    ca = ssl.create_default_context(cadata=secret(release, f"{FULL_NAME}-server-tls")["ca.crt"])
    with release.forwarded("server-http", 4971) as port:
        url = f"https://localhost:{port}/metrics"
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {reader_token(release)}"})
        with urllib.request.urlopen(request, context=ca) as answer:
            assert "headwater_" in answer.read().decode()
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(url, context=ca)


def test_accounts_may_do_what_they_need_and_nothing_else(release: Release, client: DynamicClient) -> None:
    reviews = client.resources.get(api_version="authorization.k8s.io/v1", kind="SubjectAccessReview")
    accounts = json.loads(release.namespace.kubectl("get", "serviceaccounts", "--output", "json"))["items"]
    table = {}
    for account in (each["metadata"]["name"] for each in accounts):
        user = f"system:serviceaccount:{release.namespace.name}:{account}"
        allowed = set()
        for group, whole, verb in REVIEWED:
            resource, _, subresource = whole.partition("/")
            asked = {"group": group, "resource": resource, "subresource": subresource, "verb": verb}
            body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview"}
            answer = reviews.create(body={**body, "spec": {"user": user, "resourceAttributes": asked}})
            if answer.status.allowed:
                allowed.add(f"{verb} {whole}")
        table[account.removeprefix(f"{FULL_NAME}-")] = allowed
    seeing = {"list jobs", "list lineagepipelines"}
    assert table == {
        "default": set(),
        "reader": set(),
        "server": set(),
        "webhook": seeing | {"list namespaces"},
        "operator": seeing | {"list pods", "create events", "patch lineagepipelines/status"},
    }


def test_every_pod_is_closed_by_a_network_policy(release: Release) -> None:
    policies = json.loads(release.namespace.kubectl("get", "networkpolicies", "--output", "json"))["items"]
    selected = {each["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for each in policies}
    assert selected == {*COMPONENTS, "migration"}
    assert all(each["spec"]["policyTypes"] == ["Ingress", "Egress"] for each in policies)


def test_the_database_comes_back_on_its_volume(release: Release, tmp_path: Path) -> None:
    (before,) = pods_of(release, "database")
    for how in (("--grace-period=0", "--force"), ()):
        release.namespace.kubectl("delete", "pod", before["metadata"]["name"], *how)
        release.namespace.kubectl("rollout", "status", f"statefulset/{FULL_NAME}-database", "--timeout=120s")
        release.namespace.kubectl("rollout", "status", f"deployment/{FULL_NAME}-server", "--timeout=120s")
    (after,) = pods_of(release, "database")
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    asked = [each for each in commands_of(release.notes()) if not each.startswith("headwater")]
    own_address = f"k8s://kubernetes/{release.namespace.name}/answered"
    assert "asked" in release.type_in([*asked, f"headwater upstream {own_address}"], tmp_path)


def test_an_upgrade_by_the_other_helm_keeps_certificates_and_the_password(release: Release) -> None:
    names = (f"{FULL_NAME}-ca", f"{FULL_NAME}-server-tls", f"{FULL_NAME}-webhook-tls", f"{FULL_NAME}-database")
    before = [secret(release, name) for name in names]
    changed = ("--set", "server.settings.HEADWATER_LOG_LEVEL=debug", "--wait", "--timeout", "240s")
    release.helm("upgrade", str(CHART), *release.values, *changed, program=helms()[-1])
    assert [secret(release, name) for name in names] == before
    (container, *_) = pods_of(release, "server")[0]["spec"]["containers"]
    assert {"name": "HEADWATER_LOG_LEVEL", "value": "debug"} in container["env"]


def test_what_is_left_after_the_release_is_what_the_notes_say(release: Release) -> None:
    notes = release.notes()
    claim = f"data-{FULL_NAME}-database-0"
    assert f"claim {claim}" in notes
    release.helm("uninstall", "--wait", "--timeout", "180s")
    assert release.namespace.kubectl("get", "persistentvolumeclaims", "--output", "name").split() == [
        f"persistentvolumeclaim/{claim}"
    ]
    kubectl("get", "customresourcedefinition", "lineagepipelines.headwater.dev")
    assert NAME not in helm("list", "--namespace", release.namespace.name, "--short")


def pods_of(release: Release, component: str) -> list[Object]:
    """The pods of a component that are not about to go."""
    selector = f"app.kubernetes.io/instance={NAME},app.kubernetes.io/component={component}"
    found = json.loads(release.namespace.kubectl("get", "pods", "--selector", selector, "--output", "json"))["items"]
    return [each for each in found if "deletionTimestamp" not in each["metadata"]]


def commands_of(notes: str) -> list[str]:
    """The commands in the notes that are whole as they stand there."""
    words = ("kubectl", "headwater", "export")
    lines = [line.strip() for line in notes.splitlines() if line.startswith("  ")]
    return [line for line in lines if line.split()[0] in words and "NAMESPACE" not in line]


def secret(release: Release, name: str) -> dict[str, str]:
    """What a Secret holds."""
    data = json.loads(release.namespace.kubectl("get", "secret", name, "--output", "json"))["data"]
    return {key: b64decode(value).decode() for key, value in data.items()}


def reader_token(release: Release) -> str:
    """A token of whoever may read everything."""
    return release.namespace.kubectl("create", "token", f"{FULL_NAME}-reader", "--audience", "headwater")
