"""Questions about lineage, asked as the contract has them, of a graph that events made."""

from __future__ import annotations

import pytest

from headwater.v1 import catalog_pb2 as assets
from headwater.v1 import lineage_pb2 as graph
from headwater.v1 import lineage_service_pb2 as messages
from headwater_server.domain import ids
from headwater_server.domain.errors import InvalidField, InvalidPageToken, NotFound, TooLarge

from .conftest import (
    BOTH,
    DOWN,
    Lineage,
    arrows,
    at,
    columns,
    dataset,
    job,
    model,
    run,
    table,
    words,
)


async def shop(lineage: Lineage) -> None:
    """Orders and users are joined; a model is trained on what comes of it, and served."""
    await lineage.run(1, "load", "a1", writes=["orders"])
    await lineage.run(2, "join", "b1", reads=["orders", "users"], writes=["sales", "errors"])
    await lineage.run(3, "train", "c1", reads=["sales"], writes=[model("churn")])
    await lineage.run(4, "serve", "d1", reads=["churn"])


async def test_upstream_and_downstream_of_a_dataset(lineage: Lineage) -> None:
    await shop(lineage)
    above = await lineage.walk(dataset("churn"))
    assert set(words(above)) == {"churn", "sales", "orders", "users", "job load"}
    assert arrows(above.links) == {"sales ~> churn", "orders ~> sales", "users ~> sales", "job load -> orders"}
    assert {node.display_name: node.depth for node in above.nodes} == {
        "churn": 0,
        "sales": 1,
        "orders": 2,
        "users": 2,
        "load": 3,
    }
    below = await lineage.walk(dataset("orders"), direction=DOWN)
    assert set(words(below)) == {"orders", "sales", "errors", "churn", "job serve"}
    assert not below.summary.truncated
    assert below.summary.node_count == 5


async def test_a_node_says_what_it_is(lineage: Lineage) -> None:
    await lineage.run(
        1, "train", "a1", writes=[model("churn")], job_facets={"jobType": {"processingType": "STREAMING"}}
    )
    found = (await lineage.walk(dataset("churn"))).nodes
    assert [(n.type, n.dataset_kind, n.job_kind, n.namespace, n.display_name) for n in found] == [
        (graph.NODE_TYPE_DATASET, assets.DATASET_KIND_MODEL, 0, "db", "churn"),
        (graph.NODE_TYPE_JOB, 0, assets.JOB_KIND_STREAM, "team", "train"),
    ]


async def test_a_dataset_is_of_the_kind_that_the_catalogue_tells(lineage: Lineage) -> None:
    kinds = {
        "typed": table("typed", datasetType={"datasetType": "VIEW"}),
        "plain": table("plain", "id"),
        "stored": table("stored", storage={"storageLayer": "iceberg"}),
        "registered": table("registered", catalog={"framework": "hive", "type": "hive", "name": "c"}),
        "tagged": table("tagged", tags={"tags": [{"key": "kind", "value": "feature_table"}]}),
        "own": table("own", headwater_model={}),
        "features": table("features", headwater_features={}),
        "deleted": table("deleted", datasetType={"datasetType": "VIEW"}),
    }
    await lineage.run(1, "make", "a1", writes=list(kinds.values()))
    changed = {"datasetType": {"datasetType": "TOPIC"}}
    gone = {"datasetType": {"_deleted": True}}
    await lineage.run(2, "remake", "b1", writes=[table("typed", **changed), table("deleted", **gone)])
    await lineage.run(1.5, "make", "a2", writes=[table("typed", datasetType={"datasetType": "TABLE"}), "plain"])
    found = (await lineage.walk(*map(dataset, kinds), max_depth=1)).nodes
    async with lineage.catalog.reading(30) as reader:
        for name in kinds:
            sets = await reader.sets([ids.dataset_id("db", name)])
            told = await reader.dataset(next(iter(sets.values())), at(99), full=False)
            assert (name, told.kind) in [(node.display_name, node.dataset_kind) for node in found]
    assert len({node.dataset_kind for node in found}) > 4


async def test_a_link_says_its_job_and_since_when_it_holds(lineage: Lineage) -> None:
    await lineage.run(1, "copy", "a1", says="START", reads=["raw"], writes=["clean"])
    (link,) = (await lineage.walk(dataset("clean"))).links
    assert (link.job, link.inferred, link.HasField("end_time")) == (job("copy"), True, False)
    assert link.start_time.ToDatetime(at(0).tzinfo) == at(1)


async def test_a_job_as_root_leads_to_what_it_reads_and_writes(lineage: Lineage) -> None:
    await shop(lineage)
    found = await lineage.walk(job("join"), direction=BOTH, max_depth=1)
    assert set(words(found)) == {"job join", "orders", "users", "sales", "errors"}
    assert arrows(found.links) >= {"orders -> job join", "users -> job join", "job join -> sales", "job join -> errors"}
    assert found.summary.reasons == [messages.TRUNCATION_REASON_MAX_DEPTH]


