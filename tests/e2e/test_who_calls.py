"""Who calls: the tokens that Kubernetes gives to pods, and the server that believes them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from uuid import uuid4

import pytest

from headwater import Settings, SyncClient
from headwater.v1.catalog_pb2 import Run

from .kubernetes_access import Namespace, Object, has_condition
from .lineage_pipelines import job_spec
from .running_operator import CLUSTER
from .secured_server import AUDIENCE, SecuredServer

TOKEN = "/var/run/secrets/headwater"
SENT, REFUSED = "Complete", "Failed"


@pytest.fixture(scope="module")
def server(host: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredServer]:
    """A server that lets the cluster's ServiceAccounts write events."""
    found = SecuredServer(host, tmp_path_factory.mktemp("secured"))
    with found.running():
        yield found


def test_a_pod_sends_with_the_token_of_its_service_account(
    namespace: Namespace, server: SecuredServer, headwater_image: str
) -> None:
    event, run = an_event()
    namespace.apply(sending_job(event, server, headwater_image))
    assert finished(namespace, "send") == SENT
    account = f"system:serviceaccount:{namespace.name}:default"
    assert list(told_of(run, server).senders) == [f"{CLUSTER}:{account}"]


def test_a_token_for_somebody_else_is_not_taken(
    namespace: Namespace, server: SecuredServer, headwater_image: str
) -> None:
    event, _ = an_event()
    namespace.apply(sending_job(event, server, headwater_image, audience="somebody-else"))
    assert finished(namespace, "send") == REFUSED
    assert "the token is for another audience" in namespace.kubectl("logs", "job/send")


def test_a_service_account_writes_events_and_reads_nothing(
    namespace: Namespace, server: SecuredServer, headwater_image: str
) -> None:
    namespace.apply(sending_job("", server, headwater_image, script="headwater namespaces"))
    assert finished(namespace, "send") == REFUSED
    assert "may not read" in namespace.kubectl("logs", "job/send")


def finished(namespace: Namespace, name: str) -> str:
    """How a Job ended."""
    done = namespace.wait_for("batch/v1/Job", name, lambda job: has_condition(SENT)(job) or has_condition(REFUSED)(job))
    return SENT if has_condition(SENT)(done) else REFUSED


def an_event() -> tuple[str, str]:
    """An event of a run of its own, and the run's id."""
    run = str(uuid4())
    event = {
        "eventTime": "2026-01-31T12:00:00Z",
        "eventType": "COMPLETE",
        "run": {"runId": run},
        "job": {"namespace": "team", "name": "train"},
        "outputs": [{"namespace": "s3://models", "name": "churn"}],
    }
    return json.dumps(event), run


def sending_job(
    event: str,
    server: SecuredServer,
    image: str,
    *,
    audience: str = AUDIENCE,
    script: str = 'echo "$EVENT" | headwater send -',
) -> Object:
    """A Job that sends an event with a token that Kubernetes makes for its pod."""
    spec = job_spec(image, script)
    pod = spec["template"]["spec"]
    token = {"serviceAccountToken": {"path": "token", "audience": audience, "expirationSeconds": 600}}
    pod["volumes"] = [{"name": "token", "projected": {"sources": [token]}}]
    (container,) = pod["containers"]
    container["volumeMounts"] = [{"name": "token", "mountPath": TOKEN, "readOnly": True}]
    container["env"] = [
        {"name": name, "value": value}
        for name, value in {
            "EVENT": event,
            "HEADWATER_ADDRESS": server.address,
            "HEADWATER_TOKEN_FILE": f"{TOKEN}/token",
            "HEADWATER_CA": server.ca,
            "HOME": "/tmp",
        }.items()
    ]
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "send"}, "spec": spec}


def told_of(run: str, server: SecuredServer) -> Run:
    """What the server knows of a run."""
    settings = Settings(address=server.address, ca_file=server.ca_file, token_file=server.token_file)
    with SyncClient(settings=settings) as client:
        return client.get_run(f"runs/{run}", view="FULL")
