"""What an asset is now, from all that was said of it: for each facet, what the last event to give it said."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from .catalog import CodeLocation, Facet, Owner, RunError, Tag
from .descriptive_facets import (
    DocumentationFacet,
    ErrorMessageFacet,
    JobTypeFacet,
    OwnershipFacet,
    SourceCodeLocationFacet,
    TagsFacet,
    has_facet,
    read_facet,
    text_of,
)
from .facets import FacetMap, SqlFacet
from .model import JobKind, OrderKey

JOB_KINDS = {
    "BATCH": JobKind.BATCH,
    "STREAM": JobKind.STREAM,
    "STREAMING": JobKind.STREAM,
    "SERVICE": JobKind.SERVICE,
    "SERVING": JobKind.SERVICE,
}
"""The words for the kind of a job."""


@dataclass(frozen=True, slots=True)
class Said:
    """Facets, and where what said them stands among all that did."""

    key: OrderKey
    facets: FacetMap


def read_content(body: bytes) -> FacetMap:
    """The facets in a content (see `statement.Content`)."""
    found: FacetMap = msgspec.json.decode(body, type=FacetMap)
    return found


def merge_facets(said: Iterable[Said]) -> dict[str, Facet]:
    """The facets that hold: of each name the last one, unless that says that there is none."""
    found: dict[str, tuple[OrderKey, msgspec.Raw]] = {}
    for one in said:
        for name, value in one.facets.items():
            if name not in found or one.key > found[name][0]:
                found[name] = (one.key, value)
    given: FacetMap = {name: value for name, (_, value) in found.items()}
    return {name: Facet(name, bytes(given[name]), found[name][0].time) for name in sorted(found) if _holds(given, name)}


def facet_map(facets: Iterable[Facet]) -> FacetMap:
    """Facets by name, to be read."""
    return {facet.name: msgspec.Raw(facet.json) for facet in facets}


def description_of(facets: FacetMap) -> str:
    """What the asset is, in words."""
    facet = read_facet(facets, "documentation", DocumentationFacet)
    return (facet and facet.description) or ""


def owners_of(facets: FacetMap) -> tuple[Owner, ...]:
    """Who owns the asset."""
    facet = read_facet(facets, "ownership", OwnershipFacet)
    return tuple(Owner(owner.name, owner.type or "") for owner in (facet and facet.owners) or ())


def tags_of(facets: FacetMap) -> tuple[Tag, ...]:
    """The tags of the asset and of its fields."""
    facet = read_facet(facets, "tags", TagsFacet)
    return tuple(Tag(t.key, text_of(t.value), t.field or "", t.source or "") for t in (facet and facet.tags) or ())


def job_kind(facets: FacetMap) -> JobKind | None:
    """How the job works; None where not known."""
    facet = read_facet(facets, "jobType", JobTypeFacet)
    words = (facet.processing_type, facet.job_type) if facet else ()
    return next((JOB_KINDS[word.upper()] for word in words if word and word.upper() in JOB_KINDS), None)


def integration_of(facets: FacetMap) -> str:
    """The system that the job runs in, in upper case; empty where not known."""
    facet = read_facet(facets, "jobType", JobTypeFacet)
    return ((facet and facet.integration) or "").upper()


def code_location_of(facets: FacetMap) -> CodeLocation | None:
    """Where the code of the job is; None where not known."""
    facet = read_facet(facets, "sourceCodeLocation", SourceCodeLocationFacet)
    if facet is None:
        return None
    parts = (facet.type, facet.url, facet.repo_url, facet.path, facet.version, facet.branch, facet.tag)
    return CodeLocation(*(part or "" for part in parts))


def sql_of(facets: FacetMap) -> str:
    """The SQL of the job; empty where it is not SQL."""
    facet = read_facet(facets, "sql", SqlFacet)
    return (facet and facet.query) or ""


def error_of(facets: FacetMap) -> RunError | None:
    """Why the run failed; None where that is not known."""
    facet = read_facet(facets, "errorMessage", ErrorMessageFacet)
    if facet is None:
        return None
    return RunError(facet.message or "", (facet.programming_language or "").lower(), facet.stack_trace or "")


def _holds(facets: FacetMap, name: str) -> bool:
    """Whether a facet says something; one that is no object is kept as it is."""
    value = bytes(facets[name]).strip()
    return value != b"null" and (not value.startswith(b"{") or has_facet(facets, name))