async def test_between_jobs(lineage: Lineage) -> None:
    await shop(lineage)
    found = await lineage.walk(job("load"), level=messages.LEVEL_JOB, direction=DOWN)
    assert words(found) == ["job load", "job join", "job train", "job serve"]
    assert arrows(found.links) == {"job load -> job join", "job join -> job train", "job train -> job serve"}
    by_dataset = await lineage.walk(dataset("sales"), level=messages.LEVEL_JOB)
    assert words(by_dataset) == ["sales", "job join", "job load"]


async def test_between_fields(lineage: Lineage) -> None:
    lined = columns([("users", "active")], total=[("orders", "amount")], name=[("users", "name")])
    await lineage.run(1, "join", "a1", reads=["orders", "users"], writes=[table("sales", columnLineage=lined)])
    more = columns(revenue=[("sales", "total")])
    await lineage.run(2, "report", "b1", reads=["sales"], writes=[table("report", columnLineage=more)])
    above = await lineage.walk(dataset("report"), level=messages.LEVEL_FIELD, field="revenue")
    assert set(words(above)) == {"report.revenue", "sales.total", "sales", "orders.amount", "users.active"}
    assert arrows(above.links) == {
        "sales.total -> report.revenue",
        "orders.amount -> sales.total",
        "users.active -> sales",
    }
    whole = next(link for link in above.links if not link.target_field)
    assert [(t.type, t.subtype) for t in whole.transformations] == [(graph.TRANSFORMATION_TYPE_INDIRECT, "FILTER")]
    below = await lineage.walk(dataset("users"), level=messages.LEVEL_FIELD, field="active", direction=DOWN)
    assert set(words(below)) == {"users.active", "sales", "sales.total", "report.revenue"}
    direct = await lineage.walk(
        dataset("users"), level=messages.LEVEL_FIELD, field="active", direction=DOWN, exclude_indirect=True
    )
    assert words(direct) == ["users.active"]
    every = await lineage.walk(dataset("sales"), level=messages.LEVEL_FIELD)
    assert {"sales", "sales.total", "sales.name", "users.name"} <= set(words(every))


async def test_a_field_of_the_schema_alone_is_known_and_one_of_nowhere_is_not(lineage: Lineage) -> None:
    await lineage.run(1, "load", "a1", writes=[table("orders", "id")])
    found = await lineage.walk(dataset("orders"), level=messages.LEVEL_FIELD, field="id")
    assert words(found) == ["orders.id"]
    with pytest.raises(NotFound):
        await lineage.walk(dataset("orders"), level=messages.LEVEL_FIELD, field="nonsense")


async def test_only_datasets_of_some_kinds_are_given_and_others_walked_through(lineage: Lineage) -> None:
    await shop(lineage)
    found = await lineage.walk(dataset("orders"), direction=DOWN, dataset_kinds=[assets.DATASET_KIND_MODEL])
    assert words(found) == ["orders", "churn"]
    assert not found.links
    assert not found.summary.truncated


async def test_the_graph_of_the_past(lineage: Lineage) -> None:
    await lineage.run(1, "copy", "a1", reads=["old"], writes=["clean"])
    await lineage.run(5, "copy", "a2", reads=["new"], writes=["clean"])
    assert words(await lineage.walk(dataset("clean"), as_of=at(3))) == ["clean", "old"]
    assert words(await lineage.walk(dataset("clean"))) == ["clean", "new"]


async def test_the_stream_gives_the_same_as_the_answer_at_once_part_by_part(lineage: Lineage) -> None:
    await shop(lineage)
    walk = messages.Traversal(roots=[dataset("churn")])
    parts = await lineage.ask("TraverseLineage", traversal=walk)
    whole = await lineage.ask("GetLineage", traversal=walk)
    assert [node for part in parts for node in part.nodes] == list(whole.nodes)
    assert [link for part in parts for link in part.links] == list(whole.links)
    assert parts[0].nodes[0].name == dataset("churn")
    assert [part.HasField("summary") for part in parts] == [False] * (len(parts) - 1) + [True]
    assert len(parts) > 3


async def test_an_answer_holds_the_position_that_a_write_returned(lineage: Lineage) -> None:
    position = await lineage.run(1, "load", "a1", writes=["orders"])
    found = await lineage.walk(dataset("orders"), min_position=position)
    assert int(found.summary.position) >= int(position)
    await lineage.walk(dataset("orders"), min_position=found.summary.position)


