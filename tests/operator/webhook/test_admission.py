"""Whatever fails inside, the pod is admitted as it is, with a warning and a count."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from headwater_operator.injection import gates
from headwater_operator.injection.cluster_view import Owners
from headwater_operator.webhook import admission as module
from headwater_operator.webhook import injected_pod, owner_cache, review
from headwater_operator.webhook.admission import Admission
from headwater_operator.webhook.injected_pod import Injector
from headwater_operator.webhook.review import Undecodable

from . import shapes
from .examples import EXAMPLES, LOAD, OF_LOAD, Example, owned_by
from .shapes import Json

STEPS = [
    (review.Request, "pod"),
    (module, "make_answer"),
    (injected_pod, "decide"),
    (injected_pod, "warnings_of"),
    (injected_pod, "name_run"),
    (injected_pod, "pod_ref"),
    (injected_pod, "scratch_of"),
    (injected_pod, "kubeflow_task"),
    (injected_pod, "pod_variables"),
    (injected_pod, "variables_of_emitter"),
    (injected_pod, "variables_of_user"),
    (injected_pod, "drain_seconds"),
    (injected_pod, "sidecar"),
    (injected_pod, "volumes"),
    (injected_pod, "patch"),
    (gates, "find_pod_run"),
    (gates, "covering"),
]
FAILURES = [ValueError("no"), KeyError("key"), RecursionError(), TimeoutError()]


class KnownOwners:
    """Owners that are known, or a failure."""

    def __init__(self, owners: Owners, failure: Exception | None = None) -> None:
        self.owners = owners
        self.failure = failure

    async def climb(self, metadata: Mapping[str, Any], namespace: str) -> Owners:
        if self.failure:
            raise self.failure
        return self.owners


def admission(one: Example, ca: object = lambda: shapes.CA) -> Admission:
    assert callable(ca)
    return Admission(Injector(shapes.settings(), one.view), KnownOwners(one.owners), ca)


def count(found: Admission, outcome: str) -> float:
    return float(found.figures.reviews.labels(outcome)._value.get())


def response(answer: bytes) -> Json:
    found: Json = json.loads(answer)["response"]
    return found


@pytest.mark.parametrize("failure", FAILURES, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize(("where", "step"), STEPS, ids=[step for _, step in STEPS])
async def test_a_failure_in_any_step_admits(
    where: Any, step: str, failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = EXAMPLES["job"]() if "kubeflow" not in step and step != "scratch_of" else kubeflow()
    found = admission(one)
    real = getattr(where, step)
    calls = []

    def fail(*arguments: Any, **given: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 1:
            raise failure
        return real(*arguments, **given)

    monkeypatch.setattr(where, step, fail)
    answer = response(await found.answer(shapes.review(one.pod, one.namespace)))
    assert calls
    assert answer["allowed"] is True
    assert answer["uid"] == shapes.uid("review")
    assert answer["warnings"]
    if not (step == "kubeflow_task" and isinstance(failure, ValueError)):
        assert "patch" not in answer
        understood = step == "find_pod_run" and isinstance(failure, ValueError)  # a gate says so
        assert count(found, "left" if understood else "failed") == 1


def kubeflow() -> Example:
    """A task of Kubeflow Pipelines, by hand."""
    executor_input = {"outputs": {"artifacts": {"model": {"artifacts": [{"uri": "minio://b/model"}]}}}}
    command = ["/kfp-launcher/launch", "--pipeline_name", "p", "--executor_input", json.dumps(executor_input), "--"]
    main = shapes.container("main", command=command, volumeMounts=[{"name": "minio-scratch", "mountPath": "/minio"}])
    labels = {"pipeline/runid": "1", "pipelines.kubeflow.org/pod-role": "container-executor"}
    annotations = {
        "workflows.argoproj.io/node-id": "p-1-2",
        "workflows.argoproj.io/node-name": "p-1.root.train.executor",
    }
    owner = ("argoproj.io/v1alpha1", "Workflow", "p-1")
    volumes = [{"name": "minio-scratch", "emptyDir": {}}]
    pod = shapes.pod("p-1-x", main, owner=owner, labels=labels, annotations=annotations, volumes=volumes)
    return Example(pod, owned_by(("Workflow.argoproj.io", "p-1")))


async def test_failing_owners_and_files_admit() -> None:
    one = EXAMPLES["job"]()

    def fail() -> str:
        raise OSError("gone")

    for found in (
        admission(one, fail),
        Admission(Injector(shapes.settings(), one.view), KnownOwners(OF_LOAD, KeyError("uid")), lambda: ""),
    ):
        answer = response(await found.answer(shapes.review(one.pod)))
        assert answer["allowed"] is True
        assert "patch" not in answer
        assert count(found, "failed") == 1


async def test_an_answer_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DEADLINE_SECONDS", 0.01)
    one = EXAMPLES["job"]()

    class Never:
        async def climb(self, metadata: Mapping[str, Any], namespace: str) -> Owners:
            await asyncio.Event().wait()
            raise AssertionError

    found = Admission(Injector(shapes.settings(), one.view), Never(), lambda: "")
    answer = response(await found.answer(shapes.review(one.pod)))
    assert answer["allowed"] is True
    assert "TimeoutError" in answer["warnings"][0]


@pytest.mark.parametrize(
    "request_part",
    [
        {"uid": "1", "operation": 7},
        {"uid": "1", "operation": "CREATE", "resource": {"resource": "pods"}, "object": None},
        {"uid": "1", "operation": "CREATE", "resource": {"resource": "pods"}, "object": {"metadata": {}}},
        {"uid": "1", "operation": "CREATE", "resource": {"resource": "pods"}, "object": {"metadata": [], "spec": 1}},
        {"uid": "1"},
    ],
)
async def test_a_review_without_meaning_is_admitted(request_part: Json) -> None:
    found = admission(EXAMPLES["job"]())
    answer = response(await found.answer(json.dumps({"request": request_part}).encode()))
    assert (answer["uid"], answer["allowed"]) == ("1", True)
    assert answer["warnings"]
    assert count(found, "failed") == 1


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"request": {}}', b'{"request": {"uid": 1}}', b"\xff"])
async def test_what_has_no_uid_cannot_be_answered(body: bytes) -> None:
    with pytest.raises(Undecodable):
        await admission(EXAMPLES["job"]()).answer(body)


@pytest.mark.parametrize(
    "asked", [{"operation": "UPDATE"}, {"subResource": "exec"}, {"resource": {"group": "apps", "resource": "pods"}}]
)
async def test_what_creates_no_pod_is_none_of_its_business(asked: Json) -> None:
    one = EXAMPLES["job"]()
    found = admission(one)
    assert response(await found.answer(shapes.review(one.pod, **asked))) == {
        "uid": shapes.uid("review"), "allowed": True,
    }  # fmt: skip
    assert count(found, "not asked") == 1


async def test_what_was_decided_is_counted() -> None:
    one = EXAMPLES["job"]()
    found = admission(one)
    await found.answer(shapes.review(one.pod))
    await found.answer(shapes.review(shapes.pod("load-x", owner=LOAD, hostNetwork=True)))
    assert (count(found, "injected"), count(found, "left")) == (1, 1)
    assert found.figures.closed.labels("network")._value.get() == 1


async def test_a_namespace_that_only_the_request_names_is_the_pods() -> None:
    one = EXAMPLES["job"]()
    del one.pod["metadata"]["namespace"]
    assert shapes.operations(await admission(one).answer(shapes.review(one.pod)))


async def test_a_warning_is_one_short_line() -> None:
    answer = response(review.make_answer("1", (), ["a\nb\t" + "c" * 500]))
    (line,) = answer["warnings"]
    assert line.startswith("headwater: a b ccc")
    assert len(line) <= 250


class Metadata:
    """Metadata for the cache of owners."""

    @staticmethod
    def of(name: str, owner: tuple[str, str, str] | None = None) -> Json:
        return shapes.metadata(name, owner)


async def test_a_pod_waits_a_little_for_an_owner_that_is_new() -> None:
    cache = owner_cache.OwnerCache(lambda _: True, patience_seconds=30)
    cron = ("batch/v1", "CronJob", "nightly")
    climbing = [asyncio.create_task(cache.climb(Metadata.of("x", LOAD), "ml")) for _ in range(3)]
    await asyncio.sleep(0)
    cache.put("Job.batch", Metadata.of("load", cron))
    await asyncio.sleep(0)
    cache.put("CronJob.batch", Metadata.of("nightly"))
    for task in climbing:
        owners = await task
        assert [each.name for each in owners.chain] == ["load", "nightly"]
        assert owners.guessed == ()
    assert cache._awaited == {}


async def test_an_owner_that_does_not_come_is_told_by_its_reference() -> None:
    cache = owner_cache.OwnerCache(lambda _: True, patience_seconds=0.01)
    owners = await cache.climb(Metadata.of("x", LOAD), "ml")
    assert [(each.kind, each.name, each.uid) for each in owners.chain] == [("Job.batch", "load", shapes.uid("load"))]
    assert owners.guessed == ("Job load",)
    assert cache._awaited == {}
    one = EXAMPLES["job"]()
    injection = shapes.inject(one.pod, owners, one.view)
    assert injection.operations
    assert "not known in time" in injection.warnings[0]


async def test_nobody_waits_for_a_kind_that_is_not_followed() -> None:
    cache = owner_cache.OwnerCache(lambda _: False, patience_seconds=3_600)
    owners = await cache.climb(Metadata.of("x", ("example.com/v1", "Thing", "one")), "ml")
    assert [each.kind for each in owners.chain] == ["Thing.example.com"]
    assert owners.guessed == ()


def test_the_ca_is_read_again_when_it_changes(tmp_path: Path) -> None:
    from headwater.program.watched_files import UnusableFile
    from headwater_operator.webhook.app import _certificates

    file = tmp_path / "ca.crt"
    file.write_text("no certificate")
    with pytest.raises(UnusableFile):
        _certificates(file)
    file.write_text(shapes.CA)
    ca = _certificates(file)
    assert ca() == shapes.CA
    file.write_text(shapes.CA * 2)
    assert ca() == shapes.CA * 2
    file.write_text("torn")
    assert ca() == shapes.CA * 2
    assert _certificates(None)() == ""
