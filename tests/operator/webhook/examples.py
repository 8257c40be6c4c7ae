"""The shapes of pods that the webhook meets, each with what owns it and what is declared."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from headwater_operator.injection.cluster_view import ClusterView, Owners
from headwater_operator.owners import object_ref
from headwater_operator.webhook.injected_pod import Injection

from . import shapes
from .shapes import Json, container, pod

LIVE = Path(__file__).parents[4] / "shared" / "data" / "kfp" / "live"
FIXED = {"cpu": "1", "memory": "1Gi"}
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


@dataclass(frozen=True)
class Example:
    """A pod that is to be created, its owners, and the cluster as the webhook knows it."""

    pod: Json
    owners: Owners = field(default_factory=Owners)
    view: ClusterView = field(default_factory=shapes.view)
    namespace: str = shapes.NAMESPACE

    def inject(self, **given: str) -> Injection:
        """What becomes of it."""
        return shapes.inject(self.pod, self.owners, self.view, self.namespace, **given)


def owned_by(*owners: tuple[str, str], **labels: str) -> Owners:
    """Owners by kind and name, the nearest first, which has the labels."""
    found = [object_ref(kind, shapes.metadata(name)) for kind, name in owners]
    found[0] = replace(found[0], labels=labels)
    return Owners(tuple(found))


LOAD = ("batch/v1", "Job", "load")
OF_LOAD = owned_by(("Job.batch", "load"))


def _job(**spec: Any) -> Example:
    return Example(pod("load-x2k4p", owner=LOAD, **spec), OF_LOAD)


def _cron_job() -> Example:
    owner = ("batch/v1", "Job", "nightly-29384720")
    owners = owned_by(("Job.batch", "nightly-29384720"), ("CronJob.batch", "nightly"))
    selector = {"kinds": ["CronJob"], "names": ["nightly"]}
    view = shapes.view(shapes.pipeline_body("nightly", selector=selector, criticality="PRODUCTION"))
    return Example(pod("nightly-29384720-x2k4p", owner=owner), owners, view)


def _train_job() -> Example:
    owners = owned_by(
        ("Job.batch", "bert-node-0"), ("JobSet.jobset.x-k8s.io", "bert"), ("TrainJob.trainer.kubeflow.org", "bert")
    )
    labels = {"jobset.sigs.k8s.io/jobset-name": "bert", "team": "nlp"}
    view = shapes.view(
        shapes.pipeline_body(selector={"kinds": ["TrainJob"]}, injection={"enabled": True, "labels": ["team"]})
    )
    owner = ("batch/v1", "Job", "bert-node-0")
    return Example(pod("bert-node-0-0-x2k4p", container("node"), owner=owner, labels=labels), owners, view)


def _pytorch_job() -> Example:
    owner = ("kubeflow.org/v1", "PyTorchJob", "resnet")
    containers = container("pytorch", env=[{"name": "PET_NNODES", "value": "2"}])
    return Example(pod("resnet-master-0", containers, owner=owner), owned_by(("PyTorchJob.kubeflow.org", "resnet")))


def _spark_driver() -> Example:
    owner = ("sparkoperator.k8s.io/v1beta2", "SparkApplication", "etl")
    driver = container("spark-kubernetes-driver", ports=[{"containerPort": 7078, "name": "driver-rpc-port"}])
    owners = owned_by(("SparkApplication.sparkoperator.k8s.io", "etl"))
    return Example(pod("etl-driver", driver, owner=owner, labels={"spark-role": "driver"}), owners)


def _kserve_predictor() -> Example:
    chain = ("ReplicaSet.apps", "iris-predictor-7c9f"), ("Deployment.apps", "iris-predictor")
    owners = owned_by(*chain, ("InferenceService.serving.kserve.io", "iris"))
    initializer = container("storage-initializer", args=["s3://models/iris", "/mnt/models"])
    spec = {"initContainers": [initializer], "restartPolicy": "Always"}
    containers = container("kserve-container"), container("queue-proxy")
    owner = ("apps/v1", "ReplicaSet", "iris-predictor-7c9f")
    return Example(pod("iris-predictor-7c9f-x2k4p", *containers, owner=owner, **spec), owners)


def _istio() -> Example:
    proxy = container(
        "istio-proxy", restartPolicy="Always", ports=[{"containerPort": 15090, "name": "http-envoy-prom"}]
    )
    found = pod("load-x2k4p", container("main"), owner=LOAD, initContainers=[container("istio-init"), proxy])
    found["metadata"]["annotations"] = {"sidecar.istio.io/status": "{}"}
    return Example(found, OF_LOAD)


def _istio_container() -> Example:
    return Example(pod("load-x2k4p", container("main"), container("istio-proxy"), owner=LOAD), OF_LOAD)


def _restricted() -> Example:
    security = {"runAsNonRoot": True, "runAsUser": 1000, "fsGroup": 1000, "seccompProfile": {"type": "RuntimeDefault"}}
    main = container("main", securityContext=RESTRICTED)
    return Example(pod("load-x2k4p", main, owner=LOAD, securityContext=security), OF_LOAD)


def _init_containers() -> Example:
    migrate = container("migrate", env=[{"name": "STEP", "value": "1"}])
    return _job(initContainers=[migrate, container("logs", restartPolicy="Always")])


def _volumes() -> Example:
    view = shapes.view(shapes.pipeline_body(injection={"enabled": True, "volumeClaim": "spools"}))
    main = container("main", volumeMounts=[{"name": "data", "mountPath": "/data"}])
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    return replace(Example(pod("load-x2k4p", main, owner=LOAD, volumes=volumes), OF_LOAD), view=view)


def _guaranteed() -> Example:
    return Example(
        pod("load-x", container("main", resources={"limits": FIXED, "requests": FIXED}), owner=LOAD), OF_LOAD
    )


def _pod_level_resources() -> Example:
    return _job(resources={"limits": FIXED, "requests": FIXED}, terminationGracePeriodSeconds=3)


def _own_clients() -> Example:
    sends = container("sends", env=[{"name": "OPENLINEAGE__TRANSPORT__TYPE", "value": "console"}])
    child = container("child", env=[{"name": "OPENLINEAGE_PARENT_ID", "value": "a/b/c"}])
    calls = container("calls", env=[{"name": "HEADWATER_ADDRESS", "valueFrom": {"configMapKeyRef": {}}}])
    calls["env"][0]["valueFrom"]["configMapKeyRef"] = {"name": "lineage", "key": "address"}
    return Example(pod("load-x2k4p", sends, child, calls, owner=LOAD), OF_LOAD)


def _bare_pod() -> Example:
    found = pod("notebook", labels={"app": "$(HOME)"})
    found["metadata"]["generateName"] = "notebook-"
    del found["metadata"]["name"]
    return Example(found, view=shapes.view(shapes.pipeline_body(injection={"enabled": True, "labels": ["app"]})))


def _argo() -> Example:
    owner = ("argoproj.io/v1alpha1", "Workflow", "etl-7fx2q")
    owners = owned_by(("Workflow.argoproj.io", "etl-7fx2q"), ("CronWorkflow.argoproj.io", "etl"))
    annotations = {
        "workflows.argoproj.io/node-id": "etl-7fx2q-3019283",
        "workflows.argoproj.io/node-name": "etl-7fx2q[0].split(0:a.csv)(1)",
    }
    containers = container("wait"), container("main")
    labels = {"workflows.argoproj.io/workflow": "etl-7fx2q"}
    found = pod("etl-7fx2q-split-3019283", *containers, owner=owner, labels=labels, annotations=annotations)
    return Example(found, owners)


def _argo_in_a_trial() -> Example:
    one = _argo()
    above = owned_by(("Trial.kubeflow.org", "hpo-x7k"), ("Experiment.kubeflow.org", "hpo")).chain
    return replace(one, owners=Owners((one.owners.chain[0], *above)))


def _katib() -> Example:
    owners = owned_by(("Job.batch", "hpo-x7k"), ("Trial.kubeflow.org", "hpo-x7k"), ("Experiment.kubeflow.org", "hpo"))
    return Example(pod("hpo-x7k-abcde", owner=("batch/v1", "Job", "hpo-x7k")), owners)


def _ray_head() -> Example:
    owner, labels = ("ray.io/v1", "RayCluster", "tune-raycluster-2k4"), {"ray.io/node-type": "head"}
    owners = owned_by(("RayCluster.ray.io", "tune-raycluster-2k4"), ("RayJob.ray.io", "tune"))
    return Example(pod("tune-raycluster-2k4-head", container("ray-head"), owner=owner, labels=labels), owners)


def _deployment() -> Example:
    owners = owned_by(("ReplicaSet.apps", "web-7c9f"), ("Deployment.apps", "web"))
    return Example(pod("web-7c9f-x2k4p", owner=("apps/v1", "ReplicaSet", "web-7c9f")), owners)


def _wrong_annotation() -> Example:
    return Example(pod("load-x2k4p", owner=LOAD, annotations={"headwater.dev/pipeline": "chrun"}), OF_LOAD)


def _asked_on_the_host() -> Example:
    return Example(pod("load-x2k4p", owner=LOAD, labels={"headwater.dev/inject": "true"}, hostNetwork=True), OF_LOAD)


def _mirror() -> Example:
    return Example(pod("etcd-node-1", annotations={"kubernetes.io/config.mirror": "3f"}, hostNetwork=True))


def captured_requests() -> list[Json]:
    """Every admission request that was captured; none where the data are not at hand."""
    files = sorted((LIVE / "pods").glob("*.json"))
    return [each["request"] for file in files for each in json.loads(file.read_text())["admission"]]


def from_request(request: Json, *pipelines: Json) -> Example:
    """The pod of an admission request, whose owner is known by its reference."""
    (owner,) = request["object"]["metadata"]["ownerReferences"]
    labels = {"pipeline/runid": request["object"]["metadata"]["labels"]["pipeline/runid"]}
    workflow = object_ref("Workflow.argoproj.io", {"namespace": "kubeflow", **owner, "labels": labels})
    declared = pipelines or (shapes.pipeline_body("all", "kubeflow", selector={"kinds": ["KubeflowPipelineRun"]}),)
    return Example(request["object"], Owners((workflow,)), shapes.view(*declared), "kubeflow")


def _captured(file: str) -> Example:
    (admission, *_) = json.loads((LIVE / "pods" / f"{file}.json").read_text())["admission"]
    return from_request(admission["request"])


OWN: dict[str, Callable[[], Example]] = {
    "job": _job,
    "cron_job": _cron_job,
    "train_job": _train_job,
    "pytorch_job": _pytorch_job,
    "spark_driver": _spark_driver,
    "kserve_predictor": _kserve_predictor,
    "istio_sidecar": _istio,
    "istio_container": _istio_container,
    "restricted": _restricted,
    "init_containers": _init_containers,
    "volumes": _volumes,
    "guaranteed": _guaranteed,
    "pod_level_resources": _pod_level_resources,
    "own_clients": _own_clients,
    "bare_pod": _bare_pod,
    "argo": _argo,
    "argo_in_a_trial": _argo_in_a_trial,
    "katib": _katib,
    "ray_head": _ray_head,
    "deployment": _deployment,
    "wrong_annotation": _wrong_annotation,
    "host_network": partial(_job, hostNetwork=True),
    "host_network_asked": _asked_on_the_host,
    "windows": partial(_job, os={"name": "windows"}),
    "mirror": _mirror,
}
CAPTURED = {
    "kubeflow_executor": "churn-1--system-container-impl-1492417502",
    "kubeflow_container_component": "shell--system-container-impl-1178304466",
    "kubeflow_retried": "fails-retried--retry-system-container-impl-1061074368",
    "kubeflow_with_sidecar": "side-good--system-container-impl-1741314157",
    "kubeflow_driver": "churn-1--system-dag-driver-57423281",
    "kubeflow_importer": "churn-1--system-importer-1662690479",
}
EXAMPLES = OWN | {name: partial(_captured, file) for name, file in CAPTURED.items()}