@pytest.mark.parametrize(
    ("request_parts", "field"),
    [
        ({"roots": []}, "traversal.roots"),
        ({"roots": ["orders"]}, "traversal.roots[0]"),
        ({"roots": ["namespaces/db"]}, "traversal.roots[0]"),
        ({"roots": [dataset("orders"), run("a1")]}, "traversal.roots"),
        ({"roots": [run("a1")], "level": messages.LEVEL_DATASET}, "traversal.roots"),
        ({"roots": [dataset("orders")], "level": messages.LEVEL_RUN}, "traversal.roots"),
        ({"roots": [job("load")], "level": messages.LEVEL_FIELD}, "traversal.roots"),
        ({"roots": [dataset("orders")], "field": "id"}, "traversal.field"),
        ({"roots": [dataset("orders")], "max_depth": -1}, "traversal.max_depth"),
        ({"roots": [dataset("orders")], "max_nodes": -1}, "traversal.max_nodes"),
        ({"roots": [dataset("orders")], "direction": 9}, "traversal.direction"),
        ({"roots": [dataset("orders")], "level": 9}, "traversal.level"),
        ({"roots": [dataset("orders")], "dataset_kinds": [77]}, "traversal.dataset_kinds"),
        ({"roots": [dataset("orders")], "min_position": "later"}, "min_position"),
        ({"roots": [dataset("orders")], "min_position": "9" * 30}, "min_position"),
        ({"roots": [dataset("orders")], "min_position": str(2**40)}, "min_position"),
    ],
)
async def test_what_has_no_meaning_is_refused_with_the_field(
    lineage: Lineage, request_parts: dict[str, object], field: str
) -> None:
    await lineage.run(1, "load", "a1", writes=["orders"])
    with pytest.raises(InvalidField) as error:
        await lineage.walk(*request_parts.pop("roots"), **request_parts)  # type: ignore[misc]
    assert error.value.metadata["field"] == field


async def test_what_is_not_known_is_not_found(lineage: Lineage) -> None:
    for root in (dataset("nowhere"), job("nobody"), run("f9"), f"{dataset('nowhere')}/versions/latest"):
        with pytest.raises(NotFound):
            await lineage.walk(root)
    with pytest.raises(TooLarge):
        await lineage.walk(*[dataset(str(n)) for n in range(1001)])


async def test_links_one_hop_away(lineage: Lineage) -> None:
    await shop(lineage)
    into = await lineage.ask("SearchLinks", target=dataset("sales"))
    assert arrows(into.links) == {"orders ~> sales", "users ~> sales"}
    assert not into.next_page_token
    assert arrows((await lineage.ask("SearchLinks", source=dataset("churn"))).links) == {"churn -> job serve"}
    assert arrows((await lineage.ask("SearchLinks", source=job("join"))).links) == {
        "job join -> sales",
        "job join -> errors",
    }
    assert arrows((await lineage.ask("SearchLinks", target=job("join"))).links) == {
        "orders -> job join",
        "users -> job join",
    }


async def test_links_page_by_page_and_their_history(lineage: Lineage) -> None:
    for hour, name in enumerate(("one", "two", "one", "two"), start=1):
        await lineage.run(hour, "copy", f"a{hour}", reads=[name], writes=["clean"])
    now = await lineage.ask("SearchLinks", target=dataset("clean"))
    assert arrows(now.links) == {"two ~> clean"}
    past = await lineage.ask("SearchLinks", target=dataset("clean"), as_of=at(1.5))
    assert arrows(past.links) == {"one ~> clean"}
    found, token = [], ""
    while True:
        page = await lineage.ask(
            "SearchLinks", target=dataset("clean"), show_history=True, page_size=1, page_token=token
        )
        assert len(page.links) == 1
        found += page.links
        token = page.next_page_token
        if not token:
            break
    assert sorted((x.source, x.start_time.seconds, x.HasField("end_time")) for x in found) == sorted(
        (dataset(name), int(at(hour).timestamp()), hour < 4)
        for hour, name in enumerate(("one", "two", "one", "two"), start=1)
    )
    with pytest.raises(InvalidPageToken):
        await lineage.ask("SearchLinks", source=dataset("clean"), page_token="AAAA")
    with pytest.raises(InvalidField):
        await lineage.ask("SearchLinks", target=dataset("clean"), show_history=True, as_of=at(1))
    with pytest.raises(InvalidField):
        await lineage.ask("SearchLinks")


async def test_field_links_one_hop_away(lineage: Lineage) -> None:
    lined = columns([("users", "active")], total=[("orders", "amount")], name=[("users", "name")])
    await lineage.run(1, "join", "a1", reads=["orders", "users"], writes=[table("sales", columnLineage=lined)])
    expected = {"users.active -> sales", "orders.amount -> sales.total", "users.name -> sales.name"}
    assert arrows((await lineage.ask("SearchLinks", target=dataset("sales"), field_links=True)).links) == expected
    found = (await lineage.ask("SearchLinks", source=dataset("users"), field_links=True)).links
    assert arrows(found) == {"users.active -> sales", "users.name -> sales.name"}
    with pytest.raises(InvalidField):
        await lineage.ask("SearchLinks", source=job("join"), field_links=True)


