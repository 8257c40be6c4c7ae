"""Reads what an event states of one job or one dataset; see `statement`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

import msgspec
from msgspec import Raw, Struct

from . import ids
from .errors import InvalidEvent, TooLarge
from .facets import (
    MAX_NAME_BYTES,
    ColumnLineageFacet,
    DatasetLineageFacet,
    Deletable,
    FacetMap,
    JobLineageFacet,
    LifecycleFacet,
    Name,
    SchemaFacet,
    SchemaFieldFacet,
    SymlinksFacet,
    VersionFacet,
)
from .model import AssetName, SchemaField
from .statement import CODE_FACETS, Content, Role, Schema, StatedDataset, StatedJob, StatedLabel

EMPTY = Raw(b"{}")
Labels = tuple[StatedLabel, ...]


class AssetJson(Struct):
    """A dataset or a job in an event; its facets stay text until they are needed."""

    namespace: Name
    name: Name
    facets: Raw = EMPTY


_decode_facets = msgspec.json.Decoder(FacetMap | None)
F = TypeVar("F", bound=Struct)


def stated_schema(facets: FacetMap) -> Schema | None:
    """The schema that the facets of a dataset state. Raises InvalidEvent or TooLarge."""
    return _schema(decode_facet(facets, "schema", SchemaFacet, "facets"), "facets.schema")


def stated_label(facets: FacetMap, path: str = "facets") -> str | None:
    """The version that the facets of a dataset name. Raises InvalidEvent or TooLarge."""
    facet = decode_facet(facets, "version", VersionFacet, path)
    return None if facet is None or facet.version is None else check_name(str(facet.version), f"{path}.version")


def facets_of(asset: AssetJson, path: str) -> FacetMap:
    """The facets of an asset; those that are null are left out. Raises InvalidEvent."""
    try:
        return _decode_facets.decode(asset.facets) or {}
    except msgspec.ValidationError as error:
        raise invalid(error, path) from None


def check_name(text: str, path: str) -> str:
    """The text, where it can be a name; raises InvalidEvent or TooLarge."""
    if "\0" in text:
        raise InvalidEvent(path, "holds a NUL character", "send names as plain text")
    if len(text) > MAX_NAME_BYTES // 4 and len(text.encode()) > MAX_NAME_BYTES:
        raise TooLarge(path, len(text.encode()), MAX_NAME_BYTES, "bytes")
    return text


def decode_facet(facets: FacetMap, name: str, kind: type[F], path: str) -> F | None:
    """The facet of that name; None where it is missing, null or deleted. Raises InvalidEvent where it is malformed."""
    raw = facets.get(name)
    if raw is None:
        return None
    try:
        facet = msgspec.json.decode(raw, type=kind | None)
    except msgspec.ValidationError as error:
        raise invalid(error, f"{path}.{name}") from None
    return None if isinstance(facet, Deletable) and facet.deleted else facet


def invalid(error: msgspec.ValidationError, path: str) -> InvalidEvent:
    """The error in our words: msgspec says `Expected …, got … - at `$.path``."""
    problem, _, where = str(error).partition(" - at `")
    inner = where.rstrip("`").removeprefix("key ").removeprefix("$")
    field = (path + inner).lstrip(".")
    if "missing required field" in problem:
        missing = problem.rsplit("`", 2)[1]
        return InvalidEvent(f"{field}.{missing}".lstrip("."), "is missing", "send it, as OpenLineage's schema says")
    return InvalidEvent(field or "event", f"is not valid ({problem})", "see OpenLineage's schema of this field")


def stated_job(job: AssetJson) -> StatedJob:
    """What is stated of a job. Raises InvalidEvent or TooLarge."""
    name = AssetName(check_name(job.namespace, "job.namespace"), check_name(job.name, "job.name"))
    facets = facets_of(job, "job.facets")
    return StatedJob(
        id=ids.job_id(*name),
        name=name,
        content=content_of(facets),
        facets=frozenset(facets),
        lineage=decode_facet(facets, "lineage", JobLineageFacet, "job.facets") if facets else None,
        code={key: ids.hash64(bytes(facets[key])) for key in CODE_FACETS if _is_given(facets, key)},
    )


def _is_given(facets: FacetMap, name: str) -> bool:
    return decode_facet(facets, name, Deletable, "job.facets") is not None


def stated_dataset(item: AssetJson, role: Role, path: str) -> tuple[StatedDataset, Labels]:
    """What is stated of a dataset, and the version that is named of it. Raises InvalidEvent or TooLarge."""
    name = AssetName(check_name(item.namespace, f"{path}.namespace"), check_name(item.name, f"{path}.name"))
    path = f"{path}.facets"
    facets = facets_of(item, path)
    label = stated_label(facets, path)
    labels = () if label is None else (StatedLabel(role, ids.dataset_id(*name), label),)
    if role is not Role.SUBJECT:
        facets.pop("version", None)
    if not facets:
        return StatedDataset(ids.dataset_id(*name), name, role, NO_CONTENT, frozenset()), labels
    return _with_facets(name, role, facets, path), labels


def _with_facets(name: AssetName, role: Role, facets: FacetMap, path: str) -> StatedDataset:
    symlinks = decode_facet(facets, "symlinks", SymlinksFacet, path)
    lifecycle = decode_facet(facets, "lifecycleStateChange", LifecycleFacet, path)
    change = (lifecycle.change or "").upper() if lifecycle else ""
    previous = lifecycle.previous if lifecycle and change == "RENAME" else None
    return StatedDataset(
        id=ids.dataset_id(*name),
        name=name,
        role=role,
        content=content_of(facets),
        facets=frozenset(facets),
        schema=_schema(decode_facet(facets, "schema", SchemaFacet, path), f"{path}.schema"),
        column_lineage=decode_facet(facets, "columnLineage", ColumnLineageFacet, path),
        lineage=decode_facet(facets, "lineage", DatasetLineageFacet, path),
        symlinks=tuple(AssetName(i.namespace, i.name) for i in (symlinks and symlinks.identifiers) or ()),
        previous=AssetName(previous.namespace, previous.name) if previous else None,
        dropped=change == "DROP",
    )


def content_of(facets: FacetMap) -> Content:
    """The facets as one JSON object in which each is byte for byte as it was sent."""
    if not facets:
        return NO_CONTENT
    parts = (msgspec.json.encode(name) + b":" + bytes(value) for name, value in sorted(facets.items()))
    json = b"{" + b",".join(parts) + b"}"
    return Content(ids.hash64(b"content", json), json)


NO_CONTENT = Content(ids.hash64(b"content", b"{}"), b"{}")


def _schema(facet: SchemaFacet | None, path: str) -> Schema | None:
    if facet is None or facet.fields is None:
        return None
    fields = tuple(_flatten(facet.fields, "", path))
    parts = [f"{f.path}\0{f.type}\0{f.description}\0{f.ordinal}".encode() for f in fields]
    return Schema(ids.hash64(b"schema", *parts), fields)


def _flatten(fields: Iterable[SchemaFieldFacet], prefix: str, path: str) -> Iterator[SchemaField]:
    for place, item in enumerate(fields, start=1):
        own = prefix + check_name(item.name, f"{path}.fields.name").replace("\\", "\\\\").replace(".", "\\.")
        kind = item.type if isinstance(item.type, str) else "" if item.type is None else _text(item.type)
        yield SchemaField(own, kind, item.description or "", item.ordinal_position or place)
        if item.fields:
            yield from _flatten(item.fields, own + ".", path)


def _text(value: object) -> str:
    return msgspec.json.encode(value, order="sorted").decode()
