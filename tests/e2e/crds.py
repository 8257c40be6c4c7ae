"""The custom resource definitions of the workloads that Headwater knows: where they come from, how a cluster gets them.

Nearly all are the real ones, read from the Go module that their project publishes its API as, at a pinned version and
checksum. They are fetched once, before the tests (a node has no way out), and kept in the cache, not in the repository.
Katib's module is not to be had and its packages for Python have no definitions; one of our own stands in, which takes
any content, as Katib's own does: they name group, version and kind, and say nothing of what is inside.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from kubernetes.dynamic import DynamicClient

from .cluster.command import ClusterError, run, say
from .cluster.layout import CACHE
from .cluster.programs import find_go, only_one
from .kubernetes_access import has_condition, kubectl, wait_for

FOLDER = CACHE / "crds"
EXTENSIONS = "apiextensions.k8s.io/v1"


@dataclass(frozen=True)
class Module:
    """A Go module: path, version, and the checksum that Go gives for its content."""

    path: str
    version: str
    checksum: str

    def __str__(self) -> str:
        return f"{self.path}@{self.version}"


ARGO = Module("github.com/argoproj/argo-workflows/v3", "v3.7.2", "h1:Fi6j0q2sCg6cfkntKde5KA+TfJgMrq1MzJCmOESlWNw=")
TRAINER = Module("github.com/kubeflow/trainer/v2", "v2.1.0", "h1:jRABD9ZYToamNH2atHze3L/VC/v6KCAqUEqsOQOjVTg=")
TRAINING = Module("github.com/kubeflow/training-operator", "v1.9.3", "h1:aaSHqskOtCY8Dn8sVd+l9p5XAczW6O0nYMPjVLAw/lc=")
KSERVE = Module("github.com/kserve/kserve", "v0.15.2", "h1:uph7Umk331fvBMrHHpTJNDt6+lf3IAuyiskaQw8wIAk=")
KUBERAY = Module(
    "github.com/ray-project/kuberay/ray-operator", "v1.4.2", "h1:A4tGzbIky8sInAUxZBdBb+rrpZ7fbqoxdsOtm559Zqg="
)
SPARK = Module("github.com/kubeflow/spark-operator/v2", "v2.3.0", "h1:cYN/331gwkdZ0S/ai72JQoUv7UK52O2OQOWFpl8XhPc=")


@dataclass(frozen=True)
class Real:
    """A definition as its project publishes it: the file in its module. `name` is its name in a cluster."""

    name: str
    module: Module
    folder: str

    @property
    def file(self) -> str:
        """Where controller-gen puts it: group and plural."""
        plural, group = self.name.split(".", 1)
        return f"{self.folder}/{group}_{plural}.yaml"


@dataclass(frozen=True)
class StandIn:
    """A definition of our own with a project's group, version and kind, whose objects may hold anything."""

    name: str
    kind: str
    version: str


BASE = "manifests/base/crds"
"""Where Argo and the training operators keep their definitions."""
ARGO_FOLDER = f"{BASE}/minimal"
"""What Argo's own installation applies; its complete schemas are too large for etcd."""
BASES = "config/crd/bases"

