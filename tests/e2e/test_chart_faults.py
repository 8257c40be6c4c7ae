"""What dies under load comes back alone, costs no pod anything, and loses no event that was acknowledged."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from kubernetes.dynamic import DynamicClient

from .kubernetes_access import Namespace, Object, has_condition
from .ongoing_load import OngoingLoad
from .release import COMPONENTS, Release, installed_in
from .target import OwnNode, Target
from .waiting import until

EMITTER = "headwater-emitter"
LONG = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def release(target: Target, client: DynamicClient, load_image: Callable[[str], str]) -> Iterator[Release]:
    """The chart, installed where the processes of its pods can be reached."""
    if not isinstance(target, OwnNode):
        pytest.skip("the processes of pods are killed on a node of our own only: run make e2e as root")
    with installed_in("e2e-faults", client, load_image) as found:
        yield found


@LONG
@pytest.mark.parametrize("how", ["killed", "deleted"])
@pytest.mark.parametrize("component", sorted(COMPONENTS))
def test_pods_of_the_release_may_die(component: str, how: str, release: Release, load: OngoingLoad) -> None:
    until(release.is_ready)
    # What the clients send goes over one connection, to one of the servers: each of them dies.
    for pod in release.pods(component):
        end_pod(release.namespace, pod, how)
        load.a_job_completes()
        until_replaced(release, pod)
        load.counted(f"{component} {how}")


@LONG
def test_an_emitter_may_die(load: OngoingLoad) -> None:
    kill(emitter_of(load.job.pod())["containerID"])
    until(lambda: emitter_of(load.job.pod())["restartCount"] == 1)
    load.counted("emitter killed")


@LONG
def test_the_job_that_sent_all_the_while_ends_well(load: OngoingLoad) -> None:
    done = load.job.finish()
    assert has_condition("Complete")(done)
    status = load.job.pod()["status"]
    ended = status["initContainerStatuses"] + status["containerStatuses"]
    assert {each["name"]: each["state"]["terminated"]["exitCode"] for each in ended} == {EMITTER: 0, "main": 0}
    load.reported(done)


def end_pod(namespace: Namespace, pod: Object, how: str) -> None:
    """Ends a pod: its processes as a crash does, or itself, without time to leave in order."""
    if how == "deleted":
        namespace.kubectl("delete", "pod", pod["metadata"]["name"], "--grace-period=1", "--wait=false")
    else:
        for each in pod["status"]["containerStatuses"]:
            kill(each["containerID"])


def until_replaced(release: Release, pod: Object) -> None:
    """Waits until none of a pod's containers is there any more, and everything is ready."""
    gone = containers_of(pod)

    def replaced() -> bool:
        pods = release.pods(pod["metadata"]["labels"]["app.kubernetes.io/component"])
        return not any(gone & containers_of(each) for each in pods) and release.is_ready()

    until(replaced)


def containers_of(pod: Object) -> set[str]:
    """The ids of a pod's containers."""
    return {each.get("containerID", "") for each in pod["status"].get("containerStatuses", [])}


def emitter_of(pod: Object) -> Object:
    """What the kubelet says of a pod's emitter."""
    (found,) = [each for each in pod["status"]["initContainerStatuses"] if each["name"] == EMITTER]
    assert isinstance(found, dict)
    return found


def kill(container: str) -> None:
    """Kills all processes of a container, by its id as Kubernetes tells it."""
    name = container.rpartition("/")[2]
    found = [int(folder.name) for folder in Path("/proc").glob("[0-9]*") if is_in(folder, name)]
    assert found, f"no process is in {container}"
    for each in found:
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)


def is_in(process: Path, container: str) -> bool:
    """Whether a process is in a container."""
    try:
        return container in (process / "cgroup").read_text()
    except OSError:
        return False
