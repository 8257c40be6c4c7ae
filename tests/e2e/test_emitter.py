"""The emitter in real pods: what any OpenLineage client in them says arrives, whatever happens around it."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kubernetes.dynamic import DynamicClient

from headwater import NotFound, SyncClient
from headwater.names import JobName
from headwater.v1.catalog_pb2 import Run, RunState

from ..server_process import kill_postgres
from .kubernetes_access import Namespace, Object, has_condition, has_ended, kubectl
from .lineage_pipelines import RESOURCE, define, job, pipeline
from .running_operator import CLUSTER, running_operator
from .running_webhook import OPT_IN, running_webhook
from .secured_server import SecuredServer
from .target import OwnNode, Target
from .waiting import until

TRAINING = """
import os, sys, time
from datetime import datetime, timezone
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.uuid import generate_new_uuid

client = OpenLineageClient()
times, pause = int(sys.argv[1]), float(sys.argv[2])
for _ in range(times):
    run, job = Run(str(generate_new_uuid())), Job(os.environ["OPENLINEAGE_NAMESPACE"], "fit")
    for state in (RunState.START, RunState.COMPLETE):
        now = datetime.now(timezone.utc).isoformat()
        read, wrote = [InputDataset("s3://raw", "clicks")], [OutputDataset("s3://models", "churn")]
        about = {"run": run, "job": job, "inputs": read, "outputs": wrote, "producer": "https://example.com/fit"}
        client.emit(RunEvent(eventTime=now, eventType=state, **about))
    print("emitted", run.runId, flush=True)
    time.sleep(pause)
"""
"""A script that knows OpenLineage and nothing of Headwater: it makes runs of a job, one after the other."""

GRACE_SECONDS = 10
AWAY_SECONDS = 30


@pytest.fixture(scope="module")
def secured(host: str, tmp_path_factory: pytest.TempPathFactory) -> SecuredServer:
    """A server that asks who calls; it does not run yet."""
    return SecuredServer(host, tmp_path_factory.mktemp("secured"))


@pytest.fixture(scope="module")
def injecting(
    client: DynamicClient,
    host: str,
    emitter_image: str,
    secured: SecuredServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[None]:
    """The webhook runs, and sends emitters to that server."""
    define(client)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEADWATER_CA_FILE", str(secured.ca_file))
        with running_webhook(host, emitter_image, secured.address, tmp_path_factory.mktemp("webhook")):
            yield


@pytest.fixture
def traced(namespace: Namespace, injecting: None) -> Namespace:
    """A namespace in which every job gets the emitter."""
    kubectl("label", "namespace", namespace.name, OPT_IN)
    namespace.apply(pipeline("all", injection={"enabled": True}))
    return namespace


def training(name: str, image: str, *, runs: int = 1, pause: float = 0) -> Object:
    """A Job that runs the script."""
    found = job(name, image)
    pod = found["spec"]["template"]["spec"]
    pod["terminationGracePeriodSeconds"] = GRACE_SECONDS
    pod["containers"][0]["command"] = ["python3", "-c", TRAINING, str(runs), str(pause)]
    return found


def completed(namespace: Namespace, name: str) -> Object:
    """A Job, once it has ended well."""
    done = namespace.wait_for("batch/v1/Job", name, has_ended)
    assert has_condition("Complete")(done), namespace.kubectl("logs", f"job/{name}", "--container", "main")
    return done


def fits(client: SyncClient, namespace: Namespace) -> list[Run]:
    """The runs of the script's job that the server knows."""
    try:
        listed = list(client.runs(str(JobName(f"k8s://{CLUSTER}/{namespace.name}", "fit"))))
    except NotFound:
        return []
    return [client.get_run(each.name, view="FULL") for each in listed]


def emitted(namespace: Namespace, name: str) -> list[str]:
    """The runs that the script of a Job made, by what it printed."""
    lines = namespace.kubectl("logs", f"job/{name}", "--container", "main").splitlines()
    return [line.removeprefix("emitted ") for line in lines if line.startswith("emitted ")]


def pod_of(namespace: Namespace, name: str) -> Object:
    """The pod of a Job."""
    (found,) = json.loads(namespace.kubectl("get", "pods", "-l", f"job-name={name}", "-o", "json"))["items"]
    assert isinstance(found, dict)
    return found


def emitter_of(pod: Object) -> Object:
    """What the kubelet says of the emitter."""
    (found,) = [each for each in pod["status"]["initContainerStatuses"] if each["name"] == "headwater-emitter"]
    assert isinstance(found, dict)
    return found


def signal_emitter(pod: Object, sign: signal.Signals) -> None:
    """Sends a signal to the emitter's process, as seen from its node."""
    found = []
    for folder in Path("/proc").iterdir():
        try:
            environment = (folder / "environ").read_bytes()
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if b"headwater-emitter" in command and f"HEADWATER_POD_UID={pod['metadata']['uid']}".encode() in environment:
            found.append(int(folder.name))
    assert found, "the emitter does not run"
    for each in found:
        os.kill(each, sign)


