"""A pod as the webhook tells of it."""

from __future__ import annotations

import json

CLUSTER, NAMESPACE, NAME, UID = "prod", "ml", "nightly-x7k2p", "5d3c0f5e-8a1e-4f60-a2cb-0a3a5c9f6d1b"
PARENT = {"run_id": "0b8a7c6e-2f64-4a26-9d0c-5f0f4c2c1c11", "namespace": "k8s://prod/ml", "name": "nightly"}
ROOT = {"run_id": "11111111-2f64-4a26-9d0c-5f0f4c2c1c11", "namespace": "k8s://prod/ml", "name": "churn"}
DIGEST = "sha256:" + "9f" * 32

SETTINGS = {
    "cluster": CLUSTER,
    "pod_namespace": NAMESPACE,
    "pod_name": NAME,
    "pod_uid": UID,
    "node": "node-17",
    "service_account": "trainer",
    "pipeline": "churn",
    "owners": json.dumps([{"kind": "Job.batch", "name": "nightly", "uid": PARENT["run_id"]}]),
    "images": json.dumps({"main": f"registry/train@{DIGEST}", "aide": "registry/aide:1"}),
    "labels": json.dumps({"team": "fraud"}),
    "parent_run": json.dumps(PARENT),
    "root_run": json.dumps(ROOT),
}
"""The settings of the emitter in that pod."""

FACET = {
    "cluster": CLUSTER,
    "namespace": NAMESPACE,
    "name": NAME,
    "uid": UID,
    "node": "node-17",
    "serviceAccount": "trainer",
    "pipeline": "churn",
    "owners": [{"kind": "Job.batch", "name": "nightly", "uid": PARENT["run_id"]}],
    "images": [
        {"container": "aide", "image": "registry/aide:1"},
        {"container": "main", "image": f"registry/train@{DIGEST}", "digest": DIGEST},
    ],
    "labels": {"team": "fraud"},
}
"""The facet that it amounts to."""
