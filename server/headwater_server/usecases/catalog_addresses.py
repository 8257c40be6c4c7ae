"""Finds what an address names: every way to read it is tried."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from headwater.names import (
    LATEST,
    Address,
    DatasetName,
    DatasetVersionName,
    InvalidName,
    JobName,
    JobVersionName,
    ResourceName,
    RunName,
    WriteName,
    address_candidates,
    format_address,
    parse_name,
)

from ..domain import ids
from ..domain.catalog import Dataset, DatasetVersion, Job
from ..domain.catalog_places import DatasetSet, JobPlace
from ..domain.catalog_ports import CatalogReader, CatalogStore
from ..domain.errors import AmbiguousAddress, InvalidField, NotFound
from ..domain.versions import format_version, parse_version
from .catalog_datasets import find_dataset, find_version
from .catalog_jobs import find_job, find_job_version

MAX_CANDIDATES = 100
"""How many assets of one bare name are looked at."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What an address names: the asset, its version or write, and the path of the field; None where not named."""

    name: DatasetName | JobName | RunName
    version: DatasetVersionName | WriteName | JobVersionName | None = None
    field: str | None = None


@dataclass(frozen=True, slots=True)
class _Candidates:
    """The datasets and jobs that an address may name."""

    datasets: list[DatasetSet]
    jobs: list[JobPlace]

    def __len__(self) -> int:
        return len(self.datasets) + len(self.jobs)


async def resolve_address(store: CatalogStore, text: str, seconds: float) -> Resolved:
    """What an address names. Raises InvalidField, NotFound or AmbiguousAddress."""
    async with store.reading(seconds) as reader:
        resource = _resource(text)
        if resource and (found := await _resolve_resource(reader, resource)):
            return found
        try:
            address = address_candidates(text)
        except InvalidName as error:
            raise InvalidField("address", error.problem, "write namespace/name") from None
        return await _resolve(reader, text, address)
