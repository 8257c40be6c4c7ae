"""Events as the tests send them, and what a server has of them."""

from __future__ import annotations

import json
import uuid
from typing import Any

from headwater import Client, Settings

JOB = "team/load"


def an_event(run_id: str = "", event_type: str = "COMPLETE", **facets: Any) -> dict[str, Any]:
    """An event of a run of `team/load`, with run facets."""
    return {
        "eventTime": "2026-11-23T12:00:00Z",
        "eventType": event_type,
        "producer": "https://example.com/job",
        "run": {"runId": run_id or str(uuid.uuid4()), "facets": facets},
        "job": {"namespace": "team", "name": "load"},
        "inputs": [{"namespace": "db", "name": "raw"}],
        "outputs": [{"namespace": "db", "name": "clean"}],
    }


async def runs_at(address: str) -> list[str]:
    """The ids of all runs of the job that a server has."""
    async with Client(settings=Settings(address=address)) as client:
        return [each.name.removeprefix("runs/") async for each in client.runs(JOB)]


async def run_at(address: str, run_id: str) -> Any:
    """A run as a server has it."""
    async with Client(settings=Settings(address=address)) as client:
        return await client.get_run(run_id, view="FULL")


def facets_of(run: Any) -> dict[str, Any]:
    """The facets of a run, by name."""
    return {each.name: json.loads(each.json) for each in run.facets}
