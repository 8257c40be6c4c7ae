"""The facets that describe an asset and change nothing in the graph, as producers write them.

They are read leniently: one that is malformed says nothing, for an event is never refused because of it.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from .facets import Deletable, FacetMap

D = TypeVar("D", bound=Deletable)


class DocumentationFacet(Deletable):
    """What an asset is, in words."""

    description: str | None = None


class OwnerFacet(Struct):
    """One owner."""

    name: str
    type: str | None = None


class OwnershipFacet(Deletable):
    """Who owns an asset."""

    owners: list[OwnerFacet] | None = None


class TagFacet(Struct):
    """One tag; `field` is the path of the field that it marks."""

    key: str
    value: Any = None
    field: str | None = None
    source: str | None = None


class TagsFacet(Deletable):
    """The tags of a dataset, a job or a run."""

    tags: list[TagFacet] | None = None


class DatasetTypeFacet(Deletable, rename="camel"):
    """What a dataset is: a word such as TABLE."""

    dataset_type: str | None = None


class StorageFacet(Deletable, rename="camel"):
    """How a dataset is stored."""

    storage_layer: str | None = None


class CatalogFacet(Deletable):
    """The catalogue that a dataset is registered in."""

    framework: str | None = None
    type: str | None = None


class JobTypeFacet(Deletable, rename="camel"):
    """How a job works, and the system it runs in."""

    processing_type: str | None = None
    integration: str | None = None
    job_type: str | None = None


class SourceCodeLocationFacet(Deletable, rename="camel"):
    """Where the code of a job is; `version` is the commit."""

    type: str | None = None
    url: str | None = None
    repo_url: str | None = None
    path: str | None = None
    version: str | None = None
    branch: str | None = None
    tag: str | None = None


class ErrorMessageFacet(Deletable, rename="camel"):
    """Why a run failed."""

    message: str | None = None
    programming_language: str | None = None
    stack_trace: str | None = None


def read_facet(facets: FacetMap, name: str, kind: type[D]) -> D | None:
    """The facet of that name; None where it is missing, null, deleted or malformed."""
    raw = facets.get(name)
    if raw is None:
        return None
    try:
        facet: D | None = msgspec.json.decode(raw, type=kind | None)
    except (msgspec.DecodeError, RecursionError):
        return None
    return None if facet is None or facet.deleted else facet


def has_facet(facets: FacetMap, name: str) -> bool:
    """Whether the facet is given, and not deleted."""
    return read_facet(facets, name, Deletable) is not None


def text_of(value: object) -> str:
    """A tag's value as text: producers write numbers and booleans too."""
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
