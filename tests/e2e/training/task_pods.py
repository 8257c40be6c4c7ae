"""The pods of a run of Kubeflow Pipelines, as Argo creates them: seen on a cluster with KFP 2.17 and Argo 4.1.

Left out is what says nothing to anybody but Argo: its template in the environment of its own containers, traces,
deadlines. Added is the volume that stands in for object stores.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ..kubernetes_access import Object

SECRET = "mlpipeline-minio-artifact"
ACCOUNT = "pipeline-runner"
BUCKETS = "/buckets"
ARGO = "/var/run/argo"
EMISSARY = [
    f"{ARGO}/argoexec",
    "emissary",
    *("--loglevel", "info"),
    *("--log-format", "text"),
    *("--gloglevel", "0"),
    "--",
]
SERVER = ("--ml_pipeline_server_address", "ml-pipeline.kubeflow.svc.cluster.local", "--ml_pipeline_server_port", "8887")
SELF = ("--namespace", "$(NAMESPACE)", "--pod_name", "$(KFP_POD_NAME)", "--pod_uid", "$(KFP_POD_UID)")
CONFINED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
NO_ROOT = {**CONFINED, "runAsNonRoot": True}
FIELDS = {"KFP_POD_NAME": "metadata.name", "KFP_POD_UID": "metadata.uid", "NAMESPACE": "metadata.namespace"}
SCRATCH = {
    **{f"{name}-scratch": f"/{name}" for name in ("gcs", "s3", "minio")},
    **{f"dot-{name}-scratch": f"/.{name}" for name in ("local", "cache", "config")},
}


@dataclass(frozen=True)
class RunOfPods:
    """What all pods of a run have. `image` is that of all but the user's code, `claim` the buckets' volume."""

    workflow: Object
    run_id: str
    image: str
    claim: str

    def driver(self, node: Node, role: str, *flags: str) -> Object:
        """The pod of a driver: of the whole run (`dag-driver`) or of a task (`container-driver`)."""
        main = self._main(NO_ROOT, [*EMISSARY, "driver"], [*flags, "--run_id", self.run_id, *SELF[:2], *SERVER])
        return self._pod(node, role, "driver", main)

    def importer(self, node: Node, importer: Object, *flags: str) -> Object:
        """The pod of an importer."""
        known = ["--executor_type", "importer", "--importer_spec", json.dumps(importer), *flags]
        main = self._main(NO_ROOT, [*EMISSARY, "launcher-v2"], [*known, "--run_id", self.run_id, *SERVER, *SELF])
        return self._pod(node, "importer", "launcher", main)

    def executor(self, node: Node, patch: Object) -> Object:
        """The pod of a task, by the patch that its driver made."""
        (given,) = patch["containers"]
        main = self._main(CONFINED, [*EMISSARY, *given["command"]], given["args"])
        main["image"] = given["image"]
        main["volumeMounts"] += [
            {"name": "kfp-launcher", "mountPath": "/kfp-launcher"},
            *({"name": name, "mountPath": path} for name, path in SCRATCH.items()),
            {"name": "buckets", "mountPath": BUCKETS},
        ]
        pod = self._pod(node, "container-executor", "launcher", main)
        launcher = self._container("kfp-launcher", NO_ROOT, ["launcher-v2"], ["--copy", "/kfp-launcher/launch"])
        launcher["volumeMounts"] += [{"name": "kfp-launcher", "mountPath": "/kfp-launcher"}]
        del pod["spec"]["securityContext"]["runAsNonRoot"]  # the user's image may have no other user
        pod["spec"]["initContainers"].append(launcher)
        pod["spec"]["volumes"] += [
            *({"name": name, "emptyDir": {}} for name in ("kfp-launcher", *SCRATCH)),
            {"name": "buckets", "persistentVolumeClaim": {"claimName": self.claim}},
        ]
        return pod

    def _main(self, security: Object, command: list[str], args: list[str]) -> Object:
        main = self._container("main", security, command, args)
        main["env"] += [{"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in FIELDS.items()]
        main["envFrom"] = [{"configMapRef": {"name": "metadata-grpc-configmap", "optional": True}}]
        main["volumeMounts"] += [
            {"name": "kfp-launcher-token", "mountPath": "/var/run/secrets/kfp", "readOnly": True},
            {"name": "kfp-launcher-config", "mountPath": "/etc/kfp/launcher-config", "readOnly": True},
        ]
        return main

    def _container(self, name: str, security: Object, command: list[str], args: list[str]) -> Object:
        return {
            "name": name,
            "image": self.image,
            "imagePullPolicy": "IfNotPresent",
            "command": command,
            "args": args,
            "env": [
                {"name": "ARGO_CONTAINER_NAME", "value": name},
                {"name": "ARGO_WORKFLOW_NAME", "value": self.workflow["metadata"]["name"]},
            ],
            "securityContext": security,
            "volumeMounts": [{"name": "var-run-argo", "mountPath": ARGO}],
        }

    def _pod(self, node: Node, role: str, runtime_role: str, main: Object) -> Object:
        own = self.workflow["metadata"]
        kfp, argo = "pipelines.kubeflow.org", "workflows.argoproj.io"
        metadata = {
            "name": node.pod(own["name"]),
            "labels": {
                "pipeline/runid": self.run_id,
                f"{kfp}/pod-role": role,
                f"{kfp}/v2_component": "true",
                f"{argo}/completed": "false",
                f"{argo}/workflow": own["name"],
            },
            "annotations": {
                "kubectl.kubernetes.io/default-container": "main",
                f"{kfp}/runtime-role": runtime_role,
                f"{kfp}/template-name": node.template,
                f"{kfp}/v2_component": "true",
                "sidecar.istio.io/inject": "false",
                f"{argo}/node-id": node.id(own["name"]),
                f"{argo}/node-name": node.name,
            },
            "ownerReferences": [
                {
                    "apiVersion": "argoproj.io/v1alpha1",
                    "kind": "Workflow",
                    "name": own["name"],
                    "uid": own["uid"],
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        }
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": self._spec(main)}

    def _spec(self, main: Object) -> Object:
        init = self._container("init", NO_ROOT, ["argoexec", "init"], [])
        wait = self._container("wait", NO_ROOT, ["argoexec", "wait"], [])
        wait["volumeMounts"].append({"name": "tmp-dir-argo", "mountPath": "/tmp", "subPath": "0"})
        for each in (init, wait):
            each["volumeMounts"].append({"name": SECRET, "mountPath": f"/argo/secret/{SECRET}", "readOnly": True})
        audience = f"pipelines.kubeflow.org/runs/{self.run_id}"
        token: dict[str, Any] = {"audience": audience, "expirationSeconds": 7200, "path": "token"}
        return {
            "restartPolicy": "Never",
            "serviceAccountName": ACCOUNT,
            "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}, "runAsNonRoot": True},
            "initContainers": [init],
            "containers": [wait, main],
            "volumes": [
                {"name": "var-run-argo", "emptyDir": {}},
                {"name": "tmp-dir-argo", "emptyDir": {}},
                {"name": "kfp-launcher-token", "projected": {"sources": [{"serviceAccountToken": token}]}},
                {"name": "kfp-launcher-config", "configMap": {"name": "kfp-launcher", "optional": True}},
                {"name": SECRET, "secret": {"secretName": SECRET}},
            ],
        }


@dataclass(frozen=True)
class Node:
    """A node of a Workflow that is a pod, and the template that it is made from."""

    name: str
    template: str

    def id(self, workflow: str) -> str:
        """The id that Argo gives it."""
        return f"{workflow}-{_fnv1a(self.name)}"

    def pod(self, workflow: str) -> str:
        """The name that Argo gives its pod."""
        return f"{workflow}-{self.template}-{_fnv1a(self.name)}"


def _fnv1a(text: str) -> int:
    """The hash (FNV-1a, 32 bits) by which Argo numbers nodes."""
    found = 0x811C9DC5
    for byte in text.encode():
        found = ((found ^ byte) * 0x01000193) & 0xFFFFFFFF
    return found
