"""What is told of assets follows from what was said, not from the order in which it arrived, and fits together."""

from __future__ import annotations

import random
from typing import Any

import pytest
from google.protobuf.message import Message

from headwater.v1 import catalog_service_pb2 as questions

from .conftest import Catalog, Json, at, run_id, table

FULL = questions.ASSET_VIEW_FULL


def stated(chance: random.Random) -> Json:
    """A dataset with some facets."""
    facets: Json = {}
    if chance.random() < 0.5:
        facets["schema"] = {"fields": [{"name": name} for name in chance.choice(["xy", "x", "xyz"])]}
    if chance.random() < 0.3:
        facets["version"] = {"datasetVersion": chance.choice("123")}
    if chance.random() < 0.2:
        facets["tags"] = chance.choice([{"tags": [{"key": "pii"}]}, {"_deleted": True}])
    if chance.random() < 0.15:
        facets["datasetType"] = {"datasetType": chance.choice(["MODEL", "TABLE"])}
    if chance.random() < 0.07:
        facets["lifecycleStateChange"] = {"lifecycleStateChange": "DROP"}
    if chance.random() < 0.05:
        facets["symlinks"] = {"identifiers": [{"namespace": "db", "name": chance.choice("abcde"), "type": "TABLE"}]}
    return table(chance.choice("abcde"), **facets)


def event(chance: random.Random) -> Json:
    """An event of a run or without one, about few jobs and datasets, at one of few times."""
    told: Json = {"eventTime": at(chance.randrange(12)).isoformat()}
    if chance.random() < 0.15:
        return told | {"dataset": stated(chance)}
    sql = {"sql": {"query": chance.choice("12")}} if chance.random() < 0.4 else {}
    told["job"] = {"namespace": "team", "name": chance.choice(["load", "train"]), "facets": sql}
    told["inputs"] = [stated(chance) for _ in range(chance.randrange(3))]
    told["outputs"] = [stated(chance) for _ in range(chance.randrange(3))]
    if chance.random() < 0.9:
        told["run"] = {"runId": str(run_id(chance.choice("123456")))}
        told["eventType"] = chance.choice(["START", "RUNNING", "COMPLETE", "COMPLETE", "FAIL"])
    return told


async def all_of(catalog: Catalog, method: str, field: str, **asked: Any) -> list[Any]:
    """All items of a list."""
    return [item for page in await catalog.pages(method, field, 2, **asked) for item in page]


async def everything(catalog: Catalog) -> dict[str, Message]:
    """All that the catalogue tells, by resource names, once it is checked that it fits together."""
    told: dict[str, Message] = {}
    for listed in await all_of(catalog, "ListDatasets", "datasets", parent="namespaces/-", show_deleted=True):
        found = told[listed.name] = await catalog.ask("GetDataset", name=listed.name, view=FULL)
        versions = await all_of(catalog, "ListDatasetVersions", "versions", parent=listed.name)
        writes = await all_of(catalog, "ListWrites", "writes", parent=listed.name)
        told |= {item.name: item for item in (*versions, *writes)}
        assert [version.ordinal for version in versions] == list(range(len(versions), 0, -1))
        assert {write.version for write in writes} <= {version.name for version in versions} | {""}
        assert not found.HasField("latest_version") or found.latest_version in versions
        assert found.HasField("latest_write") is bool(writes)
        assert not writes or found.latest_write == writes[0]
        for version in versions:
            assert await catalog.ask("GetDatasetVersion", name=version.name) == version
    for listed in await all_of(catalog, "ListJobs", "jobs", parent="namespaces/-", show_deleted=True):
        job = told[listed.name] = await catalog.ask("GetJob", name=listed.name, view=FULL)
        versions = await all_of(catalog, "ListJobVersions", "versions", parent=listed.name)
        told |= {item.name: item for item in versions}
        assert not job.HasField("latest_version") or job.latest_version in versions
        for run in await all_of(catalog, "ListRuns", "runs", parent=listed.name):
            full = told[run.name] = await catalog.ask("GetRun", name=run.name, view=FULL)
            for use in (*full.inputs, *full.outputs):
                assert (
                    not use.version or use.version in told or await catalog.ask("GetDatasetVersion", name=use.version)
                )
    return told


@pytest.mark.parametrize("seed", range(4))
async def test_answers_are_the_same_and_fit_together(catalog: Catalog, seed: int) -> None:
    chance = random.Random(seed)
    events = [event(chance) for _ in range(16)]
    await catalog.send_one_by_one(events)
    in_order = await everything(catalog)
    await catalog.forget()
    events += chance.sample(events, k=8)
    chance.shuffle(events)
    await catalog.send_one_by_one(events)
    assert await everything(catalog) == in_order
