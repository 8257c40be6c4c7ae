"""What the webhook says of a pod's run is what the operator reports: id, job, and the run at the root."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from headwater.v1 import event_pb2 as pb
from headwater_emitter.pod import RunName
from headwater_operator.events import events_of
from headwater_operator.injection.cluster_view import ClusterView, Owners
from headwater_operator.injection.pod_run import RunNames, find_pod_run, name_run, pod_ref
from headwater_operator.kinds import ADAPTERS
from headwater_operator.kinds.argo_nodes import path_of_node_name, task_path
from headwater_operator.observation import ObjectRef
from headwater_operator.pipeline.pipeline import parse_pipeline

from . import shapes
from .examples import EXAMPLES, LIVE, Example, captured_requests, from_request
from .shapes import Json

STATUS: dict[str, str] = {
    "Job.batch": "startTime: '2026-11-20T08:00:00Z'\nready: 1",
    "PyTorchJob.kubeflow.org": "startTime: '2026-11-20T08:00:00Z'",
    "SparkApplication.sparkoperator.k8s.io": "applicationState: {state: RUNNING}",
    "Workflow.argoproj.io": """
phase: Running
startedAt: '2026-11-20T08:00:00Z'
nodes:
  etl-7fx2q: {id: etl-7fx2q, name: etl-7fx2q, displayName: etl-7fx2q, type: Steps}
  retry: {id: retry, displayName: 'split(0:a.csv)', type: Retry, boundaryID: etl-7fx2q}
  etl-7fx2q-3019283:
    id: etl-7fx2q-3019283
    name: 'etl-7fx2q[0].split(0:a.csv)(1)'
    displayName: 'split(0:a.csv)(1)'
    type: Pod
    phase: Running
    startedAt: '2026-11-20T08:00:00Z'
    boundaryID: etl-7fx2q
