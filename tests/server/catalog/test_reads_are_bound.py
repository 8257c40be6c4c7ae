"""A run is told with the writes that it read: never with its own, and the same as the walk from run to run tells it."""

from __future__ import annotations

from headwater.v1 import catalog_pb2 as messages

from .conftest import Catalog, dataset, labelled, run_id, table

MODEL = {"datasetType": "MODEL"}


async def read(catalog: Catalog, word: str) -> messages.RunDataset:
    """The only dataset that a run read."""
    found: messages.RunDataset
    (found,) = (await catalog.ask("GetRun", name=f"runs/{run_id(word)}")).inputs
    return found


async def test_run_in_one_event_reads_the_write_before_its_own(catalog: Catalog) -> None:
    await catalog.run(1, "load", "w", writes=[table("t", "a")])
    await catalog.run(2, "merge", "m", reads=[table("t")], writes=[table("t", "a", "b")])
    mine, before = (await catalog.ask("ListWrites", parent=dataset("t"))).writes
    bound = await read(catalog, "m")
    assert (bound.write, bound.version) == (before.name, before.version)
    assert mine.version != before.version


async def test_first_run_that_merges_into_a_dataset_reads_no_version_of_it(catalog: Catalog) -> None:
    await catalog.run(2, "merge", "m", reads=[table("t")], writes=[table("t", "a")])
    bound = await read(catalog, "m")
    assert (bound.write, bound.version) == ("", "")


async def test_first_run_that_merges_reads_what_was_stated_before(catalog: Catalog) -> None:
    await catalog.about(1, table("t", "a"))
    await catalog.run(2, "merge", "m", reads=[table("t")], writes=[table("t", "a", "b")])
    stated = (await catalog.ask("ListDatasetVersions", parent=dataset("t"))).versions[1]
    bound = await read(catalog, "m")
    assert (bound.write, bound.version) == ("", stated.name)


async def test_run_that_names_the_version_that_it_writes_is_bound_to_no_write(catalog: Catalog) -> None:
    await catalog.run(
        2, "merge", "m", reads=[table("t", version=labelled("1"))], writes=[table("t", version=labelled("1"))]
    )
    bound = await read(catalog, "m")
    (written,) = (await catalog.ask("ListDatasetVersions", parent=dataset("t"))).versions
    assert (bound.write, bound.version, bound.label, bound.declared) == ("", written.name, "1", True)


async def test_named_version_that_was_only_left_later_is_bound_to_the_first_write_to_leave_it(catalog: Catalog) -> None:
    for hour in (3, 4):
        await catalog.run(hour, "load", str(hour), writes=[table("t", version=labelled("1"))])
    await catalog.run(2, "report", "r", reads=[table("t", version=labelled("1"))])
    first = (await catalog.ask("ListWrites", parent=dataset("t"))).writes[1]
    assert (await read(catalog, "r")).write == first.name == f"{dataset('t')}/writes/{run_id('3')}"


async def test_model_that_is_fine_tuned_in_one_event_is_read_as_it_was(catalog: Catalog) -> None:
    await catalog.run(1, "train", "t", writes=[table("churn", version=labelled("same"), datasetType=MODEL)])
    for label in ({}, {"version": labelled("same")}):
        await catalog.run(
            2, "tune", "u", reads=[table("churn", **label)], writes=[table("churn", version=labelled("same"))]
        )
        first = (await catalog.ask("ListWrites", parent=dataset("churn"))).writes[1]
        bound = await read(catalog, "u")
        assert (bound.write, bound.version) == (first.name, first.version)
