"""Workloads: a namespace's are replaced as a whole, and have lineage once a run in their tree reports any."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from tests.server.pipelines.conftest import CHURN, DECLARED, NAMESPACE, dataset, event, pipeline, workload

from headwater import Client, HeadwaterError
from headwater.v1 import pipeline_pb2 as pb


async def jobs(client: Client, **conditions: object) -> list[str]:
    """The jobs of the workloads for which conditions hold."""
    return [each.job.rpartition("/")[2] async for each in client.workloads(**conditions)]  # type: ignore[arg-type]


async def test_what_is_sent_replaces_what_was_known_of_the_namespace_alone(client: Client) -> None:
    await client.update_workloads(NAMESPACE, [workload("a"), workload("b", pipeline="churn")])
    await client.update_workloads("k8s://prod/other", [workload("elsewhere")])
    await client.update_workloads(
        NAMESPACE, [workload("b", change_time=Timestamp(seconds=7)), workload("c", "Job.batch")]
    )
    assert [(each.namespace, each.kind, each.job.rpartition("/")[2]) async for each in client.workloads()] == [
        (NAMESPACE, "CronJob.batch", "b"),
        (NAMESPACE, "Job.batch", "c"),
        ("k8s://prod/other", "CronJob.batch", "elsewhere"),
    ]
    (changed, _) = [each async for each in client.workloads(NAMESPACE)]
    assert (changed.pipeline, changed.change_time.seconds) == ("", 7)
    await client.update_workloads(NAMESPACE, [])
    assert await jobs(client) == ["elsewhere"]


async def test_of_one_that_is_sent_twice_the_covered_one_holds_then_the_later(client: Client) -> None:
    first, second = (workload("a", pipeline="churn", change_time=Timestamp(seconds=i)) for i in (1, 2))
    for sent in ([first, second, workload("a")], [workload("a"), second, first]):
        await client.update_workloads(NAMESPACE, sent)
        ((pipeline, seconds),) = [(each.pipeline, each.change_time.seconds) async for each in client.workloads()]
        assert (pipeline, seconds) == (CHURN, 2)


async def test_workloads_are_listed_by_what_covers_them(client: Client) -> None:
    await client.update_workloads(
        NAMESPACE, [workload(x, pipeline=y) for x, y in (("a", "churn"), ("b", ""), ("c", "x"))]
    )
    assert await jobs(client, pipeline=CHURN) == ["a"]
    assert await jobs(client, uncovered=True) == ["b"]
    assert await jobs(client, namespace="nowhere") == []


async def test_lists_go_on_page_by_page(client: Client) -> None:
    await client.update_workloads(NAMESPACE, [workload(f"job {i}") for i in range(5)])
    pages = [page async for page in client.workloads(without_lineage=True, page_size=2).pages()]
    assert [len(page.workloads) for page in pages] == [2, 2, 1]


async def test_a_workload_has_lineage_once_a_run_in_its_tree_reports_any(client: Client) -> None:
    await client.update_pipeline(pipeline(), allow_missing=True)
    names = ["reports", "has a child", "has a grandchild", "is silent", "is declared", "is declared and reports"]
    await client.update_workloads(NAMESPACE, [workload(name.replace(" ", "-"), pipeline="churn") for name in names])
    silent = [dataset("raw", **DECLARED)]
    await client.batch_write_events(
        [
            event("reports", "r", reads=["raw"]),
            event("has-a-child", "c"),
            event("inner", "c1", parent="has-a-child c", writes=["out"]),
            event("inner", "g2", parent="inner g1", writes=["out"]),
            event("inner", "g1", parent="has-a-grandchild g"),
            event("has-a-grandchild", "g"),
            event("is-silent", "s", facets={"x": {}}),
            event("is-declared", "d", reads=silent),
            event("is-declared-and-reports", "dr", "START", reads=silent),
            event("is-declared-and-reports", "dr", minute=1, writes=["out"]),
        ]
    )
    assert await jobs(client, without_lineage=True) == ["is-declared", "is-silent"]
    (counted,) = (await client.get_pipeline(CHURN)).completeness
    assert (counted.kind, counted.workload_count, counted.with_lineage_count) == ("CronJob.batch", 6, 4)


async def test_completeness_is_told_kind_by_kind(client: Client) -> None:
    await client.update_pipeline(pipeline(), allow_missing=True)
    covered = [
        workload("a", "Job.batch", "churn"),
        workload("b", "CronJob.batch", "churn"),
        workload("c", "Job.batch", "churn"),
    ]
    await client.update_workloads(NAMESPACE, [*covered, workload("d", "Job.batch")])
    found = (await client.get_pipeline(CHURN)).completeness
    assert [(each.kind, each.workload_count) for each in found] == [("CronJob.batch", 1), ("Job.batch", 2)]


BAD: dict[str, tuple[str, Callable[[], list[pb.Workload]]]] = {
    "no job": ("workloads[0].job", lambda: [pb.Workload(kind="Job.batch")]),
    "no kind": ("workloads[1].kind", lambda: [workload("a"), workload("b", kind="")]),
    "a pipeline of another namespace": (
        "workloads[0].pipeline",
        lambda: [pb.Workload(job="namespaces/a/jobs/b", kind="Job.batch", pipeline="namespaces/x/pipelines/y")],
    ),
    "a time that is none": (
        "workloads[0].change_time",
        lambda: [workload("a", change_time=Timestamp(seconds=1 << 40))],
    ),
    "too many": ("workloads", lambda: [workload(f"{i}") for i in range(10_001)]),
}


@pytest.mark.parametrize(("field", "make"), BAD.values(), ids=BAD)
async def test_bad_input_is_refused_by_its_field_and_changes_nothing(
    client: Client, field: str, make: Callable[[], list[pb.Workload]]
) -> None:
    await client.update_workloads(NAMESPACE, [workload("known")])
    with pytest.raises(HeadwaterError) as caught:
        await client.update_workloads(NAMESPACE, make())
    assert caught.value.metadata["field"] == field
    assert await jobs(client) == ["known"]


@pytest.mark.parametrize(
    ("field", "conditions"),
    [
        ("parent", {"namespace": "namespaces/"}),
        ("pipeline", {"pipeline": "namespaces/a/jobs/b"}),
        ("uncovered", {"pipeline": CHURN, "uncovered": True}),
    ],
)
async def test_questions_without_meaning_are_refused(client: Client, field: str, conditions: dict[str, object]) -> None:
    with pytest.raises((HeadwaterError, ValueError), match=field if field != "pipeline" else "must look like"):
        await jobs(client, **conditions)


async def test_ten_thousand_workloads_are_taken_at_once(client: Client) -> None:
    await client.update_workloads(NAMESPACE, [workload(f"job-{i:05}") for i in range(10_000)])
    assert len(await jobs(client, namespace=NAMESPACE, page_size=1000)) == 10_000
