"""What kind of thing a dataset is: what its producer says, else what its tags, storage and name tell.

The first of these that knows a kind decides: the `datasetType` facet, Headwater's own facets, how it is stored, its
tags, its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .descriptive_facets import (
    CatalogFacet,
    DatasetTypeFacet,
    StorageFacet,
    TagsFacet,
    has_facet,
    read_facet,
    text_of,
)
from .facets import FacetMap
from .model import AssetName, DatasetKind

WORDS = {
    "DATASET": DatasetKind.DATASET,
    "TABLE": DatasetKind.TABLE,
    "EXTERNAL_TABLE": DatasetKind.TABLE,
    "TEMPORARY_TABLE": DatasetKind.TABLE,
    "VIEW": DatasetKind.VIEW,
    "MATERIALIZED_VIEW": DatasetKind.VIEW,
    "TOPIC": DatasetKind.TOPIC,
    "STREAM": DatasetKind.TOPIC,
    "QUEUE": DatasetKind.TOPIC,
    "FILE": DatasetKind.FILE,
    "FOLDER": DatasetKind.FILE,
    "DIRECTORY": DatasetKind.FILE,
    "FEATURE_TABLE": DatasetKind.FEATURE_TABLE,
    "FEATURE_VIEW": DatasetKind.FEATURE_TABLE,
    "FEATURES": DatasetKind.FEATURE_TABLE,
    "MODEL": DatasetKind.MODEL,
    "ML_MODEL": DatasetKind.MODEL,
    "METRICS": DatasetKind.METRICS,
    "METRIC": DatasetKind.METRICS,
    "ENDPOINT": DatasetKind.ENDPOINT,
}
"""The words for a kind, in upper case with `_` between words."""
OWN_FACETS = {"headwater_model": DatasetKind.MODEL, "headwater_features": DatasetKind.FEATURE_TABLE}
TABLE_LAYERS = frozenset({"iceberg", "delta", "hudi", "hive", "paimon"})
"""What keeps tables, wherever their files are."""
KIND_TAGS = frozenset({"kind", "type", "asset_kind"})
"""The keys of tags whose value is a word for a kind."""
SCHEMES = {
    **dict.fromkeys(
        ("kafka", "pulsar", "pubsub", "rabbitmq", "kinesis", "sqs", "amqp", "mqtt", "nats"), DatasetKind.TOPIC
    ),
    **dict.fromkeys(
        (
            *("postgres", "postgresql", "mysql", "mariadb", "crate", "oracle", "sqlserver", "mssql", "db2", "sqlite"),
            *("duckdb", "teradata", "saphana", "oceanbase", "cockroachdb", "clickhouse", "vertica", "cassandra"),
            *("snowflake", "bigquery", "redshift", "databricks", "spanner", "trino", "presto", "awsathena"),
            *("azurecosmos", "mongodb", "hive", "unitycatalog"),
        ),
        DatasetKind.TABLE,
    ),
    **dict.fromkeys(
        (
            "s3",
            "s3a",
            "s3n",
            "gs",
            "gcs",
            "file",
            "hdfs",
            "abfs",
            "abfss",
            "wasb",
            "wasbs",
            "dbfs",
            "minio",
            "oss",
            "adl",
        ),
        DatasetKind.FILE,
    ),
    **dict.fromkeys(("pvc", "webhdfs", "sftp", "ftp"), DatasetKind.FILE),
    **dict.fromkeys(("models", "mlflow", "mlflow-artifacts"), DatasetKind.MODEL),
    **dict.fromkeys(("http", "https", "grpc"), DatasetKind.ENDPOINT),
}
"""What lies behind the scheme of a namespace."""
BARE_SCHEMES = frozenset({"bigquery", "file", "mlflow", "pubsub"})
"""The schemes that are a namespace as they stand; another word without a `:` is a namespace of somebody's own."""


def dataset_kind(names: Sequence[AssetName], facets: FacetMap) -> DatasetKind:
    """The kind of a dataset, given its names, the one that it is shown under first, and its facets now.

    A file that is called by a table's name too is a table.
    """
    by_facets = next(_kinds_by_facets(facets), None)
    by_names = [kind for kind in map(_kind_by_name, names) if kind]
    by_name = next((kind for kind in by_names if kind is not DatasetKind.FILE), None)
    return by_facets or by_name or (by_names[0] if by_names else DatasetKind.DATASET)


def possible_kinds(name: AssetName, facets: FacetMap) -> frozenset[DatasetKind]:
    """The kinds that the dataset may be of once other events have replaced some of these facets."""
    by_name = _kind_by_name(name)
    return frozenset({*_kinds_by_facets(facets), by_name or DatasetKind.DATASET})


def _kinds_by_facets(facets: FacetMap) -> Iterator[DatasetKind]:
    if not facets:
        return
    stated = read_facet(facets, "datasetType", DatasetTypeFacet)
    if stated and (kind := _word(stated.dataset_type)):
        yield kind
    yield from (kind for facet, kind in OWN_FACETS.items() if has_facet(facets, facet))
    yield from _stored_kinds(facets)
    yield from _tagged_kinds(facets)


def _kind_by_name(name: AssetName) -> DatasetKind | None:
    scheme, mark, _ = name.namespace.partition(":")
    return SCHEMES.get(scheme.lower()) if mark or scheme in BARE_SCHEMES else None


def _word(text: str | None) -> DatasetKind | None:
    return WORDS.get(text.strip().upper().replace(" ", "_").replace("-", "_")) if text else None


def _stored_kinds(facets: FacetMap) -> Iterator[DatasetKind]:
    storage = read_facet(facets, "storage", StorageFacet)
    if storage and (storage.storage_layer or "").lower() in TABLE_LAYERS:
        yield DatasetKind.TABLE
    catalog = read_facet(facets, "catalog", CatalogFacet)
    if catalog and TABLE_LAYERS & {(catalog.framework or "").lower(), (catalog.type or "").lower()}:
        yield DatasetKind.TABLE


def _tagged_kinds(facets: FacetMap) -> Iterator[DatasetKind]:
    tags = read_facet(facets, "tags", TagsFacet)
    for tag in (tags and tags.tags) or ():
        key = tag.key.lower()
        if tag.field is None and key in KIND_TAGS and (kind := _word(text_of(tag.value))):
            yield kind
        elif tag.field is None and key == "model" and text_of(tag.value).lower() in ("", "true"):
            yield DatasetKind.MODEL
