"""Fills a database with the rows of a graph, past ingestion."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from headwater_server.domain import ids
from headwater_server.domain.graph import FieldName, Graph, StoredFieldLink, StoredLink
from headwater_server.domain.lineage import FOREVER
from headwater_server.domain.model import AssetName

Connection = Any
DATASETS = "db"
JOBS = "team"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DIRECT, INDIRECT = 1, 2


def dataset(number: int) -> int:
    """The id of the dataset with a number."""
    return ids.dataset_id(DATASETS, f"d{number}")


def job(number: int) -> int:
    """The id of the job with a number."""
    return ids.job_id(JOBS, f"j{number}")


def name_of(number: int) -> AssetName:
    """The name of the dataset with a number."""
    return AssetName(DATASETS, f"d{number}")


def time_of(micros: int) -> datetime:
    """So many microseconds after 1970 began; FOREVER is PostgreSQL's infinity."""
    return datetime.max.replace(tzinfo=UTC) if micros == FOREVER else EPOCH + timedelta(microseconds=micros)


@dataclass
class Rows:
    """A graph to be written: so many datasets and jobs, links by ids, sets by the number shown, deleted assets."""

    datasets: int
    jobs: int
    links: list[StoredLink] = field(default_factory=list)
    field_links: list[StoredFieldLink] = field(default_factory=list)
    shown: dict[int, int] = field(default_factory=dict)
    deleted: set[int] = field(default_factory=set)

    def graph(self, time: int | None = None) -> Graph:
        """The graph as the oracle takes it, at a time."""
        hidden = {self.shown.get(asset, asset) for asset in self.deleted}
        return Graph(self.links, self.field_links, {job(n) for n in range(self.jobs)}, self.shown, hidden, time)

    async def write(self, connection: Connection) -> None:
        """Writes the graph into an emptied database."""
        for table in (
            "namespaces",
            "datasets",
            "jobs",
            "links",
            "field_links",
            "fields",
            "transformations",
            "deletions",
        ):
            await connection.execute(f"DELETE FROM {table}")
        spaces = [(ids.namespace_id(name), name) for name in (DATASETS, JOBS)]
        await _copy(connection, "namespaces", ("namespace_id", "namespace"), spaces)
        joined = {*self.shown, *self.shown.values()}
        datasets = [
            (
                dataset(n),
                spaces[0][0],
                f"d{n}",
                self.shown.get(dataset(n), dataset(n)) if dataset(n) in joined else None,
            )
            for n in range(self.datasets)
        ]
        await _copy(connection, "datasets", ("dataset_id", "namespace_id", "name", "canonical_id"), datasets)
        jobs = [(job(n), spaces[1][0], f"j{n}") for n in range(self.jobs)]
        await _copy(connection, "jobs", ("job_id", "namespace_id", "name"), jobs)
        columns = ("source_id", "target_id", "job_id", "inferred", "since", "until")
        await _copy(
            connection, "links", columns, [(*x[:4], time_of(x.since), time_of(x.until)) for x in set(self.links)]
        )
        deletions = [(asset, EPOCH, 2) for asset in self.deleted]
        await _copy(connection, "deletions", ("asset_id", "time", "kind"), deletions)
        await self._write_field_links(connection)

    async def _write_field_links(self, connection: Connection) -> None:
        fields: set[FieldName] = {end for link in self.field_links for end in link[:2]}
        await _copy(
            connection, "fields", ("field_id", "dataset_id", "path"), [(ids.field_id(*name), *name) for name in fields]
        )
        changes = [
            (number, number == DIRECT, False, msgspec.msgpack.encode([(word, "", "", False)]))
            for number, word in ((DIRECT, "DIRECT"), (INDIRECT, "INDIRECT"))
        ]
        await _copy(connection, "transformations", ("transformation_id", "is_direct", "is_masking", "body"), changes)
        rows = [
            (
                ids.field_id(*link.source),
                ids.field_id(*link.target),
                link.job,
                DIRECT if link.is_direct else INDIRECT,
                time_of(link.since),
                time_of(link.until),
            )
            for link in set(self.field_links)
        ]
        columns = ("source_id", "target_id", "job_id", "transformation_id", "since", "until")
        await _copy(connection, "field_links", columns, rows)


async def _copy(connection: Connection, table: str, columns: Iterable[str], rows: list[tuple[object, ...]]) -> None:
    if rows:
        await connection.copy_records_to_table(table, columns=list(columns), records=rows)