def test_a_job_with_a_client_and_no_configuration_is_traced(
    traced: Namespace,
    secured: SecuredServer,
    permissions: None,
    headwater_image: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token = tmp_path / "token"
    token.write_text(secured.token_file.read_text())
    monkeypatch.setenv("HEADWATER_CA_FILE", str(secured.ca_file))
    monkeypatch.setenv("HEADWATER_TOKEN_FILE", str(token))
    with secured.running() as client, running_operator(secured.address, tmp_path):
        traced.wait_for(RESOURCE, "all", has_condition("Ready"))
        traced.apply(training("train", headwater_image))
        done = completed(traced, "train")
        (run,) = fits(client, traced)
        until(lambda: client.get_run(run.parent).state == RunState.RUN_STATE_SUCCEEDED)
    assert run.state == RunState.RUN_STATE_SUCCEEDED
    assert run.parent == f"runs/{done['metadata']['uid']}"
    assert list(run.senders) == [f"{CLUSTER}:system:serviceaccount:{traced.name}:default"]
    (pod,) = [json.loads(each.json) for each in run.facets if each.name == "headwater_pod"]
    assert (pod["namespace"], pod["serviceAccount"], pod["pipeline"]) == (traced.name, "default", "all")
    assert [each["image"] for each in pod["images"]] == [headwater_image]
    assert emitter_of(pod_of(traced, "train"))["state"]["terminated"]["exitCode"] == 0


@pytest.mark.timeout(480)
def test_a_server_that_is_away_and_comes_back_with_another_certificate_misses_nothing(
    traced: Namespace, secured: SecuredServer, headwater_image: str
) -> None:
    with secured.running() as client:
        traced.apply(training("train", headwater_image, runs=60, pause=1))
        until(lambda: len(fits(client, traced)) > 2)
    time.sleep(AWAY_SECONDS)  # the time that it is away is what is tried
    with secured.running() as client:
        until(lambda: len(fits(client, traced)) > 10)
        kill_postgres(secured.data)
        completed(traced, "train")
        made = emitted(traced, "train")
        until(lambda: len(fits(client, traced)) == len(made))
        told = fits(client, traced)
    assert len(made) == 60
    assert sorted(each.name for each in told) == sorted(f"runs/{each}" for each in made)
    assert {each.state for each in told} == {RunState.RUN_STATE_SUCCEEDED}


def test_what_a_pod_could_not_deliver_waits_on_its_volume_for_the_next_one(
    traced: Namespace, secured: SecuredServer, headwater_image: str
) -> None:
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    metadata = {"name": "spool"}
    traced.apply(
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": claim},
        pipeline("all", injection={"enabled": True, "volumeClaim": "spool"}),
    )
    first, second = (training(name, headwater_image) for name in ("first", "second"))
    for each in (first, second):
        each["spec"]["template"]["spec"]["securityContext"] = {"fsGroup": 65532}
    traced.apply(first)
    completed(traced, "first")
    left = emitter_of(pod_of(traced, "first"))["state"]["terminated"]
    assert left["exitCode"] == 0
    assert "wait" in left["message"]
    with secured.running() as client:
        traced.apply(second)
        completed(traced, "second")
        made = {f"runs/{run}" for name in ("first", "second") for run in emitted(traced, name)}
        until(lambda: {each.name for each in fits(client, traced)} == made)


def test_without_a_server_a_job_ends_as_it_would_and_what_is_lost_is_counted(
    traced: Namespace, secured: SecuredServer, headwater_image: str
) -> None:
    traced.apply(training("train", headwater_image))
    completed(traced, "train")
    left = emitter_of(pod_of(traced, "train"))["state"]["terminated"]
    assert left["exitCode"] == 0
    assert "3 events" in left["message"]
    assert "lost" in left["message"]


def test_an_emitter_that_is_killed_goes_on_with_what_it_had(
    traced: Namespace, secured: SecuredServer, headwater_image: str, target: Target
) -> None:
    only_on_a_node_of_ours(target)
    traced.apply(training("train", headwater_image, runs=12, pause=1))
    until(lambda: len(started(traced, "train")) > 2)
    signal_emitter(pod_of(traced, "train"), signal.SIGKILL)
    with secured.running() as client:
        traced.wait_for("batch/v1/Job", "train", has_ended)
        made = {f"runs/{run}" for run in emitted(traced, "train")}
        until(lambda: made <= {each.name for each in fits(client, traced)})
    assert emitter_of(pod_of(traced, "train"))["restartCount"] == 1


def test_a_frozen_emitter_costs_a_pod_its_grace_period_at_the_most(
    traced: Namespace, secured: SecuredServer, headwater_image: str, target: Target
) -> None:
    only_on_a_node_of_ours(target)
    frozen = training("train", headwater_image)
    frozen["spec"]["template"]["spec"]["containers"][0]["command"] = ["sh", "-c", "echo emitted x; sleep 5; exit 0"]
    traced.apply(frozen)
    until(lambda: bool(started(traced, "train")))
    signal_emitter(pod_of(traced, "train"), signal.SIGSTOP)
    done = completed(traced, "train")
    assert done["status"]["succeeded"] == 1
    (main,) = pod_of(traced, "train")["status"]["containerStatuses"]
    assert main["state"]["terminated"]["exitCode"] == 0


def only_on_a_node_of_ours(target: Target) -> None:
    """Skips where the processes of pods are out of reach."""
    if not isinstance(target, OwnNode):
        pytest.skip("signals reach the processes of pods on a node of our own only: run make e2e as root")


def started(namespace: Namespace, name: str) -> list[str]:
    """The runs that the script made so far; none while its pod does not run."""
    try:
        return emitted(namespace, name)
    except AssertionError:
        return []
