"""The versions of a job are the same whatever order its JobEvents and the events of its runs arrived in."""

from __future__ import annotations

import random
from typing import Any

import pytest

from .conftest import Catalog, Json, at, job, run_id, table

ORDERS = 6


def told(chance: random.Random) -> Json:
    """An event of the job or of one of its runs: few codes and few datasets, so that runs and the job say the same."""
    sql = {"sql": {"query": chance.choice("12")}} if chance.random() < 0.6 else {}
    event: Json = {
        "eventTime": at(chance.randrange(6)).isoformat(),
        "job": {"namespace": "team", "name": "load", "facets": sql},
        "inputs": [table(name) for name in "ab" if chance.random() < 0.3],
        "outputs": [table("out")] if chance.random() < 0.4 else [],
    }
    if chance.random() < 0.5:
        return event
    says = chance.choice(["START", "COMPLETE", "FAIL"])
    return event | {"eventType": says, "run": {"runId": str(run_id(chance.choice("12")))}}


async def versions(catalog: Catalog) -> tuple[list[Any], Any]:
    """The versions of the job, newest first, and the job as it is now."""
    listed = [v for page in await catalog.pages("ListJobVersions", "versions", 2, parent=job("load")) for v in page]
    for version in listed:
        assert await catalog.ask("GetJobVersion", name=version.name) == version
    return listed, await catalog.ask("GetJob", name=job("load"))


@pytest.mark.parametrize("seed", range(8))
async def test_versions_of_a_job_are_the_same_for_every_order(catalog: Catalog, seed: int) -> None:
    chance = random.Random(seed)
    events = [told(chance) for _ in range(6)]
    await catalog.send_one_by_one(events)
    expected = await versions(catalog)
    for _ in range(ORDERS):
        await catalog.forget()
        await catalog.send_one_by_one(chance.sample(events, k=len(events)))
        assert await versions(catalog) == expected


async def test_version_that_the_job_declares_stays_when_its_run_turns_out_to_be_another(catalog: Catalog) -> None:
    first, second = ({"sql": {"query": query}} for query in ("select 1", "select 2"))
    await catalog.send({"eventTime": at(1).isoformat(), "job": {"namespace": "team", "name": "load", "facets": first}})
    await catalog.run(2, "load", "r", says="START", job_facets=first)
    await catalog.run(3, "load", "r", job_facets=second)
    listed, _ = await versions(catalog)
    assert [version.sql for version in listed] == ["select 2", "select 1"]


async def test_version_that_nobody_declared_goes_when_its_run_turns_out_to_be_another(catalog: Catalog) -> None:
    """A JobEvent with the same inputs and outputs, and other code, does not speak for it."""
    first, second = ({"sql": {"query": query}} for query in ("select 1", "select 2"))
    declared = {"namespace": "team", "name": "load", "facets": second}
    await catalog.send({"eventTime": at(1).isoformat(), "job": declared, "inputs": [table("a")]})
    await catalog.run(2, "load", "r", says="START", job_facets=first, reads=[table("a")])
    await catalog.run(3, "load", "r", job_facets=second)
    listed, _ = await versions(catalog)
    assert [version.sql for version in listed] == ["select 2"]
