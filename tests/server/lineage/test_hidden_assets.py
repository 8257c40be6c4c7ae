"""What is deleted is neither shown nor conducts lineage, from then on and until something is said of it again."""

from __future__ import annotations

from datetime import datetime

from headwater.v1 import lineage_service_pb2 as messages
from headwater_server.domain import ids
from headwater_server.domain.hiding import Deletion, DeletionKind
from headwater_server.storage.catalog.deletions import add_deletion

from .conftest import DOWN, Lineage, arrows, at, dataset, job, run, table, words


async def delete(lineage: Lineage, asset: int, hours: float, kind: DeletionKind = DeletionKind.DELETE) -> None:
    """Deletes an asset at a time."""
    async with lineage.database.transaction() as connection:
        await add_deletion(connection, asset, Deletion(at(hours), kind))


async def above(lineage: Lineage, as_of: datetime | None = None) -> set[str]:
    """What is upstream of the report."""
    return set(words(await lineage.walk(dataset("report"), as_of=as_of))) - {"report"}


async def chain(lineage: Lineage) -> None:
    """From raw to clean to a report."""
    await lineage.run(1, "clean", "a1", reads=["raw"], writes=["clean"])
    await lineage.run(2, "report", "b1", reads=["clean"], writes=["report"])


async def test_a_deleted_dataset_is_a_gap_from_then_on(lineage: Lineage) -> None:
    await chain(lineage)
    await delete(lineage, ids.dataset_id("db", "clean"), 5)
    assert await above(lineage) == set()
    assert await above(lineage, at(3)) == {"clean", "raw"}
    assert await above(lineage, at(6)) == set()
    assert words(await lineage.walk(dataset("clean"))) == ["clean"]
    assert not (await lineage.ask("SearchLinks", target=dataset("report"))).links
    assert not (await lineage.ask("SearchLinks", target=dataset("clean"))).links
    history = await lineage.ask("SearchLinks", target=dataset("report"), show_history=True)
    assert arrows(history.links) == {"clean ~> report"}


async def test_a_later_event_brings_it_back_but_not_into_the_time_between(lineage: Lineage) -> None:
    await chain(lineage)
    await delete(lineage, ids.dataset_id("db", "clean"), 5)
    await lineage.run(8, "clean", "a2", reads=["raw"], writes=["clean"])
    assert await above(lineage) == {"clean", "raw"}
    assert await above(lineage, at(6)) == set()
    assert await above(lineage, at(9)) == {"clean", "raw"}


async def test_undeleting_brings_it_back(lineage: Lineage) -> None:
    await chain(lineage)
    await delete(lineage, ids.dataset_id("db", "clean"), 5)
    await delete(lineage, ids.dataset_id("db", "clean"), 7, DeletionKind.UNDELETE)
    assert await above(lineage) == {"clean", "raw"}
    assert await above(lineage, at(6)) == set()


async def test_a_deleted_job_conducts_nothing(lineage: Lineage) -> None:
    await chain(lineage)
    await delete(lineage, ids.job_id("team", "report"), 5)
    assert await above(lineage) == set()
    jobs = await lineage.walk(job("clean"), level=messages.LEVEL_JOB, direction=DOWN)
    assert words(jobs) == ["job clean"]
    assert await above(lineage, at(3)) == {"clean", "raw"}


async def test_a_set_is_hidden_whichever_of_its_names_is_deleted(lineage: Lineage) -> None:
    symlinks = {"identifiers": [{"namespace": "db", "name": "hive.clean", "type": "TABLE"}]}
    await lineage.run(1, "clean", "a1", reads=["raw"], writes=[table("clean", symlinks=symlinks)])
    await lineage.run(2, "report", "b1", reads=["hive.clean"], writes=["report"])
    assert await above(lineage) == {"clean", "raw"}
    await delete(lineage, ids.dataset_id("db", "hive.clean"), 5)
    assert await above(lineage) == set()
    await lineage.run(6, "other", "c1", reads=["hive.clean"], writes=["other"])
    assert await above(lineage) == {"clean", "raw"}


async def test_runs_are_history_and_show_what_was_deleted_since(lineage: Lineage) -> None:
    await chain(lineage)
    await delete(lineage, ids.dataset_id("db", "clean"), 5)
    assert words(await lineage.walk(run("b1"))) == ["run b1", "clean@a1", "run a1"]