async def test_links_of_joined_names_are_one(lineage: Lineage) -> None:
    symlinks = {"identifiers": [{"namespace": "db", "name": "hive.users", "type": "TABLE"}]}
    await lineage.run(1, "load", "a1", reads=["raw"], writes=[table("users", symlinks=symlinks)])
    await lineage.run(2, "load", "a2", reads=["raw"], writes=["hive.users"])
    await lineage.run(3, "load", "a3", reads=["raw"], writes=["hive.users", "users"])
    found = await lineage.ask("SearchLinks", source=dataset("raw"))
    assert arrows(found.links) == {"raw ~> users"}
    assert arrows((await lineage.ask("SearchLinks", target=dataset("hive.users"))).links) == {"raw ~> users"}


async def test_two_versions_are_compared_field_by_field(lineage: Lineage) -> None:
    before = {"fields": [{"name": "id", "type": "int"}, {"name": "age", "type": "int"}, {"name": "x", "type": "int"}]}
    after = {
        "fields": [
            {"name": "id", "type": "bigint"},
            {"name": "age", "type": "int", "description": "in years"},
            {"name": "y", "type": "int"},
        ]
    }
    await lineage.run(1, "load", "a1", writes=[table("users", schema=before)])
    await lineage.run(2, "load", "a2", writes=[table("old", schema=before), table("users", schema=after)])
    found = await lineage.ask(
        "CompareDatasetVersions", base=f"{dataset('old')}/versions/latest", target=f"{dataset('users')}/versions/latest"
    )
    assert [(c.path, c.type) for c in found.changes] == [
        ("age", messages.CHANGE_TYPE_METADATA_CHANGED),
        ("id", messages.CHANGE_TYPE_TYPE_CHANGED),
        ("x", messages.CHANGE_TYPE_REMOVED),
        ("y", messages.CHANGE_TYPE_ADDED),
    ]
    assert (found.changes[1].base.type, found.changes[1].target.type) == ("int", "bigint")
    assert not found.changes[3].HasField("base")
    same = await lineage.ask("CompareDatasetVersions", base=found.base.name, target=found.base.name)
    assert not same.changes


async def test_lineage_is_compared_at_two_times(lineage: Lineage) -> None:
    await lineage.run(1, "copy", "a1", reads=["old", "same"], writes=["clean"])
    await lineage.run(5, "copy", "a2", reads=["new", "same"], writes=["clean"])
    times = messages.TimeComparison(traversal=messages.Traversal(roots=[dataset("clean")]), base_time=at(2))
    found = await lineage.ask("CompareLineage", times=times)
    assert [node.display_name for node in found.added_nodes] == ["new"]
    assert [node.display_name for node in found.removed_nodes] == ["old"]
    assert arrows(found.added_links) == {"new ~> clean"}
    assert arrows(found.removed_links) == {"old ~> clean"}
    assert not found.truncated
    times.target_time.FromDatetime(at(3))
    assert not (await lineage.ask("CompareLineage", times=times)).added_nodes
    times.traversal.as_of.FromDatetime(at(3))
    with pytest.raises(InvalidField):
        await lineage.ask("CompareLineage", times=times)
    with pytest.raises(InvalidField):
        await lineage.ask("CompareLineage")
    with pytest.raises(InvalidField):
        await lineage.ask("CompareLineage", times=messages.TimeComparison(traversal=times.traversal))


async def test_two_runs_are_compared(lineage: Lineage) -> None:
    await lineage.run(1, "load", "r1", writes=[table("orders", "id")])
    await lineage.run(2, "join", "a1", reads=["orders", "users"], writes=[table("sales", "id")])
    await lineage.run(3, "load", "r2", writes=[table("orders", "id", "amount")])
    await lineage.run(4, "join", "a2", reads=["orders", "items"], writes=[table("sales", "id")])
    found = await lineage.ask("CompareLineage", runs=messages.RunComparison(base=run("a1"), target=run("a2")))
    assert [node.display_name for node in found.added_nodes] == ["items"]
    assert [node.display_name for node in found.removed_nodes] == ["users"]
    assert arrows(found.added_links) == {"items ~> sales"}
    assert arrows(found.removed_links) == {"users ~> sales"}
    assert [(c.dataset, c.is_input) for c in found.version_changes] == [(dataset("orders"), True)]
    assert found.version_changes[0].base_version != found.version_changes[0].target_version
    assert found.job_version_changed
    with pytest.raises(NotFound):
        await lineage.ask("CompareLineage", runs=messages.RunComparison(base=run("a1"), target=run("f9")))
