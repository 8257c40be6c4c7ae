"""Objects of other projects that the chart makes, held to the definitions that those projects publish.

A definition is read from its project's Go module, at a pinned version and checksum, and kept in the tests' cache. The
modules of CloudNativePG and of the Prometheus Operator are not to be had: what is made of those is rendered only.
"""

from __future__ import annotations

import functools
import shutil
from collections.abc import Mapping
from typing import Any

import jsonschema
import pytest
import yaml

from ..e2e.cluster.command import ClusterError
from ..e2e.cluster.programs import only_one
from ..e2e.crds import Module, Real, cached, fetch_module, keep

CERT_MANAGER = Module(
    "github.com/cert-manager/cert-manager", "v1.21.2", "h1:UWgoYM+KLNtRlqmoWOKjKBOBUPVHeepQ6/ac3ERJW68="
)
PUBLISHED = {
    "Certificate": Real("certificates.cert-manager.io", CERT_MANAGER, "deploy/crds"),
    "Issuer": Real("issuers.cert-manager.io", CERT_MANAGER, "deploy/crds"),
}
"""Kind: where its definition is."""


@functools.cache
def schema(kind: str, version: str) -> dict[str, Any]:
    """What an object of a kind may hold. Skips the test where the definition is not here and cannot be fetched."""
    definition = PUBLISHED[kind]
    with only_one("crds"):
        if not cached(definition).exists():
            if not shutil.which("go"):
                pytest.skip(f"the definition of {kind} is read from a Go module, and there is no Go")
            try:
                folder = fetch_module(definition.module)
            except ClusterError as error:
                pytest.skip(f"the definition of {kind} cannot be fetched: {error}")
            keep(folder / definition.file, cached(definition))
    return schema_in(yaml.safe_load(cached(definition).read_text()), version)


def schema_in(definition: Mapping[str, Any], version: str) -> dict[str, Any]:
    """The schema in a definition, which allows no field that it does not name."""
    (found,) = (each for each in definition["spec"]["versions"] if each["name"] == version)
    strict: dict[str, Any] = _strict(found["schema"]["openAPIV3Schema"])
    strict["properties"]["metadata"] = {"type": "object"}
    return strict


def _strict(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _strict(value) for key, value in schema.items()}
    if found.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    if isinstance(found.get("properties"), dict) and not found.get("x-kubernetes-preserve-unknown-fields"):
        found.setdefault("additionalProperties", False)
    return found


def validate(each: Mapping[str, Any], allowed: Mapping[str, Any]) -> None:
    """Raises jsonschema.ValidationError."""
    jsonschema.Draft7Validator(allowed).validate(each)
