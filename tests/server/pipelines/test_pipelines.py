"""Pipelines: what is declared replaces what was, a lesser generation does not, and their end keeps them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from tests.server.pipelines.conftest import CHURN, NAMESPACE, event, pipeline, workload

from headwater import Client, HeadwaterError, NotFound
from headwater.v1 import pipeline_pb2 as pb


async def test_what_is_declared_is_stored_and_comes_back(client: Client) -> None:
    declared = pipeline(
        description="Who will leave",
        owner="team:growth",
        criticality=pb.CRITICALITY_EXPERIMENTAL,
        declarations=[pb.JobDeclaration(job="train-*", inputs=["s3://lake/raw"], outputs=["s3://lake/model"])],
        sampling=pb.Sampling(successful_percent=10),
        retention_days=30,
    )
    stored = await client.update_pipeline(declared, allow_missing=True)
    assert stored == await client.get_pipeline(CHURN)
    assert (stored.namespace, stored.display_name, stored.state) == (NAMESPACE, "churn", pb.PIPELINE_STATE_ACTIVE)
    assert stored.create_time == stored.update_time
    for field in ("uid", "description", "owner", "criticality", "declarations", "sampling", "retention_days"):
        assert getattr(stored, field) == getattr(declared, field)


async def test_a_pipeline_without_a_word_of_it_is_standard_and_keeps_all(client: Client) -> None:
    stored = await client.update_pipeline(pipeline(), allow_missing=True)
    assert stored.criticality == pb.CRITICALITY_STANDARD
    assert not stored.HasField("sampling")


async def test_a_pipeline_that_is_not_known_is_made_only_where_that_is_allowed(client: Client) -> None:
    for call in (client.update_pipeline(pipeline()), client.get_pipeline(CHURN), client.delete_pipeline(CHURN)):
        with pytest.raises(NotFound, match="churn"):
            await call
    assert await client.delete_pipeline(CHURN, allow_missing=True) == pb.Pipeline()


async def test_a_repetition_changes_nothing(client: Client) -> None:
    stored = await client.update_pipeline(pipeline(owner="ada"), allow_missing=True)
    assert await client.update_pipeline(pipeline(owner="ada"), allow_missing=True) == stored


async def test_a_lesser_generation_of_the_same_resource_changes_nothing(client: Client) -> None:
    await client.update_pipeline(pipeline(generation=3, owner="new"), allow_missing=True)
    assert (await client.update_pipeline(pipeline(generation=2, owner="old"))).owner == "new"
    assert (await client.update_pipeline(pipeline(generation=4, owner="newer"))).owner == "newer"


async def test_a_resource_made_anew_under_the_name_counts_from_its_beginning(client: Client) -> None:
    await client.update_pipeline(pipeline(generation=7, owner="old"), allow_missing=True)
    anew = await client.update_pipeline(pipeline(uid="another", generation=1, owner="new"))
    assert (anew.uid, anew.generation, anew.owner) == ("another", 1, "new")


async def test_the_end_of_a_pipeline_keeps_it_and_hides_it_from_lists(client: Client) -> None:
    stored = await client.update_pipeline(pipeline(), allow_missing=True)
    ended = await client.delete_pipeline(CHURN, uid=stored.uid)
    assert ended.state == pb.PIPELINE_STATE_ENDED
    assert ended.end_time == ended.update_time
    assert await client.delete_pipeline(CHURN) == ended
    assert [each async for each in client.pipelines(NAMESPACE)] == []
    assert [each async for each in client.pipelines(show_ended=True)] == [ended]
    again = await client.update_pipeline(pipeline())
    assert again.state == pb.PIPELINE_STATE_ACTIVE
    assert not again.HasField("end_time")


async def test_the_end_of_a_resource_does_not_end_the_one_that_took_its_name(client: Client) -> None:
    await client.update_pipeline(pipeline(uid="the new one"), allow_missing=True)
    assert (await client.delete_pipeline(CHURN, uid="the old one")).state == pb.PIPELINE_STATE_ACTIVE


async def test_lists_are_in_the_order_of_names_page_by_page(client: Client) -> None:
    for name in ("c", "a", "b"):
        await client.update_pipeline(pipeline(name), allow_missing=True)
    await client.update_pipeline(
        pb.Pipeline(name="namespaces/k8s%3A%2F%2Fprod%2Fother/pipelines/a", uid="1"), allow_missing=True
    )
    pages = [page async for page in client.pipelines(NAMESPACE, page_size=2).pages()]
    assert [[each.display_name for each in page.pipelines] for page in pages] == [["a", "b"], ["c"]]
    assert [each.namespace[-3:] + each.display_name async for each in client.pipelines(page_size=3)] == [
        "/mla",
        "/mlb",
        "/mlc",
        "hera",
    ]
    assert [each async for each in client.pipelines("nowhere")] == []


async def test_the_run_that_started_last_is_told(client: Client) -> None:
    await client.update_pipeline(pipeline(), allow_missing=True)
    await client.update_workloads(NAMESPACE, [workload("load", pipeline="churn"), workload("train", pipeline="churn")])
    assert not (await client.get_pipeline(CHURN)).HasField("latest_run")
    await client.batch_write_events(
        [event("load", "l1", minute=1), event("train", "t1", "FAIL", minute=2), event("other", "o1", minute=3)]
    )
    latest = (await client.get_pipeline(CHURN)).latest_run
    assert latest.job.endswith("jobs/train")


async def test_questions_are_answered_over_http_too(server: Any, client: Client) -> None:
    await client.update_pipeline(pipeline(), allow_missing=True)
    async with httpx.AsyncClient(base_url=server.http_url) as http:
        answer = await http.post("/api/v1/rpc/PipelineService/ListPipelines", json={"parent": "namespaces/-"})
        refused = await http.post("/api/v1/rpc/PipelineService/DeletePipeline", json={"name": CHURN})
    assert [each["displayName"] for each in answer.json()["pipelines"]] == ["churn"]
    assert refused.status_code == 404


BAD: dict[str, tuple[str, Callable[[pb.Pipeline], object]]] = {
    "no name": ("pipeline.name", lambda p: p.ClearField("name")),
    "the name of a job": ("pipeline.name", lambda p: p.MergeFrom(pb.Pipeline(name="namespaces/a/jobs/b"))),
    "a name too long": (
        "pipeline.name",
        lambda p: p.MergeFrom(pb.Pipeline(name=f"namespaces/a/pipelines/{'x' * 1025}")),
    ),
    "no uid": ("pipeline.uid", lambda p: p.ClearField("uid")),
    "a NUL": ("pipeline.owner", lambda p: p.MergeFrom(pb.Pipeline(owner="a\0b"))),
    "a long text": ("pipeline.description", lambda p: p.MergeFrom(pb.Pipeline(description="x" * 70_000))),
    "a generation below zero": ("pipeline.generation", lambda p: p.MergeFrom(pb.Pipeline(generation=-1))),
    "days below zero": ("pipeline.retention_days", lambda p: p.MergeFrom(pb.Pipeline(retention_days=-1))),
    "an unknown criticality": (
        "pipeline.criticality",
        lambda p: p.MergeFrom(pb.Pipeline(criticality=pb.Criticality.ValueType(9))),
    ),
    "more than all": (
        "pipeline.sampling.successful_percent",
        lambda p: p.sampling.MergeFrom(pb.Sampling(successful_percent=101)),
    ),
    "a declaration of no job": ("pipeline.declarations[0].job", lambda p: p.declarations.add(inputs=["s3://a/b"])),
    "a declared word": (
        "pipeline.declarations[0].outputs[1]",
        lambda p: p.declarations.add(job="a", outputs=["s3://a/b", "c"]),
    ),
}


@pytest.mark.parametrize(("field", "spoil"), BAD.values(), ids=BAD)
async def test_bad_input_is_refused_by_its_field_and_changes_nothing(
    client: Client, field: str, spoil: Callable[[pb.Pipeline], object]
) -> None:
    bad = pipeline()
    spoil(bad)
    with pytest.raises(HeadwaterError) as caught:
        await client.update_pipeline(bad, allow_missing=True)
    assert caught.value.metadata["field"] == field
    assert [each async for each in client.pipelines(show_ended=True)] == []