""",
}
REPORTED = ["job", "cron_job", "train_job", "pytorch_job", "spark_driver", "katib", "argo", "argo_in_a_trial"]
TEMPLATES = ({}, {"namespaceName": "team/{pipeline}", "jobName": "{kind}/{namespace}/{name}"})


def told(one: Example) -> RunNames | None:
    """What the webhook says."""
    found = find_pod_run(one.pod, (pod_ref(one.pod, one.namespace), *one.owners.chain), one.view)
    return name_run(found, one.view) if found else None


def reported(body: Json, kind: str, owners: tuple[ObjectRef, ...], view: ClusterView) -> dict[str, pb.RunEvent]:
    """What the operator reports of an object, by the id of the run."""
    found: dict[str, pb.RunEvent] = {}
    for adapter in ADAPTERS:
        if adapter.resource.name == kind:
            for observation in adapter.observe(body, owners, view.names):
                for event in events_of(observation, view.coverage, view.names):
                    message = pb.Event.FromString(event.body).run_event
                    found[message.run.run_id] = message
    return found


def names_of(event: pb.RunEvent) -> RunNames:
    """The names in an event, as the webhook has them."""
    run = RunName(event.run.run_id, event.job.namespace, event.job.name)
    if not event.run.HasField("parent"):
        return RunNames(run, run)
    parent = event.run.parent
    top = parent.root if parent.HasField("root") else parent
    return RunNames(run, RunName(top.run_id, top.job_namespace, top.job_name))


@pytest.mark.parametrize("templates", TEMPLATES, ids=["plain", "templates"])
@pytest.mark.parametrize("name", REPORTED)
def test_the_webhook_says_what_the_operator_reports(name: str, templates: Json) -> None:
    one = EXAMPLES[name]()
    for pipeline in one.view.coverage.all():
        one.view.coverage.put(parse_pipeline(shapes.pipeline_body(pipeline.name, selector={}, **templates)))
    expected = told(one)
    assert expected is not None
    own, *owners = one.owners.chain
    metadata: dict[str, Any] = {"namespace": own.namespace, "name": own.name, "uid": own.uid}
    metadata |= {"creationTimestamp": shapes.CREATED, "labels": dict(own.labels)}
    body = {"metadata": metadata, "spec": {}, "status": yaml.load(STATUS[own.kind], yaml.BaseLoader)}
    body["status"].pop("ready", None)
    events = reported(body, own.kind, tuple(owners), one.view)
    assert names_of(events[expected.run.run_id]) == expected


def test_it_does_so_for_every_captured_task_of_kubeflow_pipelines() -> None:
    requests = captured_requests()
    if not requests:
        pytest.skip(f"the captured admission reviews are not at {LIVE}")
    stored = {
        pod["metadata"]["uid"]: pod
        for file in sorted((LIVE / "pods").glob("*.json"))
        for pod in json.loads(file.read_text())["stored"]
    }
    compared = 0
    for request in requests:
        one = from_request(request)
        labels = request["object"]["metadata"]["labels"]
        if labels["pipelines.kubeflow.org/pod-role"] != "container-executor":
            continue
        expected = told(one)
        assert expected is not None
        pod = next(
            each for each in stored.values() if each["metadata"]["name"] == request["object"]["metadata"]["name"]
        )
        assert names_of(reported(pod, "Pod", one.owners.chain, one.view)[expected.run.run_id]) == expected
        compared += 1
    assert compared >= 12


@pytest.mark.parametrize(
    ("node_name", "path"),
    [
        ("wf", ""),
        ("wf.prepare", "prepare"),
        ("wf[0].prepare", "prepare"),
        ("wf[0].prepare(0:a.csv)(1)", "prepare"),
        ("wf[12].outer(0:x(y).z)[0].inner(2)", "outer.inner"),
        ("wf.onExit", "onExit"),
        ("wf.task.onExit", "task.onExit"),
    ],
)
def test_the_path_of_a_task_follows_from_the_name_of_its_node(node_name: str, path: str) -> None:
    assert path_of_node_name(node_name, "wf") == path


def test_the_path_is_the_one_that_the_nodes_of_real_workflows_give() -> None:
    if not LIVE.is_dir():
        pytest.skip(f"the captured workflows are not at {LIVE}")
    compared = 0
    for file in sorted((LIVE / "workflows").glob("*.json")):
        workflow = json.loads(file.read_text())
        nodes, name = workflow["status"]["nodes"], workflow["metadata"]["name"]
        for node in nodes.values():
            if node["type"] == "Pod":
                assert path_of_node_name(node["name"], name) == task_path(node, nodes, name)
                compared += 1
    assert compared > 40


def test_a_workflow_of_one_pod_is_called_after_its_template() -> None:
    one = EXAMPLES["argo"]()
    one.pod["metadata"]["annotations"]["workflows.argoproj.io/node-name"] = "etl-7fx2q"
    one.pod["spec"]["containers"][0]["env"] = [{"name": "ARGO_TEMPLATE", "value": '{"name":"whalesay"}'}]
    found = told(one)
    assert found is not None
    assert found.run.name == "etl.whalesay"


def test_a_run_that_no_pipeline_covers_is_nobodys_parent() -> None:
    one = EXAMPLES["job"]()
    elsewhere = shapes.view(shapes.pipeline_body(selector={"names": ["other"]}))
    assert told(Example(one.pod, one.owners, elsewhere)) is None
    one.pod["metadata"]["annotations"] = {"headwater.dev/pipeline": "churn"}
    injection = Example(one.pod, one.owners, elsewhere).inject()
    assert injection.operations
    assert "OPENLINEAGE_PARENT_ID" not in json.dumps(injection.operations)


def test_an_object_of_a_rule_is_a_run_in_the_namespace_of_the_rule_alone() -> None:
    rule = {"group": "example.com", "version": "v1", "kind": "Training", "plural": "trainings"}
    rule |= {"started": "status.started", "succeeded": "status.done"}
    view = shapes.view(shapes.pipeline_body(rules=[rule]))
    owner = ObjectRef("Training.example.com", shapes.NAMESPACE, "fit", shapes.uid("fit"))
    one = Example(shapes.pod("fit-0", owner=("example.com/v1", "Training", "fit")), Owners((owner,)), view)
    found = told(one)
    assert found is not None
    assert (found.run.run_id, found.run.name) == (shapes.uid("fit"), "fit")
    assert told(Example(one.pod, one.owners, shapes.view())) is None
