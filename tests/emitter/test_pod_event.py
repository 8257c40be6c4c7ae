"""What only the pod knows of a run: told beside the client's event, once a run, and never inside of it."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.conftest import RunningServer

from headwater import Client
from headwater.v1.event_pb2 import EventResult
from headwater_emitter.pod import Pod
from headwater_emitter.pod_event import PodEvents
from headwater_emitter.reading import Mention
from headwater_emitter.settings import parse_settings

from . import pods
from .conftest import MakeEmitter
from .emitters import running
from .events import an_event, facets_of, run_at

SCHEMAS = Path(__file__).parents[2] / "client" / "headwater" / "facets"
MENTION = Mention("0199a0f0-0000-7000-8000-000000000001", "team", 'lo"ad', "2026-11-23T12:00:00.5", has_parent=False)


def the_pod(**settings: str) -> Pod:
    environ = {f"HEADWATER_{name.upper()}": value for name, value in settings.items()}
    return parse_settings([], environ).pod


def said(pod: Pod, mention: Mention = MENTION) -> dict[str, Any]:
    event = PodEvents(pod).event(mention)
    assert event is not None
    found: dict[str, Any] = json.loads(event)
    return found


def test_it_has_run_job_and_time_of_the_clients_event_and_says_no_state() -> None:
    event = said(the_pod(**pods.SETTINGS))
    assert event["eventTime"] == "2026-11-23T12:00:00.5"
    assert event["run"]["runId"] == MENTION.run_id
    assert event["job"] == {"namespace": "team", "name": 'lo"ad'}
    assert not {"eventType", "inputs", "outputs"} & event.keys()


def test_it_says_all_that_the_webhook_tells() -> None:
    facet = said(the_pod(**pods.SETTINGS))["run"]["facets"]["headwater_pod"]
    assert {name: value for name, value in facet.items() if not name.startswith("_")} == pods.FACET


def test_its_facet_is_as_its_schema_says() -> None:
    facet = said(the_pod(**pods.SETTINGS))["run"]["facets"]["headwater_pod"]
    schema = json.loads((SCHEMAS / "PodRunFacet.json").read_text())
    own = schema["$defs"]["PodRunFacet"]["allOf"][1]
    jsonschema.validate(facet, {**own, "$defs": schema["$defs"]})
    assert set(pods.FACET) == set(own["properties"])


def test_a_run_without_a_parent_gets_that_of_the_pod() -> None:
    parent = said(the_pod(**pods.SETTINGS))["run"]["facets"]["parent"]
    assert parent["run"] == {"runId": pods.PARENT["run_id"]}
    assert parent["job"] == {"namespace": "k8s://prod/ml", "name": "nightly"}
    assert parent["root"]["run"] == {"runId": pods.ROOT["run_id"]}


@pytest.mark.parametrize(
    "mention",
    [
        pytest.param(Mention("a", "t", "n", "2026-11-23T12:00:00Z", has_parent=True), id="it names one"),
        pytest.param(Mention(pods.PARENT["run_id"].upper(), "t", "n", "2026", has_parent=False), id="it is the parent"),
        pytest.param(Mention(pods.ROOT["run_id"], "t", "n", "2026", has_parent=False), id="it is the root"),
    ],
)
def test_a_run_gets_no_parent_where(mention: Mention) -> None:
    assert set(said(the_pod(**pods.SETTINGS), mention)["run"]["facets"]) == {"headwater_pod"}


def test_the_same_event_is_the_same_bytes() -> None:
    first, second = (PodEvents(the_pod(**pods.SETTINGS)).event(MENTION) for _ in range(2))
    assert first is not None
    assert first == second


def test_beside_a_legacy_host_there_is_nothing_to_say() -> None:
    events = PodEvents(Pod())
    assert events.event(MENTION) is None
    assert not events.say_something


def test_a_legacy_host_may_have_labels() -> None:
    facet = said(the_pod(labels='{"team":"fraud"}'))["run"]["facets"]["headwater_pod"]
    assert facet["labels"] == {"team": "fraud"}


async def test_the_server_has_the_clients_event_untouched_and_knows_the_pod(
    server: RunningServer, make_emitter: MakeEmitter
) -> None:
    event = an_event(str(uuid.uuid4()))
    async with running(make_emitter(server.grpc_address, **pods.SETTINGS)) as emitter:
        for _ in range(3):
            assert (await emitter.post(event)).status_code == 201
        await emitter.until(lambda found: found["delivered"] == 4)  # the client's three times, the pod's once
    run = await run_at(server.grpc_address, event["run"]["runId"])
    assert run.parent == f"runs/{pods.PARENT['run_id']}"
    facets = facets_of(run)
    assert facets["headwater_pod"]["node"] == "node-17"
    async with Client(server.grpc_address) as direct:
        answer = await direct.write_event(json.dumps(event))
    assert answer.result.outcome == EventResult.OUTCOME_DUPLICATE, "sent to the server itself, it is the same event"
