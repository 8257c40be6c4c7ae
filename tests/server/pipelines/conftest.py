"""A running server with a client of it, and words for what runs in a cluster."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest_asyncio

from headwater import Client
from headwater.names import JobName, PipelineName
from headwater.v1 import pipeline_pb2 as pb

NAMESPACE = "k8s://prod/ml"
DAY = datetime(2026, 3, 2, tzinfo=UTC)
CHURN = str(PipelineName(NAMESPACE, "churn"))
DECLARED = {"headwater_declared": {"_producer": "https://example.com", "_schemaURL": "https://example.com"}}


def run_id(word: str) -> str:
    """The id of the run that a test calls by a word."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, word))


def dataset(name: str, **facets: Any) -> dict[str, Any]:
    """A dataset of an event."""
    return {"namespace": "s3://lake", "name": name, "facets": facets}


def event(job: str, run: str, says: str = "COMPLETE", *, minute: float = 0, **parts: Any) -> bytes:
    """A run event; `parent` names a job and a run, `reads` and `writes` datasets, `facets` those of the run."""
    facets = dict(parts.get("facets", {}))
    if "parent" in parts:
        of, parent = parts["parent"].split()
        facets["parent"] = {"run": {"runId": run_id(parent)}, "job": {"namespace": NAMESPACE, "name": of}}
    body = {
        "eventTime": (DAY + timedelta(minutes=minute)).isoformat(),
        "eventType": says,
        "run": {"runId": run_id(run), "facets": facets},
        "job": {"namespace": NAMESPACE, "name": job},
        "inputs": [each if isinstance(each, dict) else dataset(each) for each in parts.get("reads", ())],
        "outputs": [each if isinstance(each, dict) else dataset(each) for each in parts.get("writes", ())],
    }
    return json.dumps(body).encode()


def pipeline(name: str = "churn", **values: Any) -> pb.Pipeline:
    """A pipeline of the namespace."""
    values = {"uid": f"uid of {name}", "generation": 1, **values}
    return pb.Pipeline(name=str(PipelineName(NAMESPACE, name)), **values)


def workload(job: str, kind: str = "CronJob.batch", pipeline: str = "", **values: Any) -> pb.Workload:
    """A workload of the namespace, covered by a pipeline where one is named."""
    covered = str(PipelineName(NAMESPACE, pipeline)) if pipeline else ""
    return pb.Workload(job=str(JobName(NAMESPACE, job)), kind=kind, pipeline=covered, **values)


@pytest_asyncio.fixture
async def client(server: Any) -> AsyncIterator[Client]:
    """A client of a server of the test's own."""
    async with Client(server.grpc_address) as opened:
        yield opened
