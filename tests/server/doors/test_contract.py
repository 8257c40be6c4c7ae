"""What the comments of the contract say of its corners holds."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest_asyncio

RUN = "01936893-9a0b-7c11-a7f5-0d2a4c1f5e77"
LEFT_OUT = {"inputs", "outputs", "error", "tags", "facets", "senders"}
OUT = "namespaces/-/datasets/out"


@pytest_asyncio.fixture(autouse=True)
async def graph(http: httpx.AsyncClient, event: Callable[..., bytes]) -> None:
    """A run that failed, and one in a namespace called `-`."""
    schema = {"schema": {"fields": [{"name": "id", "type": "int"}]}}
    metrics = {"headwater_metrics": {"metrics": [{"name": "auc", "value": float("nan")}]}}
    out = {"namespace": "-", "name": "out", "facets": schema, "outputFacets": metrics}
    facets = {
        "errorMessage": {"message": "boom", "programmingLanguage": "PYTHON"},
        "tags": {"tags": [{"key": "night", "value": "1"}]},
    }
    failed, done = json.loads(event(RUN, eventType="FAIL")), json.loads(event("done"))
    failed["run"]["facets"] = facets
    done |= {"job": {"namespace": "-", "name": "train"}, "outputs": [out]}
    for whole in (failed, done):
        response = await http.post("/api/v1/lineage", content=json.dumps(whole).encode())
        assert response.status_code == 201, response.text


async def ask(http: httpx.AsyncClient, question: str, **request: Any) -> dict[str, Any]:
    answer: dict[str, Any] = (await http.post(f"/api/v1/rpc/{question}", json=request)).json()
    return answer


async def names(http: httpx.AsyncClient, question: str, **request: Any) -> set[str]:
    answer = await ask(http, f"CatalogService/{question}", **request)
    found = next(iter(answer.values()))
    return {(each.get("dataset") or each.get("job") or each)["name"] for each in found}


async def test_runs_in_lists_come_without_what_only_get_run_gives(http: httpx.AsyncClient) -> None:
    (listed,) = (await ask(http, "CatalogService/ListRuns", parent="namespaces/team/jobs/train"))["runs"]
    latest = (await ask(http, "CatalogService/GetJob", name="namespaces/team/jobs/train"))["latestRun"]
    whole = await ask(http, "CatalogService/GetRun", name=f"runs/{RUN}", view="ASSET_VIEW_FULL")
    assert listed == latest == {key: value for key, value in whole.items() if key not in LEFT_OUT}
    assert whole.keys() >= LEFT_OUT


async def test_a_dash_stands_for_all_namespaces_and_is_written_out_for_the_one_of_that_name(
    http: httpx.AsyncClient,
) -> None:
    own = {"namespaces/-/datasets/out"}
    assert await names(http, "ListDatasets", parent="namespaces/%2D") == own
    assert await names(http, "ListDatasets", parent="namespaces/-") > own
    assert await names(http, "ListJobs", parent="namespaces/%2D") == {"namespaces/-/jobs/train"}
    assert await names(http, "ListJobs", parent="namespaces/-") == {
        "namespaces/-/jobs/train",
        "namespaces/team/jobs/train",
    }
    assert await names(http, "SearchAssets", namespace="namespaces/%2D") == own | {"namespaces/-/jobs/train"}
    assert await names(http, "SearchAssets", namespace="namespaces/-") > own
    assert (await ask(http, "CatalogService/GetNamespace", name="namespaces/-"))["displayName"] == "-"
    assert (await ask(http, "CatalogService/GetDataset", name="namespaces/%2D/datasets/out"))["name"] == OUT


async def test_latest_is_the_version_in_force_wherever_a_version_is_named(http: httpx.AsyncClient) -> None:
    latest = f"{OUT}/versions/latest"
    version = (await ask(http, "CatalogService/GetDatasetVersion", name=latest))["name"]
    for parent in (latest, version, OUT):
        assert [field["path"] for field in (await ask(http, "CatalogService/ListFields", parent=parent))["fields"]] == [
            "id"
        ]
        compared = await ask(http, "LineageService/CompareDatasetVersions", base=parent, target=version)
        assert (compared["base"]["name"], "changes" in compared) == (version, False)
    job = (await ask(http, "CatalogService/GetJobVersion", name="namespaces/-/jobs/train/versions/latest"))["name"]
    for address, name in ((latest, version), ("-/out@latest", version), ("-/train@latest", job)):
        assert (await ask(http, "CatalogService/ResolveAddress", address=address))["version"] == name
    walks = [await ask(http, "LineageService/GetLineage", traversal={"roots": [root]}) for root in (latest, version)]
    assert walks[0]["nodes"] == walks[1]["nodes"]


async def test_the_name_of_a_write_is_a_root_and_an_address_and_nothing_else(http: httpx.AsyncClient) -> None:
    write = (await ask(http, "CatalogService/GetDataset", name=OUT))["latestWrite"]["name"]
    assert (await ask(http, "CatalogService/ResolveAddress", address=write))["version"] == write
    walk = await ask(http, "LineageService/GetLineage", traversal={"roots": [write]})
    assert walk["nodes"][0]["name"] == write
    for question, field in (("GetRun", "name"), ("GetDatasetVersion", "name"), ("ListFields", "parent")):
        refused = await ask(http, f"CatalogService/{question}", **{field: write})
        assert refused["error"]["reason"] == "INVALID_FIELD"


async def test_what_json_has_no_number_for_becomes_a_word(http: httpx.AsyncClient) -> None:
    run = (await ask(http, "CatalogService/GetDataset", name=OUT))["latestWrite"]["run"]
    (output,) = (await ask(http, "CatalogService/GetRun", name=run, view="ASSET_VIEW_FULL"))["outputs"]
    facets = {facet["name"]: json.loads(base64.b64decode(facet["json"])) for facet in output["facets"]}
    assert facets["headwater_metrics"]["metrics"] == [{"name": "auc", "value": "NaN"}]
