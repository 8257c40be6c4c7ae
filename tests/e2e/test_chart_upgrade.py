"""An upgrade under load, a restart in its middle, and the way back: nobody is turned away, and nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kubernetes.dynamic import DynamicClient
from prometheus_client.parser import text_string_to_metric_families

from headwater_server.storage.migrate import head

from .headwater_images import TAG as BEFORE
from .kubernetes_access import PATIENCE_SECONDS, Object, kubectl
from .later_build import REVISION, TAG, load_later_build
from .ongoing_load import OngoingLoad
from .release import CHART, FULL_NAME, PATIENCE, Release, helm, installed_in, need_helm
from .target import Target
from .waiting import until

PREVIOUS = "0.0.1"
KEPT = ("ca", "server-tls", "webhook-tls", "database")
"""Secrets that no upgrade may change."""
MIGRATIONS = "app.kubernetes.io/component=migration"
CURRENT = head()
LONG = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def previous_chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The chart as an earlier version."""
    need_helm()
    folder = tmp_path_factory.mktemp("chart")
    helm("package", str(CHART), "--version", PREVIOUS, "--app-version", PREVIOUS, "--destination", str(folder))
    return folder / f"headwater-{PREVIOUS}.tgz"


@pytest.fixture(scope="module")
def release(
    previous_chart: Path, client: DynamicClient, load_image: Callable[[str], str], target: Target
) -> Iterator[Release]:
    """The earlier version of the chart, installed, where the images of a later build are at hand."""
    with installed_in("e2e-upgrade", client, load_image, previous_chart) as found:
        if not load_later_build(target):
            pytest.skip("images cannot be loaded into this cluster, and the later build is in no registry")
        yield found


@pytest.fixture(scope="module")
def secrets(release: Release) -> dict[str, Object]:
    """The certificates and the database's password as they were made first."""
    return secrets_of(release)


@LONG
def test_in_the_middle_of_an_upgrade_both_builds_serve_and_may_restart(
    release: Release, load: OngoingLoad, secrets: dict[str, Object]
) -> None:
    load.counted("before the upgrade")
    until(lambda: schemas(release) == [(BEFORE, CURRENT, CURRENT)] * 2)
    upgrade(release)
    until(lambda: len(of_the_later_build(release)) == 1)
    release.namespace.kubectl("rollout", "pause", f"deployment/{FULL_NAME}-server")
    until(lambda: all(map(is_ready, of_the_later_build(release))))
    (old, *_) = [each for each in release.pods("server") if tag_of(each) != TAG]
    release.namespace.kubectl("delete", "pod", old["metadata"]["name"], "--grace-period=1")
    until(lambda: len(servers := release.pods("server")) == 3 and all(map(is_ready, servers)))
    until(lambda: schemas(release) == [(BEFORE, CURRENT, REVISION)] * 2 + [(TAG, REVISION, REVISION)])
    load.a_job_completes()
    load.counted("both builds on one schema, after a restart")
    release.namespace.kubectl("rollout", "resume", f"deployment/{FULL_NAME}-server")
    until(lambda: release.is_ready() and len(of_the_later_build(release)) == 2, 2 * PATIENCE_SECONDS)
    load.a_job_completes()
    load.counted("upgraded")
    assert secrets_of(release) == secrets


@LONG
def test_the_way_back_is_as_quiet(release: Release, load: OngoingLoad, secrets: dict[str, Object]) -> None:
    release.helm("rollback", "1", "--wait", "--timeout", PATIENCE)
    until(release.is_ready)
    until(lambda: schemas(release) == [(BEFORE, CURRENT, REVISION)] * 2)
    release.namespace.kubectl("wait", "--for=condition=Complete", "job", "--selector", MIGRATIONS, "--timeout=120s")
    load.a_job_completes()
    load.counted("rolled back")
    assert secrets_of(release) == secrets
    assert load.job.finish()["status"]["succeeded"] == 1


def upgrade(release: Release) -> None:
    """Begins the upgrade to this version of the chart, to other images and to other values."""
    tags = ",".join(f"{name}.image.tag={TAG}" for name in ("server", "operator", "emitter"))
    changed = ("--set", tags, "--set", "server.settings.HEADWATER_LOG_LEVEL=debug", "--set", "server.drainSeconds=15")
    release.helm("upgrade", str(CHART), *release.values, *changed)


def of_the_later_build(release: Release) -> list[Object]:
    """The servers that are of the later build."""
    return [each for each in release.pods("server") if tag_of(each) == TAG]


def tag_of(pod: Object) -> str:
    """The tag of a pod's image."""
    return str(pod["spec"]["containers"][0]["image"]).rpartition(":")[2]


def is_ready(pod: Object) -> bool:
    """Whether a pod's containers are."""
    return bool(found := pod["status"].get("containerStatuses")) and all(each["ready"] for each in found)


def schemas(release: Release) -> list[tuple[str, str, str]]:
    """Of each server the tag of its image, the schema that it was built for, and the one that it finds."""
    found = []
    for pod in release.pods("server"):
        where = f"/api/v1/namespaces/{release.namespace.name}/pods/http:{pod['metadata']['name']}:4979/proxy/metrics"
        metrics = {each.name: each for each in text_string_to_metric_families(kubectl("get", "--raw", where))}
        labels = metrics["headwater_schema_info"].samples[0].labels
        found.append((tag_of(pod), labels["build"], labels["database"]))
    return sorted(found)


def secrets_of(release: Release) -> dict[str, Object]:
    """What the release's Secrets hold."""
    names = [f"{FULL_NAME}-{each}" for each in KEPT]
    found = json.loads(release.namespace.kubectl("get", "secret", *names, "--output", "json"))["items"]
    return {each["metadata"]["name"]: each["data"] for each in found}
