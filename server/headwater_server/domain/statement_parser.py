"""Reads what an event states about its job and datasets; see `statement`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator
from functools import partial
from hashlib import blake2b
from typing import Generic, TypeVar

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
from .mentions import mentioned_datasets, mentioned_jobs, mentioned_paths
from .model import AssetName, SchemaField
from .statement import CODE_FACETS, Content, Role, Schema, StatedDataset, StatedJob, StatedLabel, Statement

MAX_DATASETS = 10_000
"""How many datasets one event may name."""
MAX_LINKS = 250_000
"""How many pairs of input and output one event may have."""
EMPTY = Raw(b"{}")
Labels = tuple[StatedLabel, ...]


class AssetJson(Struct):
    """A dataset or a job in an event; its facets stay text until they are needed."""

    namespace: Name
    name: Name
    facets: Raw = EMPTY


class StatementJson(Struct):
    """The parts of an event that state something; also the form in which a statement is kept."""

    job: AssetJson | None = None
    inputs: list[AssetJson] | None = None
    outputs: list[AssetJson] | None = None
    dataset: AssetJson | None = None


_decode_facets = msgspec.json.Decoder(FacetMap | None)
_decode_statement = msgspec.json.Decoder(StatementJson)
T = TypeVar("T")
F = TypeVar("F", bound=Struct)


class Remembered(Generic[T]):
    """The things that were made lately, by what they were made of."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._things: OrderedDict[Hashable, T] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What was made for this key, or what `make` makes now."""
        found = self._things.get(key)
        if found is not None:
            self._things.move_to_end(key)
            return found
        made = self._things[key] = make()
        if len(self._things) > self._size:
            self._things.popitem(last=False)
        return made


class StatementParser:
    """Parses what events state, and remembers it: a job says the same thing run after run."""

    def __init__(self, *, remembered: int = 4_096) -> None:
        self._statements: Remembered[tuple[Statement, Labels]] = Remembered(remembered)
        self._datasets: Remembered[tuple[StatedDataset, Labels]] = Remembered(2 * remembered)
        self._jobs: Remembered[StatedJob] = Remembered(remembered)

    def parse(self, parts: StatementJson) -> tuple[Statement, Labels]:
        """The statement that the parts of an event make, and the versions that they name.

        Raises InvalidEvent or TooLarge with the field.
        """
        _check_size(parts)
        key = (
            _key(parts.job) if parts.job else None,
            tuple(map(_key, parts.inputs)) if parts.inputs else (),
            tuple(map(_key, parts.outputs)) if parts.outputs else (),
            _key(parts.dataset) if parts.dataset else None,
        )
        return self._statements.get(key, lambda: self._make(parts))

    def _make(self, parts: StatementJson) -> tuple[Statement, Labels]:
        job = parts.job
        stated_job = self._jobs.get(_key(job), lambda: _stated_job(job)) if job else None
        stated = [
            self._datasets.get((role, _key(asset)), partial(_stated_dataset, asset, role, path))
            for asset, role, path in _datasets(parts)
        ]
        datasets = tuple(_merged([dataset for dataset, _ in stated]))
        return _statement(stated_job, datasets), tuple(label for _, labels in stated for label in labels)


def stated_schema(facets: FacetMap) -> Schema | None:
    """The schema that the facets of a dataset state. Raises InvalidEvent or TooLarge."""
    return _schema(decode_facet(facets, "schema", SchemaFacet, "facets"), "facets.schema")


def stated_label(facets: FacetMap, path: str = "facets") -> str | None:
    """The version that the facets of a dataset name. Raises InvalidEvent or TooLarge."""
    facet = decode_facet(facets, "version", VersionFacet, path)
    return None if facet is None or facet.version is None else check_name(str(facet.version), f"{path}.version")


def _key(asset: AssetJson) -> tuple[str, str, bytes]:
    """What a stated asset is remembered by."""
    return asset.namespace, asset.name, blake2b(asset.facets, digest_size=16).digest()


def parse_source(source: bytes) -> Statement:
    """The statement that was kept as its source."""
    return StatementParser(remembered=1).parse(_decode_statement.decode(source))[0]


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


def _check_size(parts: StatementJson) -> None:
    inputs, outputs = len(parts.inputs or ()), len(parts.outputs or ())
    if inputs + outputs > MAX_DATASETS:
        raise TooLarge("inputs and outputs", inputs + outputs, MAX_DATASETS, "datasets")
    if inputs * outputs > MAX_LINKS:
        raise TooLarge("inputs and outputs", inputs * outputs, MAX_LINKS, "links")


def _datasets(parts: StatementJson) -> Iterator[tuple[AssetJson, Role, str]]:
    for index, item in enumerate(parts.inputs or ()):
        yield item, Role.INPUT, f"inputs[{index}]"
    for index, item in enumerate(parts.outputs or ()):
        yield item, Role.OUTPUT, f"outputs[{index}]"
    if parts.dataset:
        yield parts.dataset, Role.SUBJECT, "dataset"


def _stated_job(job: AssetJson) -> StatedJob:
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


def _stated_dataset(item: AssetJson, role: Role, path: str) -> tuple[StatedDataset, Labels]:
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


def _merged(datasets: list[StatedDataset]) -> list[StatedDataset]:
    """One entry for a dataset and role; an event may name a dataset twice.

    What is reported holds over what is declared, then the one with more facets.
    """
    best: dict[tuple[int, Role], StatedDataset] = {}
    for dataset in datasets:
        known = best.get((dataset.id, dataset.role))
        if known is None or _weight(dataset) > _weight(known):
            best[dataset.id, dataset.role] = dataset
    return list(best.values())


def _weight(dataset: StatedDataset) -> tuple[bool, int, int]:
    return not dataset.is_declared, len(dataset.facets), dataset.content.id


def _statement(job: StatedJob | None, datasets: tuple[StatedDataset, ...]) -> Statement:
    ordered = tuple(sorted(datasets, key=lambda d: (d.role, d.name)))
    source = _source(job, ordered)
    mentioned = {dataset.id: dataset.name for dataset in ordered}
    for name in mentioned_datasets(job, ordered):
        mentioned.setdefault(ids.dataset_id(*name), name)
    jobs = {ids.job_id(*name): name for name in mentioned_jobs(job, ordered)}
    if len(source) > MAX_NAME_BYTES or b"\\u0000" in source:
        _check_names([*mentioned.values(), *jobs.values()], mentioned_paths(job, ordered))
    return Statement(ids.hash64(b"statement", source), job, ordered, source, mentioned, jobs)


def _check_names(names: Iterable[AssetName], paths: Iterable[str]) -> None:
    for name in names:
        check_name(name.namespace, "a namespace in a facet")
        check_name(name.name, "a name in a facet")
    for path in paths:
        check_name(path, "a field in a facet")


def _source(job: StatedJob | None, datasets: tuple[StatedDataset, ...]) -> bytes:
    def asset(item: StatedJob | StatedDataset) -> bytes:
        namespace, name = msgspec.json.encode(item.name.namespace), msgspec.json.encode(item.name.name)
        return b'{"namespace":%b,"name":%b,"facets":%b}' % (namespace, name, item.content.json)

    def group(role: Role) -> bytes:
        return b",".join(asset(item) for item in datasets if item.role is role)

    parts = [b'"job":' + asset(job)] if job else []
    parts += [b'"inputs":[%b],"outputs":[%b]' % (group(Role.INPUT), group(Role.OUTPUT))]
    if subject := group(Role.SUBJECT):
        parts.append(b'"dataset":' + subject)
    return b"{" + b",".join(parts) + b"}"
