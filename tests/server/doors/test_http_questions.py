"""Questions over HTTP: addresses in paths, parameters, and any question of the contract by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio
from google.protobuf import json_format

from headwater.v1.catalog_service_pb2 import ASSET_VIEW_FULL, GetDatasetRequest
from headwater.v1.catalog_service_pb2_grpc import CatalogServiceStub
from headwater_server.api.admission import Admission
from headwater_server.domain.errors import Overloaded

RUN = "01936893-9a0b-7c11-a7f5-0d2a4c1f5e77"
USERS = "namespaces/postgres%3A%2F%2Fdb%3A5432/datasets/shop.public.users"
CLICKS = "namespaces/s3%3A%2F%2Fbucket/datasets/raw%2Fclicks"


@pytest_asyncio.fixture(autouse=True)
async def graph(http: httpx.AsyncClient, event: Callable[..., bytes]) -> None:
    """One run that made a table of users out of clicks."""
    schema = {"fields": [{"name": "id", "type": "int"}]}
    output = {"namespace": "postgres://db:5432", "name": "shop.public.users", "facets": {"schema": schema}}
    assert (await http.post("/api/v1/lineage", content=event(RUN, outputs=[output]))).status_code == 201


async def get(http: httpx.AsyncClient, path: str) -> dict[str, Any]:
    # A string would be normalized by the client before it is sent.
    url = httpx.URL(str(http.base_url), raw_path=path.encode())
    answer: dict[str, Any] = (await http.get(url)).json()
    return answer


@pytest.mark.parametrize(
    ("address", "name"),
    [
        pytest.param("postgres://db:5432/shop.public.users", USERS, id="as it is read"),
        pytest.param("postgres%3A%2F%2Fdb%3A5432%2Fshop.public.users", USERS, id="percent-encoded"),
        pytest.param("postgres://db:5432%2Fshop.public.users", USERS, id="partly percent-encoded"),
        pytest.param("shop.public.users", USERS, id="bare name"),
        pytest.param("raw/clicks", CLICKS, id="bare name with a slash"),
        pytest.param(USERS, USERS, id="resource name"),
        pytest.param(USERS.replace("%", "%25").replace("/", "%2F"), USERS, id="resource name, percent-encoded"),
        pytest.param("team/train", "namespaces/team/jobs/train", id="job"),
        pytest.param(RUN, f"runs/{RUN}", id="run"),
        pytest.param(f"shop.public.users@{RUN}", f"runs/{RUN}", id="write"),
        pytest.param("shop.public.users%23id", USERS, id="field"),
    ],
)
async def test_an_address_in_a_path_is_found(http: httpx.AsyncClient, address: str, name: str) -> None:
    assert (await get(http, f"/api/v1/show/{address}"))["name"] == name


async def test_the_full_view_has_facets(http: httpx.AsyncClient) -> None:
    assert "facets" not in await get(http, "/api/v1/show/shop.public.users")
    assert (await get(http, "/api/v1/show/shop.public.users?view=full"))["facets"][0]["name"] == "schema"


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/upstream/shop.public.users",
        "/api/v1/downstream/s3://bucket/raw/clicks?max_depth=1",
        "/api/v1/lineage?root=shop.public.users",
        "/api/v1/lineage?root=shop.public.users&root=raw/clicks&direction=both&level=dataset&exclude_indirect=false",
        "/api/v1/lineage?root=raw/clicks&direction=DIRECTION_DOWNSTREAM&as_of=2026-02-01T00:00:00Z",
    ],
)
async def test_lineage_is_walked(http: httpx.AsyncClient, path: str) -> None:
    answer = await get(http, path)
    assert {node["name"] for node in answer["nodes"]} == {USERS, CLICKS}
    assert [(link["source"], link["target"]) for link in answer["links"]] == [(CLICKS, USERS)]


async def test_a_walk_from_a_field_is_at_field_level(http: httpx.AsyncClient) -> None:
    (node,) = (await get(http, "/api/v1/upstream/shop.public.users%23id"))["nodes"]
    assert (node["type"], node["field"]) == ("NODE_TYPE_FIELD", "id")


async def test_assets_are_searched(http: httpx.AsyncClient) -> None:
    (found,) = (await get(http, "/api/v1/search?q=users&type=dataset&kind=table&page_size=5"))["assets"]
    assert found["dataset"]["name"] == USERS


@pytest.mark.parametrize(
    ("path", "field"),
    [
        pytest.param("/api/v1/search?query=users", "query", id="unknown parameter"),
        pytest.param("/api/v1/search?q=a&q=b", "q", id="twice"),
        pytest.param("/api/v1/search?page_size=many", "request", id="no number"),
        pytest.param("/api/v1/upstream/raw/clicks?exclude_inferred=maybe", "request", id="neither yes nor no"),
        pytest.param("/api/v1/lineage?root=raw/clicks&direction=sideways", "request", id="unknown word"),
        pytest.param("/api/v1/lineage?root=raw/clicks&max_depth=-1", "traversal.max_depth", id="out of range"),
        pytest.param("/api/v1/lineage?root=a%23b&root=c", None, id="unknown root"),
        pytest.param("/api/v1/show/%FF", "address", id="no UTF-8"),
        pytest.param("/api/v1/show/a%00b", "address", id="NUL"),
        pytest.param("/api/v1/show/", "address", id="nothing"),
    ],
)
async def test_a_question_without_meaning_is_refused_with_its_field(
    http: httpx.AsyncClient, path: str, field: str | None
) -> None:
    error = (await get(http, path))["error"]
    assert error["reason"] == ("INVALID_FIELD" if field else "NOT_FOUND")
    assert error["metadata"].get("field") == field


async def test_any_question_is_asked_by_name_and_answered_as_over_grpc(http: httpx.AsyncClient, channel: Any) -> None:
    response = await http.post("/api/v1/rpc/CatalogService/GetDataset", json={"name": USERS, "view": "ASSET_VIEW_FULL"})
    told = await CatalogServiceStub(channel).GetDataset(GetDatasetRequest(name=USERS, view=ASSET_VIEW_FULL))
    assert response.json() == json_format.MessageToDict(told)


async def test_an_answer_that_is_a_stream_is_an_array(http: httpx.AsyncClient) -> None:
    request = {"traversal": {"roots": [USERS]}}
    parts = (await http.post("/api/v1/rpc/LineageService/TraverseLineage", json=request)).json()
    assert parts[-1]["summary"]["nodeCount"] == 2


@pytest.mark.parametrize(
    ("method", "body", "status", "reason"),
    [
        pytest.param("CatalogService/GetDataset", b"{", 400, "INVALID_FIELD", id="no JSON"),
        pytest.param("CatalogService/GetDataset", b"[]", 400, "INVALID_FIELD", id="no object"),
        pytest.param("CatalogService/GetDataset", b'{"nom":1}', 400, "INVALID_FIELD", id="unknown field"),
        pytest.param("CatalogService/GetDataset", b'{"name":1}', 400, "INVALID_FIELD", id="wrong type"),
        pytest.param("CatalogService/GetDataset", b"[" * 9999 + b"]" * 9999, 400, "INVALID_FIELD", id="deep nesting"),
        pytest.param("CatalogService/GetDataset", b'{"name":"\\ud800"}', 400, "INVALID_FIELD", id="no Unicode"),
        pytest.param("CatalogService/GetDataset", b"", 400, "INVALID_FIELD", id="nothing"),
        pytest.param("CatalogService/DeleteAsset", b"{}", 404, "UNKNOWN_METHOD", id="no question"),
        pytest.param("IngestService/WriteEvent", b"{}", 404, "UNKNOWN_METHOD", id="no question either"),
        pytest.param("CatalogService/__class__", b"{}", 404, "UNKNOWN_METHOD", id="no method"),
    ],
)
async def test_a_question_by_name_without_meaning_is_refused(
    http: httpx.AsyncClient, method: str, body: bytes, status: int, reason: str
) -> None:
    response = await http.post(f"/api/v1/rpc/{method}", content=body)
    assert (response.status_code, response.json()["error"]["reason"]) == (status, reason)
    json.dumps(response.json())


def test_no_more_questions_are_let_in_than_are_answered_at_a_time() -> None:
    admission = Admission(1)
    with admission.question(), pytest.raises(Overloaded), admission.question():
        pass
    with admission.question():
        pass
