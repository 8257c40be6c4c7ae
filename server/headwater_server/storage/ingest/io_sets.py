"""Writes what runs read and wrote: io sets with their links, and the versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from ...domain import ids
from ...domain.batch import BatchChange
from ...domain.job_links import AnyLink, FieldLinkIds
from ...domain.model import FieldLink, Link, Transformation
from ...domain.remembered import Remembered
from ...domain.run_facts import IoSet, VersionSet
from ...domain.statement import Role
from ..compression import compress, decompress
from ..database import Connection
from .rows import InsertMissing, KnownRows

FIELDS = InsertMissing("fields", {"field_id": "bigint", "dataset_id": "bigint", "path": "text"})
TRANSFORMATIONS = InsertMissing(
    "transformations",
    {"transformation_id": "bigint", "is_direct": "boolean", "is_masking": "boolean", "body": "bytea"},
)
IO_SET_DATASETS = InsertMissing(
    "io_set_datasets", {"dataset_id": "bigint", "role": "smallint", "io_set_id": "bigint"}, keys=3
)
DECLARATIONS = InsertMissing(
    "declarations", {"job_id": "bigint", "time": "timestamptz", "event_id": "uuid", "io_set_id": "bigint"}, keys=3
)
REMEMBERED_LINKS = 100_000
"""How many links are remembered, by their io sets: some 50 MB at most, with those that are about to be forgotten."""
_ADD_IO_SET = "INSERT INTO io_sets (io_set_id, inputs, outputs, links) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"
_ADD_VERSION_SET = """
INSERT INTO version_sets (version_set_id, outputs, output_versions, inputs, input_labels) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class LinkSet:
    """The links of one io set; those between fields by ids."""

    links: frozenset[Link]
    field_links: frozenset[FieldLinkIds]

    def all(self) -> frozenset[AnyLink]:
        """Both kinds together."""
        return self.links | self.field_links

    def covers(self, other: LinkSet) -> bool:
        """Whether all links of the other are here, or stated here where they are inferred there."""
        more = other.links - self.links
        return other.field_links <= self.field_links and all(
            link.inferred and Link(link.source, link.target) in self.links for link in more
        )


_remembered: Remembered[LinkSet] = Remembered(REMEMBERED_LINKS)


def link_set_of(io: IoSet) -> LinkSet:
    """The links of an io set."""
    return _remembered.get(io.id) or _remember(
        io.id, LinkSet(io.links, frozenset(_field_link_ids(link) for link in io.field_links))
    )


async def add_io_sets(connection: Connection, known: KnownRows, io_sets: Mapping[int, IoSet]) -> None:
    """Writes io sets that are new, with the fields and transformations that their links speak of."""
    new = [io_sets[key] for key in sorted(known.missing("io_sets", io_sets))]
    if not new:
        return
    await _add_fields(connection, known, (link for io in new for link in io.field_links))
    await connection.executemany(_ADD_IO_SET, [(io.id, io.inputs, io.outputs, _encode(link_set_of(io))) for io in new])
    rows = [(dataset, Role.INPUT, io.id) for io in new for dataset in io.inputs]
    rows += [(dataset, Role.OUTPUT, io.id) for io in new for dataset in io.outputs]
    await IO_SET_DATASETS.run(connection, rows)


async def get_link_sets(connection: Connection, io_sets: Iterable[int]) -> dict[int, LinkSet]:
    """The links of io sets that were written before."""
    found = {key: _remembered.get(key) for key in io_sets}
    if missing := [key for key, known in found.items() if known is None]:
        rows = await connection.fetch(
            "SELECT io_set_id, links FROM io_sets WHERE io_set_id = ANY($1::bigint[])", missing
        )
        found |= {row[0]: _remember(row[0], _decode(row[1])) for row in rows}
    return {key: known for key, known in found.items() if known is not None}


async def add_version_sets(connection: Connection, known: KnownRows, version_sets: Iterable[VersionSet]) -> None:
    """Writes sets of versions that are new."""
    by_id = {versions.id: versions for versions in version_sets}
    rows = [
        (
            key,
            [state.dataset for state in by_id[key].states],
            [state.version for state in by_id[key].states],
            [dataset for dataset, _ in by_id[key].input_labels],
            [label for _, label in by_id[key].input_labels],
        )
        for key in sorted(known.missing("version_sets", by_id))
    ]
    if rows:
        await connection.executemany(_ADD_VERSION_SET, rows)


async def add_declarations(connection: Connection, change: BatchChange) -> None:
    """Writes what JobEvents declare."""
    await DECLARATIONS.run(connection, [(d.job, d.time, d.event, d.io.id) for d in change.declarations])


async def _add_fields(connection: Connection, known: KnownRows, links: Iterable[FieldLink]) -> None:
    fields: dict[int, tuple[int, str]] = {}
    changes: dict[int, tuple[Transformation, ...]] = {}
    for link in links:
        fields[ids.field_id(link.source, link.source_path)] = (link.source, link.source_path)
        fields[ids.field_id(link.target, link.target_path)] = (link.target, link.target_path)
        changes[_transformation_id(link.transformations)] = link.transformations
    await FIELDS.run(connection, [(key, *fields[key]) for key in known.missing("fields", fields)])
    rows = [
        (
            key,
            not changes[key] or any(t.type != "INDIRECT" for t in changes[key]),
            bool(changes[key]) and all(t.masking for t in changes[key] if t.type != "INDIRECT"),
            msgspec.msgpack.encode(changes[key]),
        )
        for key in known.missing("transformations", changes)
    ]
    await TRANSFORMATIONS.run(connection, rows)


def _remember(key: int, links: LinkSet) -> LinkSet:
    return _remembered.put(key, links, 1 + len(links.links) + len(links.field_links))


def _field_link_ids(link: FieldLink) -> FieldLinkIds:
    return (
        ids.field_id(link.source, link.source_path),
        ids.field_id(link.target, link.target_path),
        _transformation_id(link.transformations),
    )


def _transformation_id(transformations: tuple[Transformation, ...]) -> int:
    return ids.hash64(b"transformation", msgspec.msgpack.encode(transformations))


def _encode(links: LinkSet) -> bytes:
    return compress(msgspec.msgpack.encode((sorted(links.links), sorted(links.field_links))))


_decoder = msgspec.msgpack.Decoder(tuple[frozenset[Link], frozenset[FieldLinkIds]])


def _decode(data: bytes) -> LinkSet:
    return LinkSet(*_decoder.decode(decompress(data)))
