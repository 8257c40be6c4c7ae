"""Reads the run of an event: its id, and the facets that it is merged by. Others are read when they are asked for."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import NamedTuple, TypeVar

import msgspec
from msgspec import Raw, Struct

from . import ids
from .asset_parser import check_name, decode_facet, invalid
from .errors import InvalidEvent
from .event import NominalTime
from .facets import FacetMap, Name, NominalTimeFacet, ParentFacet, RootFacet
from .identity import MISSING, canonical, canonical_object, hash_of
from .model import AssetName, RunReference
from .remembered import Remembered

F = TypeVar("F", bound=Struct)
REMEMBERED_BYTES = 2 << 20
"""How much text of facets is remembered: runs of one parent share them."""
PATH = "run.facets"
UUID_BYTES = 38
"""The length of a UUID as JSON text: where it has that, it is written the usual way."""


class RunFacets(NamedTuple):
    """The facets of a run: their hash, and what they say of it."""

    hash: bytes
    parent: RunReference | None = None
    root: RunReference | None = None
    nominal_time: NominalTime | None = None


class RunPart(NamedTuple):
    """The run of an event. `external_id` is the id as its producer gave it, where that is no UUID."""

    hash: bytes
    id: uuid.UUID
    external_id: str | None
    facets: RunFacets


NO_FACETS = RunFacets(MISSING)


_decode_members = msgspec.json.Decoder(dict[str, Raw] | None).decode
_decode_facets = msgspec.json.Decoder(FacetMap | None).decode
_decode_uuid = msgspec.json.Decoder(uuid.UUID).decode
_decode_id = msgspec.json.Decoder(Name).decode


class RunParser:
    """Parses runs. Raises InvalidEvent or TooLarge with the field, and msgspec.DecodeError, UnicodeError or
    RecursionError where a part is no JSON.
    """

    def __init__(self) -> None:
        self._facets: Remembered[RunFacets] = Remembered(REMEMBERED_BYTES)

    def run(self, json: bytes | Raw) -> RunPart | None:
        """The run of an event; None for null."""
        try:
            members = _decode_members(json)
        except msgspec.ValidationError as error:
            raise invalid(error, "run") from None
        if members is None:
            return None
        if "runId" not in members:
            raise InvalidEvent("run.runId", "is missing", "send it, as OpenLineage's schema says")
        facets = self._read_facets(bytes(members.pop("facets"))) if "facets" in members else NO_FACETS
        id_json = bytes(members["runId"])
        if len(id_json) == UUID_BYTES and len(members) == 1 and (run_id := _uuid(id_json)):
            return RunPart(hash_of(b'%b{"runId":%b}' % (facets.hash, id_json)), run_id, None, facets)
        run_id, external = ids.run_ids(_run_id(id_json))
        return RunPart(hash_of(facets.hash + canonical_object(members)), run_id, external, facets)

    def _read_facets(self, json: bytes) -> RunFacets:
        found = self._facets.get(json)
        if found is not None:
            return found
        try:
            facets = _decode_facets(json)
        except msgspec.ValidationError as error:
            raise invalid(error, PATH) from None
        if facets is None:
            return RunFacets(hash_of(canonical(json)))
        parent = decode_facet(facets, "parent", ParentFacet, PATH)
        nominal_time = decode_facet(facets, "nominalTime", NominalTimeFacet, PATH)
        found = RunFacets(
            hash_of(canonical(json)),
            _reference(parent, f"{PATH}.parent") if parent else None,
            _reference(parent.root, f"{PATH}.parent.root") if parent and parent.root else None,
            _nominal_time(nominal_time) if nominal_time else None,
        )
        return self._facets.put(json, found, len(json))


def parse_time(text: str, field: str) -> datetime:
    """A time in ISO 8601, in UTC; without a zone it is UTC, and digits past microseconds are cut."""
    try:
        time = datetime.fromisoformat(text.strip())
        if time.tzinfo is UTC:
            return time
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidEvent(field, f"is no time ({text[:64]!r})", "send ISO 8601, as 2026-01-31T12:00:00Z") from None


def _uuid(json: bytes) -> uuid.UUID | None:
    try:
        return _decode_uuid(json)
    except msgspec.ValidationError:
        return None


def _run_id(json: bytes) -> str:
    try:
        text = _decode_id(json)
    except msgspec.ValidationError as error:
        raise invalid(error, "run.runId") from None
    return check_name(text, "run.runId")


def _reference(facet: ParentFacet | RootFacet, path: str) -> RunReference:
    name = AssetName(
        check_name(facet.job.namespace, f"{path}.job.namespace"), check_name(facet.job.name, f"{path}.job.name")
    )
    return RunReference(ids.run_uuid(check_name(facet.run.run_id, f"{path}.run.runId")), name, ids.job_id(*name))


def _nominal_time(facet: NominalTimeFacet) -> NominalTime:
    path = f"{PATH}.nominalTime"
    start = parse_time(facet.start, f"{path}.nominalStartTime") if facet.start else None
    return NominalTime(start, parse_time(facet.end, f"{path}.nominalEndTime") if facet.end else None)
