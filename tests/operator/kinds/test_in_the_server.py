"""What the server makes of what is seen: the graph, runs below runs, a recipe."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Iterable
from typing import Any

import grpc

from headwater import Client, SyncClient
from headwater.names import parse_name
from headwater.v1 import event_pb2, ingest_service_pb2, ingest_service_pb2_grpc
from headwater_cli.recipe import read_recipe
from headwater_operator.events import events_of
from headwater_operator.kinds.inference_service import InferenceServiceAdapter
from headwater_operator.kinds.job import JobAdapter
from headwater_operator.kinds.katib import ExperimentAdapter, TrialAdapter
from headwater_operator.observation import Observation
from headwater_operator.pipeline.coverage import Coverage
from headwater_operator.pipeline.pipeline import parse_pipeline

from .objects import CLUSTER, CREATED, an_object, observe, ref, uid, with_status
from .test_inference_service import CHURN, LOADED
from .test_job import SPEC, SUCCEEDED
from .test_training import EXPERIMENT, HISTORY, OVER, TRIAL

ALL = parse_pipeline(
    {"metadata": {"namespace": "ml", "name": "all", "uid": uid("all"), "creationTimestamp": CREATED}, "spec": {}}
)
ENDED = HISTORY % ("completionTime: 2026-03-01T13:00:00Z", "False", OVER % ("Succeeded", "Done"))


async def send(server: Any, observations: Iterable[Observation]) -> list[str]:
    """Reports observations as the operator would; what the server says of each event."""
    coverage = Coverage("prod", [ALL])
    bodies = [each.body for found in observations for each in events_of(found, coverage, CLUSTER)]
    events = [event_pb2.Event.FromString(body) for body in bodies]
    async with grpc.aio.insecure_channel(server.grpc_address) as channel:
        stub: Any = ingest_service_pb2_grpc.IngestServiceStub(channel)
        answer = await stub.BatchWriteEvents(ingest_service_pb2.BatchWriteEventsRequest(events=events))
    return [event_pb2.EventResult.Outcome.Name(each.outcome) for each in answer.results]


async def readers(client: Client, uri: str) -> list[str]:
    """Who reads a dataset now."""
    return [parse_name(each.job).job async for each in client.search_links(source=uri)]


async def test_a_service_reads_the_model_that_it_loaded_last(server: Any) -> None:
    other = copy.deepcopy(CHURN)
    other["spec"]["predictor"]["model"]["storageUri"] = "s3://models/churn/2"
    later = with_status(other, LOADED.replace("12:01:20Z", "18:00:00Z"))
    await send(server, observe(InferenceServiceAdapter(), with_status(CHURN, LOADED)))

    async with Client(server.grpc_address) as client:
        assert await readers(client, "s3://models/churn/1") == ["churn"]
        await send(server, observe(InferenceServiceAdapter(), later))
        assert await readers(client, "s3://models/churn/1") == []
        assert await readers(client, "s3://models/churn/2") == ["churn"]


async def test_a_search_its_trial_and_the_trials_job_are_one_tree(server: Any) -> None:
    experiment, trial = ref("Experiment.kubeflow.org", "tune"), ref("Trial.kubeflow.org", "tune-4hs7k2mw")
    job = with_status(an_object("tune-4hs7k2mw", SPEC, uid=uid("job")), SUCCEEDED)
    await send(server, observe(JobAdapter(), job, trial, experiment))
    await send(server, observe(TrialAdapter(), with_status(TRIAL, ENDED), experiment))
    await send(server, observe(ExperimentAdapter(), with_status(EXPERIMENT, ENDED)))

    async with Client(server.grpc_address) as client:
        run = await client.get_run(f"runs/{uid('job')}")
        assert run.parent == f"runs/{uid('tune-4hs7k2mw')}"
        assert run.root == f"runs/{uid('tune')}"
        above = await client.get_run(run.parent)
        assert (above.parent, parse_name(above.job).job) == (run.root, "tune.trial")


async def test_what_is_seen_again_later_is_known_already(server: Any) -> None:
    running = with_status(an_object("train", SPEC), "{startTime: 2026-03-01T12:00:05Z, active: 1, ready: 1}")
    ended = with_status(an_object("train", SPEC, resourceVersion="9"), SUCCEEDED)

    assert await send(server, observe(JobAdapter(), running)) == ["OUTCOME_ACCEPTED", "OUTCOME_ACCEPTED"]
    assert await send(server, observe(JobAdapter(), ended)) == ["OUTCOME_DUPLICATE", "OUTCOME_ACCEPTED"]
    assert await send(server, observe(JobAdapter(), ended)) == ["OUTCOME_DUPLICATE", "OUTCOME_DUPLICATE"]


async def test_the_recipe_of_a_run_names_its_image(server: Any) -> None:
    await send(server, observe(JobAdapter(), with_status(an_object("train", SPEC), SUCCEEDED)))

    def read() -> dict[str, Any]:
        with SyncClient(server.grpc_address) as client:
            return read_recipe(client, uid("train"))

    recipe = await asyncio.to_thread(read)
    assert recipe["images"] == [
        "ghcr.io/acme/train@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    ]
