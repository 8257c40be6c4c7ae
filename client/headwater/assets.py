"""What a program says of a dataset, in Python's own values, as the contract's messages. Pure."""

import json
from collections.abc import Iterable, Mapping
from typing import TypeAlias, TypedDict

from .events import PRODUCER
from .names import DatasetName
from .v1 import event_pb2 as pb

Facets: TypeAlias = Mapping[str, Mapping[str, object] | bytes]
"""Facets by name: each as a mapping, or as its JSON text."""

Fields: TypeAlias = Mapping[str, str] | Iterable[str | tuple[str, str] | pb.EventField]
"""Fields: types by name; or names, (name, type) and messages."""

Metrics: TypeAlias = Mapping[str, float] | Iterable[pb.Metric]
"""Measures: values by name; or messages."""

Features: TypeAlias = Iterable[str | pb.FeatureDetails]
"""Features: the names of the fields that hold them; or messages."""

DECLARED: Facets = {
    "headwater_declared": {
        "_schemaURL": "https://headwater.dev/facets/1-0-0/DeclaredDatasetFacet.json#/$defs/DeclaredDatasetFacet"
    }
}
"""The facets of an input or output that was declared beforehand, and not seen: it counts only while neither the run nor
a descendant of it has reported any other.
"""

_BASE_FACET = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/BaseFacet"


class Model(TypedDict, total=False):
    """Describes a model; see `ModelDetails` in the contract."""

    framework: str
    algorithm: str
    task: str
    stage: str
    parameters: Mapping[str, object]


def describe_dataset(
    name: DatasetName,
    *,
    kind: str = "",
    version: object = "",
    fields: Fields = (),
    model: Model | None = None,
    features: Features = (),
    facets: Facets | None = None,
) -> pb.EventDataset:
    """Makes the message that says all this of a dataset. Raises ValueError or TypeError for what cannot be said."""
    return pb.EventDataset(
        namespace=name.namespace,
        name=name.dataset,
        kind=kind,
        version=str(version),
        fields=describe_fields(fields),
        model=_model(model) if model is not None else None,
        features=[pb.FeatureDetails(name=each) if isinstance(each, str) else each for each in features],
        facets=describe_facets(facets),
    )


def describe_fields(fields: Fields) -> list[pb.EventField]:
    """Makes the messages of fields.

    >>> describe_fields({"user_id": "BIGINT"}) == describe_fields([("user_id", "BIGINT")])
    True
    """
    return [_field(each) for each in (fields.items() if isinstance(fields, Mapping) else fields)]


def _field(field: str | tuple[str, str] | pb.EventField) -> pb.EventField:
    if isinstance(field, pb.EventField):
        return field
    name, kind = (field, "") if isinstance(field, str) else field
    return pb.EventField(name=name, type=kind)


def describe_metrics(metrics: Metrics) -> list[pb.Metric]:
    """Makes the messages of measures; whatever `float()` takes is a value."""
    if isinstance(metrics, Mapping):
        return [pb.Metric(name=name, value=float(value)) for name, value in metrics.items()]
    return list(metrics)


def describe_facets(facets: Facets | None) -> dict[str, bytes]:
    """Makes the JSON texts of facets. A mapping gets the two properties that every facet needs, where it lacks them."""
    return {name: facet if isinstance(facet, bytes) else _facet(facet) for name, facet in (facets or {}).items()}


def _facet(facet: Mapping[str, object]) -> bytes:
    whole = {"_producer": PRODUCER, "_schemaURL": _BASE_FACET, **facet}
    return json.dumps(whole, ensure_ascii=False, allow_nan=False).encode()


def _model(model: Model) -> pb.ModelDetails:
    parameters = {name: str(value) for name, value in model.get("parameters", {}).items()}
    return pb.ModelDetails(
        framework=model.get("framework", ""),
        algorithm=model.get("algorithm", ""),
        task=model.get("task", ""),
        stage=model.get("stage", ""),
        parameters=parameters,
    )
