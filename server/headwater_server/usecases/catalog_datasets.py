"""Lists and gets datasets, their versions, fields and writes."""

from __future__ import annotations

from datetime import UTC, datetime

from headwater.names import LATEST, DatasetName, DatasetVersionName, NamespaceName

from ..domain import ids
from ..domain.catalog import AssetType, Dataset, DatasetVersion, Write
from ..domain.catalog_places import DatasetSet, NamePlace, RunPlace, VersionPlace
from ..domain.catalog_ports import CatalogReader, CatalogStore
from ..domain.errors import NotFound
from ..domain.model import SchemaField
from ..domain.pages import Page
from ..domain.versions import format_version, parse_version
from .pages import Listed, cut_page, fill_page


async def list_datasets(
    store: CatalogStore, namespace: str | None, page: Page, *, show_deleted: bool, seconds: float
) -> Listed[Dataset]:
    """The datasets of a namespace, or of all, in the order of their names. Raises NotFound."""
    now = datetime.now(UTC)
    async with store.reading(seconds) as reader:
        await check_namespace(reader, namespace)

        async def load(places: list[NamePlace]) -> list[Dataset]:
            return await load_datasets(reader, places, now)

        return await fill_page(
            page,
            lambda after, limit: reader.places(AssetType.DATASET, namespace, after, limit),
            load,
            lambda dataset: show_deleted or dataset.deleted is None,
        )


async def load_datasets(reader: CatalogReader, places: list[NamePlace], now: datetime) -> list[Dataset]:
    """The datasets at places of a list."""
    sets = await reader.sets(place.id for place in places)
    return await reader.datasets([sets[place.id] for place in places], now)


async def get_dataset(store: CatalogStore, name: DatasetName, seconds: float, *, full: bool) -> Dataset:
    """A dataset, by any of its names, in full with all of its facets. Raises NotFound."""
    async with store.reading(seconds) as reader:
        return await reader.dataset(await find_dataset(reader, name), datetime.now(UTC), full=full)


async def list_dataset_versions(
    store: CatalogStore, name: DatasetName, page: Page, seconds: float
) -> Listed[DatasetVersion]:
    """The versions of a dataset, newest first; of a MODEL, its writes. Raises NotFound."""
    async with store.reading(seconds) as reader:
        dataset = await find_dataset(reader, name)
        after = VersionPlace(*page.after) if page.after else None
        return cut_page(page, await reader.dataset_versions(dataset, after, page.size + 1))


async def get_dataset_version(store: CatalogStore, name: DatasetVersionName, seconds: float) -> DatasetVersion:
    """A version of a dataset, or the one in force. Raises NotFound."""
    async with store.reading(seconds) as reader:
        return await find_version(reader, name)


async def list_fields(store: CatalogStore, name: DatasetVersionName, page: Page, seconds: float) -> Listed[SchemaField]:
    """The fields of a version in the order of its schema; all pages are of the version in force at the first.

    Raises NotFound.
    """
    version_id, start = page.after or (name.version, 0)
    async with store.reading(seconds) as reader:
        version = await find_version(reader, DatasetVersionName(name.namespace, name.dataset, version_id))
    shown = version.fields[start : start + page.size]
    end = start + len(shown)
    place = (format_version(version.version), end) if end < len(version.fields) else None
    return Listed(list(shown), page.token(place))


async def list_writes(store: CatalogStore, name: DatasetName, page: Page, seconds: float) -> Listed[Write]:
    """The writes of a dataset, newest first. Raises NotFound."""
    async with store.reading(seconds) as reader:
        dataset = await find_dataset(reader, name)
        after = RunPlace(*page.after) if page.after else None
        writes = await reader.writes(dataset, after, page.size + 1)
        return cut_page(page, [(RunPlace(write.time, write.run), write) for write in writes])


async def check_namespace(reader: CatalogReader, namespace: str | None) -> None:
    """Raises NotFound where a namespace is named that is not known."""
    if namespace is not None and not await reader.has_namespace(namespace):
        raise NotFound(str(NamespaceName(namespace)))


async def find_dataset(reader: CatalogReader, name: DatasetName) -> DatasetSet:
    """The dataset that has a name. Raises NotFound."""
    asked = ids.dataset_id(name.namespace, name.dataset)
    sets = await reader.sets([asked])
    if asked not in sets:
        raise NotFound(str(name))
    return sets[asked]


async def find_version(reader: CatalogReader, name: DatasetVersionName) -> DatasetVersion:
    """The version of a dataset that a name names; `latest` is the one in force. Raises NotFound."""
    dataset = await find_dataset(reader, DatasetName(name.namespace, name.dataset))
    if name.version == LATEST:
        version = (await reader.dataset(dataset, datetime.now(UTC), full=False)).latest_version
    else:
        number = parse_version(name.version)
        version = await reader.dataset_version(dataset, number) if number is not None else None
    if version is None:
        raise NotFound(str(name))
    return version
