"""The operator on a real cluster, with the permissions that it asks for and no others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ..server_process import RunningServer
from .kubernetes_access import Namespace, has_condition
from .lineage_pipelines import RESOURCE, delivered, every_minute, job, pipeline, time_of
from .rights import asked_for, granted
from .running_operator import ACCOUNT, Operator, running_operator
from .running_server import runs_of


@pytest.fixture
def operator(permissions: None, server: RunningServer, tmp_path: Path) -> Iterator[Operator]:
    """A running operator."""
    with running_operator(server.grpc_address, tmp_path) as found:
        yield found


def test_a_scheduled_job_is_traced_with_no_change_to_it(
    namespace: Namespace, operator: Operator, server: RunningServer, headwater_image: str
) -> None:
    namespace.apply(pipeline(owner="team-a"))
    namespace.wait_for(RESOURCE, "all", has_condition("Ready"))
    namespace.apply(every_minute("nightly", headwater_image, inputs="s3://raw/clicks", outputs="s3://lake/users"))
    status = delivered(namespace, "SUCCEEDED")["status"]
    assert (status["jobs"], status["missed"], status["lastRun"]["job"]) == (1, 0, "nightly")
    run = runs_of(server, namespace, "nightly")[-1]
    assert [each.dataset.rpartition("/")[2] for each in run.outputs] == ["users"]
    assert run.nominal_start_time.seconds % 60 == 0
    conditions = {each["type"]: each["status"] for each in status["conditions"]}
    assert conditions == {"Ready": "True", "Registered": "True", "Degraded": "False"}


def test_an_operator_that_was_killed_half_way_tells_the_rest_with_its_true_times(
    namespace: Namespace, operator: Operator, server: RunningServer, headwater_image: str
) -> None:
    namespace.apply(pipeline(), job("train", headwater_image, "sleep 4"))
    delivered(namespace, "RUNNING")
    operator.kill()
    ended = namespace.wait_for("batch/v1/Job", "train", has_condition("Complete"))
    operator.start()
    delivered(namespace, "SUCCEEDED")
    (run,) = runs_of(server, namespace, "train")
    assert run.name == f"runs/{ended['metadata']['uid']}"
    assert run.start_time.ToDatetime(time_of(ended["status"]["startTime"]).tzinfo) == time_of(
        ended["status"]["startTime"]
    )
    completed = time_of(ended["status"]["completionTime"])
    assert run.end_time.ToDatetime(completed.tzinfo) == completed


def test_a_restart_tells_nothing_twice(
    namespace: Namespace, operator: Operator, server: RunningServer, headwater_image: str
) -> None:
    namespace.apply(pipeline(), job("train", headwater_image, outputs="s3://models/churn"))
    delivered(namespace, "SUCCEEDED")
    before = runs_of(server, namespace, "train")
    assert operator.stop() == 0
    operator.start()
    namespace.apply(job("serve", headwater_image))
    delivered(namespace, "SUCCEEDED", "serve")
    assert runs_of(server, namespace, "train") == before


def test_a_job_that_is_deleted_half_way_is_aborted(
    namespace: Namespace, operator: Operator, server: RunningServer, headwater_image: str
) -> None:
    namespace.apply(pipeline(), job("train", headwater_image, "sleep 600"))
    delivered(namespace, "RUNNING")
    namespace.kubectl("delete", "job", "train")
    delivered(namespace, "ABORTED")
    (run,) = runs_of(server, namespace, "train")
    assert run.HasField("end_time")


def test_of_two_pipelines_the_older_covers_and_the_other_says_so(
    namespace: Namespace, operator: Operator, headwater_image: str
) -> None:
    namespace.apply(pipeline())
    namespace.wait_for(RESOURCE, "all", has_condition("Ready"))
    namespace.apply(pipeline("younger"), job("train", headwater_image))
    younger = namespace.wait_for(RESOURCE, "younger", lambda found: bool(found.get("status", {}).get("conflicts")))
    assert younger["status"]["conflicts"][0]["pipeline"] == "all"
    assert has_condition("Degraded")(younger)
    events = namespace.kubectl("get", "events", "--field-selector", "involvedObject.name=younger")
    assert "Conflict" in events


def test_a_deleted_pipeline_goes_and_its_lineage_stays(
    namespace: Namespace, operator: Operator, server: RunningServer, headwater_image: str
) -> None:
    namespace.apply(pipeline(), job("train", headwater_image))
    delivered(namespace, "SUCCEEDED")
    namespace.kubectl("delete", "lp", "all", "--timeout=60s")
    assert len(runs_of(server, namespace, "train")) == 1


def test_nothing_is_written_on_what_is_not_ours(namespace: Namespace, operator: Operator, headwater_image: str) -> None:
    namespace.apply(pipeline(), job("train", headwater_image))
    delivered(namespace, "SUCCEEDED")
    found = namespace.wait_for("batch/v1/Job", "train", has_condition("Complete"))
    managers = {each["manager"] for each in found["metadata"]["managedFields"]}
    assert managers <= {"kubectl-client-side-apply", "kube-controller-manager"}
    assert not [each for each in found["metadata"].get("finalizers", []) if "headwater" in each]


def test_the_operator_may_do_what_it_needs_and_nothing_more(permissions: None) -> None:
    asked = asked_for()
    assert granted(ACCOUNT) == asked
    for resource in ("pods", "jobs.batch", "cronjobs.batch", "workflows.argoproj.io"):
        assert {verb for name, verb in asked if name == resource} == {"get", "list", "watch"}
