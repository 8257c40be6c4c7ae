"""The pods that stand for those of Kubeflow Pipelines look like the ones that were captured from a running one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from .kubernetes_access import Object
from .training.task_pods import Node, RunOfPods

ROOT = Path(__file__).parents[2]
LIVE = Path(os.environ.get("HEADWATER_SHARED_DATA") or ROOT.parent / "shared" / "data") / "kfp" / "live" / "pods"
RUN = "churn-1--"
OF_ARGO_ALONE = {"workflows.argoproj.io/span-id", "workflows.argoproj.io/trace-id"}


def captured(pod: str) -> Object:
    """A captured pod as admission saw it."""
    file = LIVE / f"{RUN}{pod}.json"
    if not file.exists():
        pytest.skip(f"there are no captured pods: let HEADWATER_SHARED_DATA name the folder of shared data ({file})")
    found: Object = json.loads(file.read_text())["admission"][0]["request"]["object"]
    return found


def built(like: Object) -> Object:
    """The pod of the same node, by the same flags."""
    metadata = like["metadata"]
    (owner,) = metadata["ownerReferences"]
    workflow = {"metadata": {"name": owner["name"], "uid": owner["uid"]}}
    annotations = metadata["annotations"]
    node = Node(annotations["workflows.argoproj.io/node-name"], annotations["pipelines.kubeflow.org/template-name"])
    pods = RunOfPods(workflow, metadata["labels"]["pipeline/runid"], "localhost/kfp:1", "buckets")
    main = main_of(like)
    match role := metadata["labels"]["pipelines.kubeflow.org/pod-role"]:
        case "importer":
            return pods.importer(node, {})
        case "container-executor":
            launcher = main["command"].index("/kfp-launcher/launch")
            patch = {"image": main["image"], "command": main["command"][launcher:], "args": main["args"]}
            return pods.executor(node, {"containers": [patch]})
    return pods.driver(node, role)


def main_of(pod: Object) -> Object:
    """The container that is the task's."""
    (found,) = [each for each in pod["spec"]["containers"] if each["name"] == "main"]
    assert isinstance(found, dict)
    return found


def shape(pod: Object) -> Object:
    """What others than Argo can tell a pod by. What the API server adds to every pod is left out."""
    spec, metadata, main = pod["spec"], pod["metadata"], main_of(pod)
    command = main["command"]
    end = command.index("--", command.index("--") + 1) if "/kfp-launcher/launch" in command else len(command)
    return {
        "name": metadata["name"],
        "labels": metadata["labels"],
        "annotations": {key: text for key, text in metadata["annotations"].items() if key not in OF_ARGO_ALONE},
        "owners": metadata["ownerReferences"],
        "containers": [[each["name"] for each in spec[kind]] for kind in ("initContainers", "containers")],
        "security": {each["name"]: security(each) for each in (*spec["initContainers"], *spec["containers"])},
        "of the pod": (spec["securityContext"], spec["restartPolicy"], spec["serviceAccountName"]),
        "volumes": added(each["name"] for each in spec["volumes"]),
        "main sees": added(each["mountPath"] for each in main["volumeMounts"]),
        "main is given": {each["name"] for each in main["env"] if each["name"].startswith("KFP_")},
        "command": command[: end + 1],
    }


def security(container: Object) -> Object:
    """A container's security context; Argo's image has no user of its own, so that Argo names one."""
    return {key: value for key, value in container["securityContext"].items() if key != "runAsUser"}


def added(names: Any) -> set[str]:
    """Names without those of what every pod gets, and of what stands in for object stores."""
    return {each for each in names if "kube-api-access" not in each and "kubernetes.io" not in each} - {
        "buckets",
        "/buckets",
    }


@pytest.mark.parametrize(
    "pod",
    [
        "system-container-impl-904618433",
        "system-importer-1662690479",
        "system-container-driver-1328391692",
        "system-dag-driver-57423281",
    ],
)
def test_a_pod_looks_like_the_captured_one(pod: str) -> None:
    like = captured(pod)
    assert shape(built(like)) == shape(like)
