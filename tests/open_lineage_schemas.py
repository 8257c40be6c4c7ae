"""OpenLineage's JSON schemas and those of Headwater's own facets, and values checked by them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

ROOT = Path(__file__).parents[1]
OWN_FACETS = ROOT / "client" / "headwater" / "facets"

Schemas = dict[str, Any]
"""Schemas by their `$id`."""


def open_lineage_data() -> Path:
    """The folder with OpenLineage's schemas, fixtures and events; skips the test where it is missing."""
    folder = Path(os.environ.get("HEADWATER_SHARED_DATA") or ROOT.parent / "shared" / "data") / "openlineage"
    if not folder.is_dir():
        pytest.skip(f"no OpenLineage test data in {folder}: set HEADWATER_SHARED_DATA to the folder that holds it")
    return folder


def load_schemas() -> Schemas:
    """OpenLineage's schemas and ours; skips the test where OpenLineage's are missing."""
    folder = open_lineage_data()
    files = [folder / "OpenLineage.json", *folder.glob("facets/*.json"), *OWN_FACETS.glob("*.json")]
    return {schema["$id"]: schema for schema in (json.loads(file.read_text()) for file in files)}


def validate(value: object, url: str, schemas: Schemas) -> None:
    """Checks a value by the schema at an address.

    Raises:
        ValidationError: the schema does not allow it.
    """
    resources = [(name, Resource.from_contents(schema)) for name, schema in schemas.items()]
    registry: Registry[Any] = Registry().with_resources(resources)
    Draft202012Validator({"$ref": url}, registry=registry).validate(value)
