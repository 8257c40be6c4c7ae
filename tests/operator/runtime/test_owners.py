"""Owners are found once, whoever asks, and one that cannot be read ends the chain."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from headwater_operator.kubernetes_api import KubernetesApiError
from headwater_operator.owners import UNREADABLE_SECONDS, Owners

Metadata = dict[str, Any]


def owned(name: str, by: Metadata | None = None, kind: str = "Job", **more: Any) -> Metadata:
    """Metadata of an object, owned by another of a kind."""
    metadata: Metadata = {"name": name, "namespace": "team-a", "uid": f"uid-{name}", **more}
    if by is not None:
        reference = {"apiVersion": "batch/v1", "kind": kind, "name": by["name"], "uid": by["uid"], "controller": True}
        metadata["ownerReferences"] = [{**reference, "controller": False, "uid": "no"}, reference]
    return metadata


class FakeMetadata:
    """Knows some objects by name."""

    def __init__(self, *known: Metadata) -> None:
        self.known = {each["name"]: each for each in known}
        self.asked: list[str] = []
        self.failure: KubernetesApiError | None = None

    async def get_metadata(self, group: str, version: str, kind: str, namespace: str, name: str) -> Metadata | None:
        """Gives what is known, a moment later."""
        self.asked.append(name)
        await asyncio.sleep(0)
        if self.failure:
            raise self.failure
        return self.known.get(name)


CRON = owned("nightly", labels={"team": "a"})
JOB = owned("nightly-1", CRON, "CronJob")


async def test_the_chain_is_climbed_to_its_root() -> None:
    chain = await Owners(FakeMetadata(CRON, JOB)).find(owned("pod", JOB))
    assert [(each.kind, each.name) for each in chain] == [("Job.batch", "nightly-1"), ("CronJob.batch", "nightly")]
    assert chain[1].labels == {"team": "a"}


async def test_an_owner_is_asked_for_once_however_many_ask() -> None:
    api = FakeMetadata(CRON, JOB)
    owners = Owners(api)
    await asyncio.gather(*(owners.find(owned(f"pod-{number}", JOB)) for number in range(50)))
    await owners.find(owned("later", JOB))
    assert sorted(api.asked) == ["nightly", "nightly-1"]


async def test_an_owner_that_was_seen_is_not_asked_for() -> None:
    api = FakeMetadata()
    owners = Owners(api)
    owners.learn("CronJob.batch", CRON)
    (found,) = await owners.find(JOB)
    assert found.labels == {"team": "a"}
    assert api.asked == []


@pytest.mark.parametrize("known", [(), (owned("nightly") | {"uid": "another"},)])
async def test_an_owner_that_is_gone_ends_the_chain_with_its_reference(known: tuple[Metadata, ...]) -> None:
    (found,) = await Owners(FakeMetadata(*known)).find(JOB)
    assert (found.kind, found.name, found.uid, found.labels) == ("CronJob.batch", "nightly", "uid-nightly", {})


async def test_an_owner_that_may_not_be_read_is_asked_for_again_later() -> None:
    now = [0.0]
    api = FakeMetadata(CRON)
    api.failure = KubernetesApiError(403, "forbidden")
    owners = Owners(api, clock=lambda: now[0])
    (found,) = await owners.find(JOB)
    assert found.labels == {}
    api.failure = None
    assert (await owners.find(JOB))[0].labels == {}
    now[0] = UNREADABLE_SECONDS
    assert (await owners.find(JOB))[0].labels == {"team": "a"}


async def test_an_api_server_that_does_not_answer_is_no_answer() -> None:
    api = FakeMetadata(CRON)
    api.failure = KubernetesApiError(503, "overloaded")
    owners = Owners(api)
    with pytest.raises(KubernetesApiError):
        await owners.find(JOB)
    api.failure = None
    assert (await owners.find(JOB))[0].labels == {"team": "a"}


async def test_what_is_remembered_is_bounded() -> None:
    api = FakeMetadata(*(owned(f"cron-{number}") for number in range(5)))
    owners = Owners(api, most=3)
    for _ in range(2):
        for number in (4, 3, 2, 1, 0):
            await owners.find(owned("job", owned(f"cron-{number}"), "CronJob"))
    assert len(api.asked) == 10


async def test_long_annotations_are_not_remembered() -> None:
    owners = Owners(FakeMetadata(CRON | {"annotations": {"long": "x" * 5000, "short": "y"}}))
    (found,) = await owners.find(JOB)
    assert found.annotations == {"short": "y"}
