"""What the server rejects is told where people look: in the status of the pipeline."""

from __future__ import annotations

from datetime import UTC, datetime

from headwater.spool import DeadLetter, Item, Refusal
from headwater_operator.app import Operator
from headwater_operator.rejections import rejections_of

from .cluster import EPOCH, Cluster, at, until
from .conftest import Start, Told
from .stories import condition, declare, start_job

TOO_LONG = {"headwater.dev/outputs": "s3://lake/" + "x" * 3000}


def letter(seconds: float, pipeline: str, reason: str = "INVALID", event: bytes = b"") -> DeadLetter:
    """An event of a pipeline that was put then, and rejected."""
    milliseconds = round((EPOCH.timestamp() + seconds) * 1000)
    return DeadLetter(milliseconds, Item(event, "run-1", context=pipeline.encode()), Refusal(reason, "job", "no good"))


async def test_a_pipeline_says_what_was_rejected(cluster: Cluster, operator: Operator, told: Told) -> None:
    await declare(cluster)
    await start_job(cluster, "clean", annotations=TOO_LONG)
    status = await cluster.until_status("all", lambda status: status.get("rejected"))
    degraded = condition({"status": status}, "Degraded")
    assert (degraded["status"], degraded["reason"]) == ("True", "EventsRejected")
    assert "job clean" in status["lastError"]
    assert "rejected 1 events" in status["lastError"]
    await start_job(cluster, "clean-2", annotations=TOO_LONG)
    await cluster.until_status("all", lambda status: status.get("rejected") == 2)
    await start_job(cluster, "clean-3", annotations=TOO_LONG)  # once it is told, what was to be said before was said
    await cluster.until_status("all", lambda status: status.get("rejected") == 3)
    assert len([each for each in cluster.events() if each["reason"] == "EventsRejected"]) == 1


async def test_a_pipeline_still_says_so_after_a_restart(cluster: Cluster, start: Start) -> None:
    await declare(cluster)
    async with start():
        await start_job(cluster, "clean", annotations=TOO_LONG)
        await cluster.until_status("all", lambda status: status.get("rejected"))
    await cluster.change("LineagePipeline", "all", status={"rejected": 0, "conditions": []})
    async with start():
        await cluster.until_status("all", lambda status: status.get("rejected"))
        await until(lambda: [each for each in cluster.events() if each["reason"] == "EventsRejected"])


def test_rejections_are_counted_by_pipeline_and_for_a_while() -> None:
    letters = [letter(0, "a"), letter(10, "a", "TOO_LARGE"), letter(10, "b"), letter(11, ""), letter(12, "b")]
    found = rejections_of(letters, datetime.fromisoformat(at(5)).astimezone(UTC))
    assert {uid: (each.count, each.reason) for uid, each in found.items()} == {
        "a": (1, "TOO_LARGE"),
        "b": (2, "INVALID"),
    }
    assert found["b"].message == "job: no good"
