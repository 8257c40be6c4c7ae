"""What a newcomer gets by `helm install`, with nothing set but where the images are."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from kubernetes.dynamic import DynamicClient

from headwater import Settings, SyncClient
from headwater.names import JobName

from .asking import Asked, asking
from .kubernetes_access import PATIENCE_SECONDS, Namespace, has_condition, kubectl
from .lineage_pipelines import RESOURCE, pipeline
from .release import CHART, FULL_NAME, NAME, PATIENCE, Release, helm, helms, installed
from .rights import asked_for, granted
from .running_webhook import OPT_IN
from .test_emitter import emitted, started, training
from .waiting import until

SETUPS = sorted(CHART.glob("ci/*-values.yaml"))
OF_OTHERS = {"cloudnative-pg-values.yaml": "postgresql.cnpg.io/v1", "production-values.yaml": "cert-manager.io/v1"}
"""Set-ups with kinds that these clusters lack: they are rendered, not run."""
COMPONENTS = {"database": 1, "operator": 1, "server": 2, "webhook": 2}
METRICS = {
    "operator": "headwater_operator_",
    "server": "headwater_ready 1",
    "webhook": "headwater_webhook_reviews_total",
}
"""What each program tells Prometheus, for one."""


@pytest.fixture(scope="module")
def own_namespace(client: DynamicClient) -> Iterator[Namespace]:
    """The namespace of the release. What it leaves there goes with the namespace."""
    kubectl("create", "namespace", "e2e-chart")
    yield Namespace("e2e-chart", client)
    kubectl("delete", "namespace", "e2e-chart", "--wait=false")


@pytest.fixture(scope="module")
def release(own_namespace: Namespace, load_image: Callable[[str], str]) -> Iterator[Release]:
    """The chart, installed."""
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
        pods = release.pods(component)
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
    assert "headwater-test" not in release.namespace.kubectl("get", "serviceaccounts", "--output", "name")


def test_the_commands_of_the_notes_lead_to_an_answer(release: Release, tmp_path: Path) -> None:
    printed = release.type_in(commands_of(release.notes()), tmp_path)
    assert "successfully rolled out" in printed
    assert "Forwarding from" in printed
    assert "asked" in upstream_of_what_was_answered(release, tmp_path)


def test_prometheus_finds_every_pod_of_every_program_and_reads_how_it_stands(release: Release) -> None:
    for component, metric in METRICS.items():
        selector = f"kubernetes.io/service-name={FULL_NAME}-{component}-metrics"
        slices = json.loads(release.namespace.kubectl("get", "endpointslices", "-l", selector, "-o", "json"))["items"]
        (port,) = {port["port"] for each in slices for port in each["ports"]}
        found = {endpoint["targetRef"]["name"] for each in slices for endpoint in each["endpoints"]}
        assert found == {each["metadata"]["name"] for each in release.pods(component)}
        for pod in found:
            where = f"/api/v1/namespaces/{release.namespace.name}/pods/http:{pod}:{port}/proxy/metrics"
            assert metric in kubectl("get", "--raw", where)


@pytest.mark.parametrize("where", ["e2e-chart", "kube-system"])
def test_accounts_may_do_what_their_programs_ask_for_and_nothing_else(release: Release, where: str) -> None:
    accounts = json.loads(release.namespace.kubectl("get", "serviceaccounts", "--output", "json"))["items"]
    names = [each["metadata"]["name"] for each in accounts]
    table = {name: granted(f"system:serviceaccount:e2e-chart:{name}", where) for name in names}
    assert table == {
        "default": set(),
        f"{FULL_NAME}-operator": asked_for("operator"),
        f"{FULL_NAME}-reader": set(),
        f"{FULL_NAME}-server": set(),
        f"{FULL_NAME}-webhook": asked_for("webhook"),
    }
    pods = json.loads(release.namespace.kubectl("get", "pods", "--output", "json"))["items"]
    assert {each["spec"]["serviceAccountName"] for each in pods} <= {*table, f"{FULL_NAME}-test"}


def test_every_pod_is_closed_by_a_network_policy(release: Release) -> None:
    policies = json.loads(release.namespace.kubectl("get", "networkpolicies", "--output", "json"))["items"]
    selected = {each["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for each in policies}
    assert selected == {*COMPONENTS, "migration"}
    assert all(each["spec"]["policyTypes"] == ["Ingress", "Egress"] for each in policies)


def test_the_database_comes_back_on_its_volume(release: Release, tmp_path: Path) -> None:
    (before,) = release.pods("database")
    for how in (("--grace-period=0", "--force"), ()):
        release.namespace.kubectl("delete", "pod", before["metadata"]["name"], *how)
        release.namespace.kubectl("rollout", "status", f"statefulset/{FULL_NAME}-database", "--timeout=120s")
        release.namespace.kubectl("rollout", "status", f"deployment/{FULL_NAME}-server", "--timeout=120s")
    (after,) = release.pods("database")
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert "asked" in upstream_of_what_was_answered(release, tmp_path)


def test_an_upgrade_by_the_other_helm_keeps_certificates_and_the_password(release: Release) -> None:
    names = (f"{FULL_NAME}-ca", f"{FULL_NAME}-server-tls", f"{FULL_NAME}-webhook-tls", f"{FULL_NAME}-database")
    before = [secret(release, name) for name in names]
    changed = ("--set", "server.settings.HEADWATER_LOG_LEVEL=debug", "--wait", "--timeout", "240s")
    release.helm("upgrade", str(CHART), *release.values, *changed, program=helms()[-1])
    assert [secret(release, name) for name in names] == before
    (container, *_) = release.pods("server")[0]["spec"]["containers"]
    assert {"name": "HEADWATER_LOG_LEVEL", "value": "debug"} in container["env"]


@pytest.mark.timeout(540)
def test_the_ca_is_changed_in_two_steps_and_nobody_is_cut_off(
    release: Release, namespace: Namespace, headwater_image: str, tmp_path: Path
) -> None:
    opt_in(namespace)
    with asked_from_here(release, tmp_path) as (settings, asked), SyncClient(settings=settings) as client:
        namespace.apply(training("first", headwater_image, runs=1000, pause=1))
        until(lambda: len(started(namespace, "first")) > 2)
        upgrade(release, "tls.generated.ca=2")
        trusted = secret(release, f"{FULL_NAME}-server-tls")["ca.crt"]
        assert trusted.count("BEGIN CERTIFICATE") == 2
        arrives(client, namespace, "first")
        until(lambda: told_emitters(namespace, headwater_image) == trusted)
        namespace.kubectl("delete", "job", "first")
        assert settings.ca_file
        settings.ca_file.write_text(trusted)
        namespace.apply(training("second", headwater_image, runs=1000, pause=1))
        until(lambda: len(started(namespace, "second")) > 2)
        upgrade(release, "tls.generated.signer=2")
        for component in ("server", "webhook"):
            shown = x509.load_pem_x509_certificate(secret(release, f"{FULL_NAME}-{component}-tls")["tls.crt"].encode())
            until(lambda: set(expiries(release, component)) == {shown.not_valid_after_utc.timestamp()})  # noqa: B023
        arrives(client, namespace, "second")
        assert told_emitters(namespace, headwater_image) == secret(release, f"{FULL_NAME}-server-tls")["ca.crt"]
    assert asked.answers > 50
    assert not asked.failures
    server = f"deployment/{FULL_NAME}-server"
    release.namespace.kubectl("rollout", "restart", server)
    release.namespace.kubectl("rollout", "status", server, "--timeout", PATIENCE)
    with asked_from_here(release, tmp_path) as (settings, _), SyncClient(settings=settings) as client:
        arrives(client, namespace, "second")


def test_what_is_left_after_the_release_is_what_the_notes_say_and_the_next_one_goes_on_with_it(
    release: Release, tmp_path: Path
) -> None:
    notes = release.notes()
    claim = f"data-{FULL_NAME}-database-0"
    assert f"claim {claim}" in notes
    release.helm("uninstall", "--wait", "--timeout", "180s")
    assert release.namespace.kubectl("get", "persistentvolumeclaims", "--output", "name").split() == [
        f"persistentvolumeclaim/{claim}"
    ]
    kubectl("get", "customresourcedefinition", "lineagepipelines.headwater.dev")
    assert NAME not in helm("list", "--namespace", release.namespace.name, "--short")
    release.install()
    assert "asked" in upstream_of_what_was_answered(release, tmp_path)


def upstream_of_what_was_answered(release: Release, folder: Path) -> str:
    """What a person is told who takes the way in of the notes and asks about what `helm test` wrote."""
    way_in = [each for each in commands_of(release.notes()) if not each.startswith("headwater")]
    return release.type_in([*way_in, f"headwater upstream k8s://kubernetes/{release.namespace.name}/answered"], folder)


def commands_of(notes: str) -> list[str]:
    """The commands in the notes that are whole as they stand there."""
    words = ("kubectl", "headwater", "export")
    lines = [line.strip() for line in notes.splitlines() if line.startswith("  ")]
    return [line for line in lines if line.split()[0] in words and "NAMESPACE" not in line]


def upgrade(release: Release, value: str) -> None:
    """Upgrades the release with one more value."""
    release.helm("upgrade", str(CHART), "--reset-then-reuse-values", "--set", value, "--wait", "--timeout", "240s")


def opt_in(namespace: Namespace) -> None:
    """Has the pods of a namespace given the emitter."""
    kubectl("label", "namespace", namespace.name, OPT_IN)
    namespace.client.resources.invalidate_cache()
    namespace.apply(pipeline("all", injection={"enabled": True}))
    namespace.wait_for(RESOURCE, "all", has_condition("Ready"))
    until(lambda: bool(told_emitters(namespace, "none")))


@contextmanager
def asked_from_here(release: Release, folder: Path) -> Iterator[tuple[Settings, Asked]]:
    """Somebody asks all the while, who was given what the notes say."""
    token, ca = folder / "token", folder / "ca.crt"
    account = ("token", f"{FULL_NAME}-reader", "--audience", "headwater")
    token.write_text(release.namespace.kubectl("create", *account))
    ca.write_text(secret(release, f"{FULL_NAME}-server-tls")["ca.crt"])
    with release.forwarded("server", 4970) as port:
        settings = Settings(address=f"localhost:{port}", ca_file=ca, token_file=token)
        with asking(settings) as asked:
            yield settings, asked


def told_emitters(namespace: Namespace, image: str) -> str:
    """The CAs that an emitter would be told whose pod was made now; none where the pod would get no emitter."""
    made = namespace.kubectl("run", "tried", "--image", image, "--dry-run=server", "--output", "json")
    emitters = json.loads(made)["spec"].get("initContainers", [])
    told = [each["value"] for emitter in emitters for each in emitter["env"] if each["name"] == "HEADWATER_CA"]
    return str(*told)


def arrives(client: SyncClient, namespace: Namespace, name: str) -> None:
    """Waits until a Job has emitted more, and the service knows of all that it did."""
    before = len(emitted(namespace, name))
    until(lambda: len(emitted(namespace, name)) > before + 5)
    made = {f"runs/{each}" for each in emitted(namespace, name)}
    job = JobName(f"k8s://kubernetes/{namespace.name}", "fit")
    until(lambda: made <= {each.name for each in client.runs(str(job), page_size=1000)}, 2 * PATIENCE_SECONDS)


def expiries(release: Release, component: str) -> Iterator[float]:
    """When the certificates end that the pods of a component show, in seconds since 1970."""
    port = {"server": 4979, "webhook": 4978}[component]
    for pod in release.pods(component):
        where = f"/api/v1/namespaces/{release.namespace.name}/pods/http:{pod['metadata']['name']}:{port}/proxy/metrics"
        lines = kubectl("get", "--raw", where).splitlines()
        (line,) = [each for each in lines if each[:1] != "#" and "certificate_expiry_timestamp_seconds" in each]
        yield float(line.split()[-1])


def secret(release: Release, name: str) -> dict[str, str]:
    """What a Secret holds."""
    data = json.loads(release.namespace.kubectl("get", "secret", name, "--output", "json"))["data"]
    return {key: b64decode(value).decode() for key, value in data.items()}
