"""A pipeline as the operator holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from .spec import Spec


class InvalidPipeline(ValueError):
    """A resource that cannot be understood; the message names the field and the reason.

    The API server refuses such a resource unless its definition there is older than this operator.
    """


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One `LineagePipeline`."""

    namespace: str
    name: str
    uid: str
    generation: int
    created: datetime
    spec: Spec


def parse_pipeline(body: Mapping[str, Any]) -> Pipeline:
    """Reads a resource as the API server shows it. Raises InvalidPipeline."""
    metadata = body["metadata"]
    try:
        spec = msgspec.convert(body.get("spec") or {}, Spec)
    except msgspec.ValidationError as error:
        problem = str(error).replace("`$", "`spec")
        raise InvalidPipeline(
            f"{problem}: apply the CRD of this version of the operator, then correct the field"
        ) from error
    return Pipeline(
        metadata["namespace"],
        metadata["name"],
        metadata["uid"],
        int(metadata.get("generation", 0)),
        datetime.fromisoformat(metadata["creationTimestamp"]),
        spec,
    )
