"""Assets are found by parts of their names and by what is said of them now."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.v1 import catalog_pb2 as messages
from headwater.v1 import catalog_service_pb2 as questions
from headwater_server.storage.catalog import search

from .conftest import Catalog, at, dataset, table


@pytest.fixture(params=["few", "walk"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Either way to search: by the terms that few assets have, or over all names, a few at a time."""
    if request.param == "walk":
        monkeypatch.setattr(search, "FEW", 1)
        monkeypatch.setattr(search, "MANY", 1)
        monkeypatch.setattr(search, "LONG_WALK", 3)
        monkeypatch.setattr(search, "FIRST_WALK", 2)


async def found(catalog: Catalog, size: int = 2, **conditions: Any) -> list[str]:
    """The names of what is found, page by page."""
    pages = await catalog.pages("SearchAssets", "assets", size, **conditions)
    assets = [asset.dataset if asset.HasField("dataset") else asset.job for page in pages for asset in page]
    return [asset.display_name for asset in assets]


@pytest.mark.usefixtures("way")
async def test_words_start_parts_of_names(catalog: Catalog) -> None:
    names = ["prod.user_churn_v2", "prod.UserClicks", "raw/churnEvents", "dev.orders", "ÄrgerTabelle"]
    await catalog.run(1, "churn train", "1", writes=[table(name) for name in names])
    assert await found(catalog, query="churn") == ["churn train", "prod.user_churn_v2", "raw/churnEvents"]
    assert await found(catalog, query="CHURN user") == ["prod.user_churn_v2"]
    assert await found(catalog, query="userc") == ["prod.UserClicks"]
    assert await found(catalog, query="churn_v2") == ["prod.user_churn_v2"]
    assert await found(catalog, query="raw/c") == ["raw/churnEvents"]
    assert await found(catalog, query="hurn") == []
    assert await found(catalog, query="ärger tab") == ["ÄrgerTabelle"]
    assert await found(catalog, query="churn", types=[questions.ASSET_TYPE_JOB]) == ["churn train"]
    assert await found(catalog, query="churn", namespace="namespaces/db") == ["prod.user_churn_v2", "raw/churnEvents"]
    assert len(await found(catalog)) == 6


@pytest.mark.usefixtures("way")
async def test_conditions_are_checked_against_what_holds_now(catalog: Catalog) -> None:
    tagged: dict[str, Any] = {
        "tags": {"tags": [{"key": "PII", "value": "high"}]},
        "ownership": {"owners": [{"name": "team:Search"}]},
    }
    await catalog.run(1, "load", "1", writes=[table(name, "user_id", **tagged) for name in ("a", "b", "c")])
    await catalog.about(2, table("b", "other", tags={"tags": []}, ownership={"_deleted": True}))
    await catalog.about(2, table("c", datasetType={"datasetType": "MODEL"}))
    assert await found(catalog, tag="pii") == ["a", "c"]
    assert await found(catalog, tag="PII=high", owner="TEAM:search") == ["a", "c"]
    assert await found(catalog, tag="pii=low") == []
    assert await found(catalog, owner="team") == []
    assert await found(catalog, field="USER") == ["a", "c"]
    assert await found(catalog, field="oth") == ["b"]
    assert await found(catalog, dataset_kinds=[messages.DATASET_KIND_MODEL]) == ["c"]
    assert await found(catalog, tag="pii", dataset_kinds=[messages.DATASET_KIND_DATASET]) == ["a"]
    assert await found(catalog, query="load", field="user") == []


@pytest.mark.usefixtures("way")
async def test_dataset_is_found_once_by_any_of_its_names(catalog: Catalog) -> None:
    link = {"identifiers": [{"namespace": "hive", "name": "sales.churn", "type": "TABLE"}]}
    await catalog.run(1, "spark", "1", writes=[table("warehouse/churn", namespace="s3://lake", symlinks=link)])
    await catalog.run(1, "load", "2", writes=[table("sales.churn", namespace="hive", tags={"tags": [{"key": "gold"}]})])
    for words in ("churn", "sales", "sales churn"):
        assert await found(catalog, query=words) == ["warehouse/churn"]
    assert await found(catalog, tag="gold") == ["warehouse/churn"]
    assert await found(catalog, query="sales warehouse") == []
    assert await found(catalog, query="warehouse", tag="gold") == ["warehouse/churn"]


@pytest.mark.usefixtures("way")
async def test_pages_hold_everything_once_in_the_order_of_names(catalog: Catalog) -> None:
    names = sorted(f"t{number}.part" for number in range(23))
    await catalog.run(1, "part", "1", writes=[table(name) for name in names])
    await catalog.run(1, "part", "1", writes=[table(names[0], namespace="other")])
    await catalog.ask("DeleteAsset", name=dataset(names[3]), delete_time=at(2))
    expected = sorted([*names, names[0], "part"])
    assert await found(catalog, size=4, query="part", show_deleted=True) == expected
    expected.remove(names[3])
    assert await found(catalog, size=4, query="part") == expected
    assert await found(catalog, size=1, query="part") == expected


async def test_page_ends_where_a_search_has_looked_at_enough_and_the_next_goes_on(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in ("FEW", "MANY", "FIRST_WALK"):
        monkeypatch.setattr(search, limit, 1)
    monkeypatch.setattr(search, "LONG_WALK", 5)
    names = [f"prod.{number:02}" for number in range(12)]
    await catalog.run(1, "load", "1", writes=[table(name) for name in [*names, "prod.x_churn", "prod.y_churn"]])
    asked = {"query": "prod churn", "types": [questions.ASSET_TYPE_DATASET]}
    first = await catalog.ask("SearchAssets", page_size=5, **asked)
    assert not first.assets
    assert first.next_page_token
    assert await found(catalog, size=5, **asked) == ["prod.x_churn", "prod.y_churn"]
