"""Datasets are told as they are now."""

from __future__ import annotations

import json

from headwater.v1 import catalog_pb2 as messages
from headwater.v1 import catalog_service_pb2 as questions

from .conftest import Catalog, at, dataset, job, labelled, run_id, table


async def test_dataset_is_told_from_all_that_was_said(catalog: Catalog) -> None:
    await catalog.run(1, "load", "1", writes=[table("out", "id", documentation={"description": "old"})])
    await catalog.run(
        2,
        "report",
        "2",
        reads=[table("out", documentation={"description": "new"}, ownership={"owners": [{"name": "team:a"}]})],
    )
    await catalog.about(3, table("out", tags={"tags": [{"key": "pii", "field": "id"}, {"key": "tier", "value": 1}]}))
    found = await catalog.ask("GetDataset", name=dataset("out"))
    assert (found.name, found.namespace, found.display_name) == (dataset("out"), "db", "out")
    assert found.description == "new"
    assert [owner.owner for owner in found.owners] == ["team:a"]
    assert [(tag.key, tag.value, tag.field) for tag in found.tags] == [("pii", "", "id"), ("tier", "1", "")]
    assert found.create_time.ToDatetime(at(0).tzinfo) == at(1)
    assert found.update_time.ToDatetime(at(0).tzinfo) == at(3)
    assert not found.HasField("delete_time")
    assert not found.facets
    assert [field.path for field in found.latest_version.fields] == ["id"]
    assert (found.latest_version.ordinal, found.latest_version.run) == (1, f"runs/{run_id('1')}")
    assert (found.latest_write.job, found.latest_write.version) == (job("load"), found.latest_version.name)


async def test_deleted_facet_no_longer_holds_and_an_older_one_does_not_come_back(catalog: Catalog) -> None:
    await catalog.run(1, "load", "1", writes=[table("out", documentation={"description": "a"})])
    await catalog.run(3, "load", "2", writes=[table("out", documentation={"_deleted": True})])
    await catalog.run(2, "load", "3", writes=[table("out", documentation={"description": "b"})])
    found = await catalog.ask("GetDataset", name=dataset("out"), view=questions.ASSET_VIEW_FULL)
    assert found.description == ""
    assert [facet.name for facet in found.facets] == []


async def test_full_view_gives_facets_byte_for_byte_and_the_version_of_the_last_write(catalog: Catalog) -> None:
    odd = {"deep": [1, {"ü": None}], "_producer": "p"}
    await catalog.run(1, "load", "1", writes=[table("out", version=labelled("v1"), odd=odd)])
    await catalog.run(2, "load", "2", writes=[table("out", version=labelled("v2"))])
    found = await catalog.ask("GetDataset", name=dataset("out"), view=questions.ASSET_VIEW_FULL)
    facets = {facet.name: facet for facet in found.facets}
    assert facets["odd"].json == json.dumps(odd).encode()
    assert facets["odd"].event_time.ToDatetime(at(0).tzinfo) == at(1)
    assert json.loads(facets["version"].json) == labelled("v2")
    assert found.latest_version.label == "v2"
    assert found.latest_write.label == "v2"


async def test_kind_follows_what_was_said_last(catalog: Catalog) -> None:
    await catalog.run(1, "load", "1", writes=[table("out", namespace="postgres://db:5432")])
    name = dataset("out", "postgres://db:5432")
    assert (await catalog.ask("GetDataset", name=name)).kind == messages.DATASET_KIND_TABLE
    await catalog.about(2, table("out", namespace="postgres://db:5432", datasetType={"datasetType": "view"}))
    assert (await catalog.ask("GetDataset", name=name)).kind == messages.DATASET_KIND_VIEW


async def test_joined_names_are_one_dataset(catalog: Catalog) -> None:
    link = {"identifiers": [{"namespace": "hive", "name": "users", "type": "TABLE"}]}
    await catalog.run(1, "spark", "1", writes=[table("warehouse/users", "id", namespace="s3://lake", symlinks=link)])
    await catalog.run(2, "load", "2", writes=[table("users", "id", "name", namespace="hive")])
    by_alias = await catalog.ask("GetDataset", name=dataset("users", "hive"))
    assert by_alias == await catalog.ask("GetDataset", name=dataset("warehouse/users", "s3://lake"))
    assert by_alias.name == dataset("warehouse/users", "s3://lake")
    assert list(by_alias.aliases) == [dataset("users", "hive")]
    assert [field.path for field in by_alias.latest_version.fields] == ["id", "name"]
    assert by_alias.latest_version.ordinal == 2
    writes = (await catalog.ask("ListWrites", parent=dataset("users", "hive"))).writes
    assert [write.run for write in writes] == [f"runs/{run_id(word)}" for word in "21"]
    version = writes[0].version
    assert (await catalog.ask("GetDatasetVersion", name=version)).fields[1].path == "name"


async def test_lists_are_paged_in_the_order_of_names(catalog: Catalog) -> None:
    names = [f"t{number:02}" for number in range(12)]
    await catalog.run(1, "load", "1", writes=[table(name, "id") for name in reversed(names)])
    await catalog.run(1, "other", "2", writes=[table("t00", namespace="other")])
    pages = await catalog.pages("ListDatasets", "datasets", 5, parent="namespaces/db")
    assert [[item.display_name for item in page] for page in pages] == [names[:5], names[5:10], names[10:]]
    everywhere = await catalog.pages("ListDatasets", "datasets", 5, parent="namespaces/-")
    assert [item.display_name for page in everywhere for item in page] == ["t00", *names]
    assert pages[0][0].latest_version.fields[0].path == "id"


async def test_namespaces_count_what_is_in_them(catalog: Catalog) -> None:
    await catalog.run(1, "load", "1", reads=[table("a", namespace="x")], writes=[table("b", namespace="x"), table("c")])
    pages = await catalog.pages("ListNamespaces", "namespaces", 2)
    counts = [(item.display_name, item.dataset_count, item.job_count) for page in pages for item in page]
    assert counts == [("db", 1, 0), ("team", 0, 1), ("x", 2, 0)]
    assert await catalog.ask("GetNamespace", name="namespaces/x") == pages[1][0]


async def test_hidden_datasets_are_left_out_of_lists_until_something_speaks_of_them(catalog: Catalog) -> None:
    await catalog.run(1, "load", "1", writes=[table(name) for name in "abcdef"])
    for name in "bcde":
        await catalog.ask("DeleteAsset", name=dataset(name), delete_time=at(2))

    async def listed(**options: bool) -> str:
        pages = await catalog.pages("ListDatasets", "datasets", 2, parent="namespaces/db", **options)
        return "".join(item.display_name for page in pages for item in page)

    assert await listed() == "af"
    assert await listed(show_deleted=True) == "abcdef"
    assert (await catalog.ask("GetDataset", name=dataset("b"))).delete_time.ToDatetime(at(0).tzinfo) == at(2)
    await catalog.run(3, "load", "2", writes=[table("b")])
    await catalog.ask("UndeleteAsset", name=dataset("c"), undelete_time=at(3))
    await catalog.ask("UndeleteAsset", name=dataset("c"), undelete_time=at(3))
    assert await listed() == "abcf"
