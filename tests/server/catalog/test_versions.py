"""Versions and writes of datasets, whatever became of what first stated them."""

from __future__ import annotations

from typing import Any

import pytest

from headwater_server.domain.errors import NotFound

from .conftest import Catalog, at, dataset, labelled, run_id, table

MODEL = {"datasetType": "MODEL"}


def told(version: Any) -> tuple[str, str, int]:
    """The label, fields and ordinal of a version."""
    return version.label, " ".join(field.path for field in version.fields), version.ordinal


async def versions_of(catalog: Catalog, name: str, size: int = 2) -> list[tuple[str, str, int]]:
    """The versions of a dataset, newest first, read page by page."""
    pages = await catalog.pages("ListDatasetVersions", "versions", size, parent=dataset(name))
    return [told(version) for page in pages for version in page]


async def latest(catalog: Catalog, name: str) -> Any:
    """The version in force."""
    return await catalog.ask("GetDatasetVersion", name=f"{dataset(name)}/versions/latest")


async def test_version_in_force_is_what_was_written_last_even_if_it_was_there_before(catalog: Catalog) -> None:
    await catalog.run(1, "load", "1", writes=[table("out", "a")])
    await catalog.run(2, "load", "2", writes=[table("out", "a", "b")])
    await catalog.run(3, "load", "3", writes=[table("out", "a")])
    assert await versions_of(catalog, "out") == [("", "a b", 2), ("", "a", 1)]
    assert told(await latest(catalog, "out")) == ("", "a", 1)
    writes = (await catalog.ask("ListWrites", parent=dataset("out"))).writes
    assert [write.run for write in writes] == [f"runs/{run_id(word)}" for word in "321"]
    assert writes[0].version == writes[2].version != writes[1].version


async def test_write_that_names_no_version_leaves_the_one_in_force(catalog: Catalog) -> None:
    await catalog.run(1, "load", "1", writes=[table("out", "a", version=labelled("v1"))])
    await catalog.run(2, "touch", "2", writes=[table("out")])
    await catalog.run(3, "load", "3", writes=[table("out", "b", version=labelled("v2"))])
    writes = (await catalog.ask("ListWrites", parent=dataset("out"))).writes
    assert [(write.label, write.run) for write in writes][1] == ("v1", f"runs/{run_id('2')}")
    assert writes[1].version == writes[2].version


async def test_version_without_a_schema_has_the_fields_of_the_one_before(catalog: Catalog) -> None:
    await catalog.run(1, "load", "1", writes=[table("out", "a")])
    await catalog.run(2, "load", "2", writes=[table("out", version=labelled("7"))])
    assert await versions_of(catalog, "out") == [("7", "a", 2), ("", "a", 1)]


async def test_what_readers_say_counts_only_while_nobody_else_says_anything(catalog: Catalog) -> None:
    await catalog.run(1, "report", "1", reads=[table("out", "seen")])
    assert await versions_of(catalog, "out") == [("", "seen", 1)]
    assert told(await latest(catalog, "out")) == ("", "seen", 1)
    await catalog.run(2, "load", "2", writes=[table("out", "real")])
    assert await versions_of(catalog, "out") == [("", "real", 1)]


async def test_event_about_a_dataset_makes_a_version_and_later_events_move_what_is_in_force(catalog: Catalog) -> None:
    await catalog.run(1, "load", "1", writes=[table("out", "a")])
    await catalog.about(2, table("out", "b", version=labelled("manual")))
    assert told(await latest(catalog, "out")) == ("manual", "b", 2)
    await catalog.run(3, "load", "2", writes=[table("out", "a")])
    assert told(await latest(catalog, "out")) == ("", "a", 1)
    await catalog.about(4, table("out", documentation={"description": "says nothing of versions"}))
    assert told(await latest(catalog, "out")) == ("", "a", 1)
    await catalog.about(5, table("out", "b", version=labelled("manual")))
    assert told(await latest(catalog, "out")) == ("manual", "b", 2)


async def test_disputed_version_holds_while_another_run_has_it(catalog: Catalog) -> None:
    await catalog.run(1, "load", "1", writes=[table("out", "a")])
    await catalog.run(2, "load", "2", writes=[table("out", "b")])
    await catalog.run(3, "load", "3", writes=[table("out", "a")])
    lost = (await catalog.ask("GetDatasetVersion", name=f"{dataset('out')}/versions/latest")).name
    await catalog.run(4, "load", "1", says="FAIL")
    assert await versions_of(catalog, "out") == [("", "a", 2), ("", "b", 1)]
    version = await catalog.ask("GetDatasetVersion", name=lost)
    assert version.create_time.ToDatetime(at(0).tzinfo) == at(3)
    assert version.run == f"runs/{run_id('3')}"
    await catalog.run(4, "load", "3", says="FAIL")
    assert await versions_of(catalog, "out") == [("", "b", 1)]
    with pytest.raises(NotFound):
        await catalog.ask("GetDatasetVersion", name=lost)


async def test_each_write_of_a_model_is_a_version(catalog: Catalog) -> None:
    for number in range(1, 6):
        await catalog.run(
            number, "train", str(number), writes=[table("churn", version=labelled(f"v{number}"), datasetType=MODEL)]
        )
    await catalog.run(6, "train", "6", writes=[table("churn", datasetType=MODEL)])
    await catalog.about(7, table("churn", version=labelled("promoted"), datasetType=MODEL))
    found = await versions_of(catalog, "churn")
    assert [(label, ordinal) for label, _, ordinal in found] == [
        ("promoted", 7),
        ("", 6),
        *((f"v{number}", number) for number in (5, 4, 3, 2, 1)),
    ]
    writes = (await catalog.ask("ListWrites", parent=dataset("churn"))).writes
    assert len({write.version for write in writes}) == 6
    third = await catalog.ask("GetDatasetVersion", name=writes[3].version)
    assert (third.label, third.ordinal, third.run) == ("v3", 3, f"runs/{run_id('3')}")
    assert (await latest(catalog, "churn")).label == "promoted"
    await catalog.run(8, "train", "8", writes=[table("churn", datasetType=MODEL)])
    now = await catalog.ask("GetDataset", name=dataset("churn"))
    assert now.latest_version.name == now.latest_write.version
    assert now.latest_version.ordinal == 8


async def test_fields_are_paged_within_one_version(catalog: Catalog) -> None:
    nested = {"fields": [{"name": "a", "type": "struct", "fields": [{"name": "x.y"}, {"name": "z"}]}, {"name": "b"}]}
    await catalog.run(1, "load", "1", writes=[table("out", schema=nested)])
    first = await catalog.ask("ListFields", parent=dataset("out"), page_size=3)
    assert [field.path for field in first.fields] == ["a", r"a.x\.y", "a.z"]
    await catalog.run(2, "load", "2", writes=[table("out", "other")])
    rest = await catalog.ask("ListFields", parent=dataset("out"), page_size=3, page_token=first.next_page_token)
    assert ([field.path for field in rest.fields], rest.next_page_token) == (["b"], "")


async def test_unknown_versions_are_not_found(catalog: Catalog) -> None:
    await catalog.run(1, "load", "1", writes=[table("out")])
    for version in ("latest", "0" * 16, "v1"):
        with pytest.raises(NotFound):
            await catalog.ask("GetDatasetVersion", name=f"{dataset('out')}/versions/{version}")
    with pytest.raises(NotFound):
        await catalog.ask("ListWrites", parent=dataset("nothing"))
