"""What a URI seen in a cluster is called."""

from __future__ import annotations

import pytest

from headwater.names import InvalidName
from headwater_operator.naming import ClusterNames, Unseen
from headwater_operator.observation import Dataset

NAMES = ClusterNames("prod", "http://minio-service.kubeflow:9000")


def name(uri: str, cluster: ClusterNames = NAMES) -> tuple[str, str, str]:
    """Namespace, name and version of a URI seen in the namespace `ml`."""
    found = cluster.dataset(uri, "ml")
    assert found is not None
    return found.namespace, found.name, found.version


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("s3://bucket/raw/clicks", ("s3://bucket", "raw/clicks", "")),
        ("s3a://bucket/raw/clicks/", ("s3://bucket", "raw/clicks", "")),
        ("s3://bucket/model.pkl?versionId=3HL4", ("s3://bucket", "model.pkl", "3HL4")),
        ("s3://bucket", ("s3://bucket", "/", "")),
        ("gs://bucket/a/b", ("gs://bucket", "a/b", "")),
        ("abfss://box@account.dfs.core.windows.net/a", ("abfss://box@account.dfs.core.windows.net", "a", "")),
        ("hdfs://namenode:8020/warehouse/t", ("hdfs://namenode:8020", "/warehouse/t", "")),
        ("postgres://db:5432/shop.public.users", ("postgres://db:5432", "shop.public.users", "")),
        ("https://example.com/data.csv?id=3", ("https://example.com", "data.csv?id=3", "")),
        ("hf://tatsu-lab/alpaca", ("hf://tatsu-lab", "alpaca", "")),
        ("hf://meta-llama/Llama-3:abc", ("hf://meta-llama", "Llama-3", "abc")),
        ("hf://gpt2", ("hf://", "gpt2", "")),
        ("oci://ghcr.io/team/model:v1", ("oci://ghcr.io", "team/model", "v1")),
        ("oci+native://ghcr.io/team/model:v1", ("oci://ghcr.io", "team/model", "v1")),
        ("oci://localhost:5000/m", ("oci://localhost:5000", "m", "")),
        ("oci://ghcr.io/team/model:v1@sha256:12", ("oci://ghcr.io", "team/model", "sha256:12")),
        ("k8s://prod/ml/churn/train/model", ("k8s://prod/ml", "churn/train/model", "")),
        ("warehouse/users", ("warehouse", "users", "")),
    ],
)
def test_names_what_means_the_same_everywhere(uri: str, expected: tuple[str, str, str]) -> None:
    assert name(uri) == expected
    assert name(uri, ClusterNames("other")) == expected


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("pvc://claim/models/a", ("pvc://prod/ml/claim", "models/a", "")),
        ("pvc://claim", ("pvc://prod/ml/claim", "/", "")),
        ("minio://mlpipeline/v2/x", ("minio://prod/minio-service.kubeflow:9000/mlpipeline", "v2/x", "")),
        ("/data/train.csv", ("file://prod/ml", "/data/train.csv", "")),
        ("file:///data/train.csv", ("file://prod/ml", "/data/train.csv", "")),
        ("http://files.ml.svc.cluster.local/a", ("http://prod/files.ml.svc.cluster.local", "a", "")),
        ("http://10.0.0.7:8080/a", ("http://prod/10.0.0.7:8080", "a", "")),
        ("model-registry://iris/v1", ("model-registry://prod", "iris", "v1")),
        ("model-registry://iris", ("model-registry://prod", "iris", "")),
        ("model-registry://registry.ml.svc:8080/iris/v1", ("model-registry://prod/registry.ml.svc:8080", "iris", "v1")),
    ],
)
def test_completes_what_means_something_in_its_cluster_only(uri: str, expected: tuple[str, str, str]) -> None:
    assert name(uri) == expected
    assert name(uri, ClusterNames("other", NAMES.object_store)) != expected


def test_an_object_store_that_all_clusters_reach_joins_them() -> None:
    shared = "https://minio.example.com"

    assert name("minio://b/k", ClusterNames("one", shared)) == ("minio://minio.example.com/b", "k", "")
    assert name("minio://b/k", ClusterNames("two", shared)) == ("minio://minio.example.com/b", "k", "")


def test_without_an_endpoint_an_object_store_is_its_clusters_own() -> None:
    assert name("minio://b/k", ClusterNames("one")) == ("minio://one/b", "k", "")


def test_volumes_of_two_namespaces_differ() -> None:
    assert NAMES.dataset("pvc://claim/a", "ml") != NAMES.dataset("pvc://claim/a", "web")


def test_credentials_are_no_part_of_a_name() -> None:
    assert name("https://me:secret@example.com/a") == ("https://example.com", "a", "")
    assert name("https://b.s3.amazonaws.com/a?X-Amz-Signature=12&X-Amz-Expires=9") == (
        "https://b.s3.amazonaws.com",
        "a",
        "",
    )


@pytest.mark.parametrize(
    "uri", ["", "users", "s3://", "pvc:///", "oci://ghcr.io", "k8s://prod/ml", "model-registry://a/b/c/d"]
)
def test_says_what_is_wrong_with_a_uri(uri: str) -> None:
    with pytest.raises(InvalidName, match=r"must|names"):
        NAMES.dataset(uri, "ml")


def test_an_artifact_of_a_pipeline_goes_before_the_uris_own_name() -> None:
    model = Dataset("k8s://prod/ml", "churn/train/model", "MODEL", "minio://b/run/model")
    names = ClusterNames("prod", find_artifact=lambda uri, namespace: model if namespace == "ml" else None)

    assert names.dataset("minio://b/run/model", "ml") is model


def test_an_artifact_whose_producer_was_not_seen_yet_is_no_dataset_yet() -> None:
    names = ClusterNames("prod", find_artifact=lambda uri, namespace: Unseen.PRODUCER)

    assert names.dataset("minio://b/run/model", "ml") is None


def test_the_kind_that_the_reader_expects_fills_in_what_is_not_known() -> None:
    bare = Dataset("k8s://prod/ml", "churn/train/model")
    names = ClusterNames("prod", find_artifact=lambda uri, namespace: bare if uri == "minio://b/m" else None)

    artifact, plain = names.dataset("minio://b/m", "ml", kind="MODEL"), names.dataset("s3://b/m", "ml", kind="MODEL")

    assert artifact is not None
    assert plain is not None
    assert (artifact.kind, plain.kind) == ("MODEL", "MODEL")