DEFINITIONS: dict[str, Real | StandIn] = {
    "Workflow": Real("workflows.argoproj.io", ARGO, ARGO_FOLDER),
    "CronWorkflow": Real("cronworkflows.argoproj.io", ARGO, ARGO_FOLDER),
    "WorkflowTemplate": Real("workflowtemplates.argoproj.io", ARGO, ARGO_FOLDER),
    "ClusterWorkflowTemplate": Real("clusterworkflowtemplates.argoproj.io", ARGO, ARGO_FOLDER),
    "TrainJob": Real("trainjobs.trainer.kubeflow.org", TRAINER, BASE),
    "TrainingRuntime": Real("trainingruntimes.trainer.kubeflow.org", TRAINER, BASE),
    "ClusterTrainingRuntime": Real("clustertrainingruntimes.trainer.kubeflow.org", TRAINER, BASE),
    "PyTorchJob": Real("pytorchjobs.kubeflow.org", TRAINING, BASE),
    "TFJob": Real("tfjobs.kubeflow.org", TRAINING, BASE),
    "MPIJob": Real("mpijobs.kubeflow.org", TRAINING, BASE),
    "XGBoostJob": Real("xgboostjobs.kubeflow.org", TRAINING, BASE),
    "JAXJob": Real("jaxjobs.kubeflow.org", TRAINING, BASE),
    "PaddleJob": Real("paddlejobs.kubeflow.org", TRAINING, BASE),
    "InferenceService": Real("inferenceservices.serving.kserve.io", KSERVE, "config/crd/full"),
    "RayJob": Real("rayjobs.ray.io", KUBERAY, BASES),
    "RayCluster": Real("rayclusters.ray.io", KUBERAY, BASES),
    "SparkApplication": Real("sparkapplications.sparkoperator.k8s.io", SPARK, BASES),
    "ScheduledSparkApplication": Real("scheduledsparkapplications.sparkoperator.k8s.io", SPARK, BASES),
    "Experiment": StandIn("experiments.kubeflow.org", "Experiment", "v1beta1"),
    "Trial": StandIn("trials.kubeflow.org", "Trial", "v1beta1"),
}


def fetch_crds() -> None:
    """Puts every definition into the cache; needs the network the first time.

    Raises:
        ClusterError: a module cannot be fetched, or is not what it was when it was pinned.
    """
    with only_one("crds"):
        real = [definition for definition in DEFINITIONS.values() if isinstance(definition, Real)]
        missing = [definition for definition in real if not cached(definition).exists()]
        for module in sorted({definition.module for definition in missing}, key=str):
            folder = fetch_module(module)
            for definition in missing:
                if definition.module == module:
                    keep(folder / definition.file, cached(definition))


def keep(file: Path, place: Path) -> None:
    """Copies a file to a place where it is only when it is whole."""
    place.parent.mkdir(parents=True, exist_ok=True)
    unfinished = place.with_suffix(".unfinished")
    shutil.copyfile(file, unfinished)
    unfinished.rename(place)


def fetch_module(module: Module) -> Path:
    """Lets Go fetch a module, and gives the folder of its content."""
    say(f"fetching {module}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    # Outside of every module of ours, so that Go does not weigh one project's requirements against another's.
    found = json.loads(run(find_go(), "mod", "download", "-json", str(module), cwd=FOLDER))
    if found["Sum"] != module.checksum:
        raise ClusterError(f"{module} has the checksum {found['Sum']}, not the pinned {module.checksum}")
    return Path(found["Dir"])


def cached(definition: Real) -> Path:
    """Where a definition of this version lies in the cache."""
    return FOLDER / str(definition.module).replace("/", "_") / f"{definition.name}.yaml"


def apply_crds(client: DynamicClient, *kinds: str) -> None:
    """Makes a cluster know these kinds, and waits until it serves them.

    Server-side apply: the annotation that a client-side one leaves would be larger than an object may have.
    """
    definitions = [DEFINITIONS[kind] for kind in kinds]
    for definition in definitions:
        kubectl("apply", "--server-side", "--filename", "-", given=manifest(definition))
    for definition in definitions:
        wait_for(client, f"{EXTENSIONS}/CustomResourceDefinition", definition.name, has_condition("Established"))


def manifest(definition: Real | StandIn) -> str:
    """A definition as kubectl takes it."""
    if isinstance(definition, Real):
        return cached(definition).read_text()
    plural, group = definition.name.split(".", 1)
    version = {
        "name": definition.version,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
        "subresources": {"status": {}},
    }
    document = {
        "apiVersion": EXTENSIONS,
        "kind": "CustomResourceDefinition",
        "metadata": {"name": definition.name},
        "spec": {
            "group": group,
            "names": {"plural": plural, "singular": definition.kind.lower(), "kind": definition.kind},
            "scope": "Namespaced",
            "versions": [version],
        },
    }
    return json.dumps(document)
