"""Run-level lineage is exact: which writes a run read, which it made, and who read those."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from headwater.v1 import catalog_pb2 as assets
from headwater.v1 import lineage_pb2 as graph
from headwater.v1 import lineage_service_pb2 as messages
from headwater_server.domain.errors import NotFound

from .conftest import BOTH, DOWN, Lineage, arrows, at, dataset, model, run, run_id, table, words, write


async def nights(lineage: Lineage) -> None:
    """Each night features are made and a model is trained on them, and by day it is used."""
    for night in (1, 2):
        hour = 24 * night
        await lineage.run(hour, "features", f"f{night}", writes=[table("features", "clicks")])
        await lineage.run(hour + 1, "train", f"t{night}", says="START", reads=["features"])
        await lineage.run(hour + 2, "train", f"t{night}", reads=["features"], writes=[model("churn")])
        await lineage.run(hour + 3, "score", f"r{night}", reads=["churn"], writes=["scores"])


async def test_upstream_of_a_run_are_exactly_the_writes_that_it_read(lineage: Lineage) -> None:
    await nights(lineage)
    found = await lineage.walk(run("r2"))
    assert words(found) == ["run r2", "churn@t2", "run t2", "features@f2", "run f2"]
    assert arrows(found.links) == {
        "churn@t2 -> run r2",
        "run t2 -> churn@t2",
        "features@f2 -> run t2",
        "run f2 -> features@f2",
    }
    assert not found.summary.truncated
    first = await lineage.walk(run("r1"))
    assert words(first) == ["run r1", "churn@t1", "run t1", "features@f1", "run f1"]


async def test_downstream_of_a_write_are_the_runs_that_read_it(lineage: Lineage) -> None:
    await nights(lineage)
    found = await lineage.walk(write("features", "f1"), direction=DOWN)
    assert words(found) == ["features@f1", "run t1", "churn@t1", "run r1", "scores@r1"]


async def test_nodes_tell_of_runs_and_writes(lineage: Lineage) -> None:
    await nights(lineage)
    trained, made = (await lineage.walk(run("t1"), direction=DOWN, max_depth=1)).nodes
    assert (trained.type, trained.display_name, trained.namespace) == (graph.NODE_TYPE_RUN, "train", "")
    assert trained.run_state == assets.RUN_STATE_SUCCEEDED
    assert trained.time.ToDatetime(at(0).tzinfo) == at(25)
    assert (made.type, made.display_name, made.dataset_kind) == (
        graph.NODE_TYPE_WRITE,
        "churn",
        assets.DATASET_KIND_MODEL,
    )
    assert made.time.ToDatetime(at(0).tzinfo) == at(26)
    assert made.version.startswith(f"{dataset('churn')}/versions/")


async def test_a_version_of_a_model_is_one_write_and_of_a_table_all_that_left_it(lineage: Lineage) -> None:
    await nights(lineage)
    made = (await lineage.walk(write("churn", "t1"), max_depth=0)).nodes[0].version
    assert words(await lineage.walk(made, max_depth=1)) == ["churn@t1", "run t1"]
    latest = await lineage.walk(f"{dataset('churn')}/versions/latest", max_depth=1)
    assert words(latest) == ["churn@t2", "run t2"]
    schema = (await lineage.walk(write("features", "f1"), max_depth=0)).nodes[0].version
    both = await lineage.walk(schema, max_depth=1)
    assert set(words(both)) == {"features@f1", "features@f2", "run f1", "run f2"}
    for unknown in ("0123456789abcdef", "nonsense"):
        with pytest.raises(NotFound):
            await lineage.walk(f"{dataset('features')}/versions/{unknown}")


async def test_a_reader_that_names_the_version_reads_the_write_that_left_it(lineage: Lineage) -> None:
    await lineage.run(1, "load", "a1", writes=[table("t", "x", label="1")])
    await lineage.run(2, "load", "a2", writes=[table("t", "x", label="2")])
    await lineage.run(9, "report", "b1", reads=[table("t", label="1")], writes=["report"])
    await lineage.run(10, "report", "b2", reads=["t"], writes=["report"])
    assert words(await lineage.walk(run("b1"), max_depth=1)) == ["run b1", "t@a1"]
    assert words(await lineage.walk(run("b2"), max_depth=1)) == ["run b2", "t@a2"]
    assert words(await lineage.walk(write("t", "a1"), direction=DOWN, max_depth=1)) == ["t@a1", "run b1"]
    assert words(await lineage.walk(write("t", "a2"), direction=DOWN, max_depth=1)) == ["t@a2", "run b2"]
    assert (await lineage.walk(write("t", "a1"), max_depth=0)).nodes[0].version_label == "1"


async def test_a_failed_run_reads_and_writes_nothing(lineage: Lineage) -> None:
    await lineage.run(1, "load", "a1", writes=["t"])
    await lineage.run(2, "copy", "b1", says="FAIL", reads=["t"], writes=["copy"])
    found = await lineage.walk(write("t", "a1"), direction=DOWN)
    assert words(found) == ["t@a1", "run b1"]
    assert found.nodes[1].run_state == assets.RUN_STATE_FAILED
    with pytest.raises(NotFound):
        await lineage.walk(write("copy", "b1"))


async def test_a_run_does_not_read_its_own_write(lineage: Lineage) -> None:
    await lineage.run(1, "load", "a1", writes=["t"])
    await lineage.run(2, "merge", "b1", reads=["t"], writes=["t"])
    await lineage.run(3, "merge", "b2", reads=["t"], writes=["t"])
    assert words(await lineage.walk(run("b2"))) == ["run b2", "t@b1", "run b1", "t@a1", "run a1"]
    below = await lineage.walk(write("t", "a1"), direction=DOWN)
    assert words(below) == ["t@a1", "run b1", "t@b1", "run b2", "t@b2"]


async def test_the_names_of_one_dataset_are_one_at_run_level_too(lineage: Lineage) -> None:
    symlinks: Any = {"identifiers": [{"namespace": "db", "name": "hive.users", "type": "TABLE"}]}
    await lineage.run(1, "load", "a1", writes=[table("users", symlinks=symlinks)])
    await lineage.run(2, "report", "b1", reads=["hive.users"], writes=["report"])
    assert words(await lineage.walk(run("b1"))) == ["run b1", "users@a1", "run a1"]
    assert words(await lineage.walk(write("hive.users", "a1"), direction=DOWN, max_depth=1)) == ["users@a1", "run b1"]


async def test_the_past_at_run_level_holds_what_had_happened(lineage: Lineage) -> None:
    await nights(lineage)
    found = await lineage.walk(run("f1"), direction=DOWN, as_of=at(25.5))
    assert words(found) == ["run f1", "features@f1", "run t1"]


async def test_only_writes_of_some_kinds_are_given(lineage: Lineage) -> None:
    await nights(lineage)
    found = await lineage.walk(run("f1"), direction=DOWN, dataset_kinds=[assets.DATASET_KIND_MODEL])
    assert words(found) == ["run f1", "run t1", "churn@t1", "run r1"]


async def test_a_walk_at_run_level_is_cut_and_goes_on(lineage: Lineage) -> None:
    await lineage.run(1, "load", "a1", writes=["t"])
    for number in range(6):
        await lineage.run(2 + number, f"job{number}", f"b{number}", reads=["t"])
    found = await lineage.walk(write("t", "a1"), direction=DOWN, max_nodes=4)
    assert words(found) == ["t@a1", "run b0", "run b1", "run b2"]
    assert found.summary.reasons == [messages.TRUNCATION_REASON_MAX_NODES]
    assert found.summary.frontier == [write("t", "a1")]


async def test_reads_are_bound_as_the_catalogue_tells(lineage: Lineage) -> None:
    await nights(lineage)
    await lineage.run(80, "load", "a1", writes=[table("features", "clicks", label="7")])
    await lineage.run(81, "train", "t3", reads=[table("features", label="7"), "scores", "nowhere"], writes=["x"])
    for word in ("t1", "t2", "t3", "r1", "r2"):
        above = await lineage.walk(run(word), max_depth=1)
        async with lineage.catalog.reading(30) as reader:
            told = await reader.run(run_id(word))
        assert told is not None
        expected = {(use.dataset.name, use.write) for use in told.inputs if use.write}
        found = {(node.display_name, uuid.UUID(node.name.rsplit("/", 1)[-1])) for node in above.nodes[1:]}
        assert found == expected


async def test_both_ways_from_a_run(lineage: Lineage) -> None:
    await nights(lineage)
    found = await lineage.walk(run("t1"), direction=BOTH)
    assert set(words(found)) == {"run t1", "features@f1", "run f1", "churn@t1", "run r1", "scores@r1"}
