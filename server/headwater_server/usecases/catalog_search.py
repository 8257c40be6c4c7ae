"""Searches datasets and jobs."""

from __future__ import annotations

from datetime import UTC, datetime

from ..domain.catalog import AssetType, Dataset, Job
from ..domain.catalog_places import NamePlace
from ..domain.catalog_ports import CatalogStore
from ..domain.pages import Page
from ..domain.search_query import SearchQuery
from .catalog_datasets import load_datasets
from .catalog_jobs import load_jobs
from .pages import Listed, fill_page


async def search_assets(
    store: CatalogStore, query: SearchQuery, page: Page, *, show_deleted: bool, seconds: float
) -> Listed[Dataset | Job]:
    """What fits now, in the order of names. A page can be short, or empty, though there is more: its token says so."""
    now = datetime.now(UTC)
    async with store.reading(seconds) as reader:

        async def load(places: list[NamePlace]) -> list[Dataset | Job]:
            wanted = [place for place in places if place.type is AssetType.DATASET]
            datasets = iter(await load_datasets(reader, wanted, now))
            jobs = iter(await load_jobs(reader, [place for place in places if place.type is AssetType.JOB], now))
            return [next(datasets) if place.type is AssetType.DATASET else next(jobs) for place in places]

        def fits(asset: Dataset | Job) -> bool:
            if asset.deleted is not None and not show_deleted:
                return False
            return query.fits_dataset(asset) if isinstance(asset, Dataset) else query.fits_job(asset)

        return await fill_page(page, lambda after, limit: reader.search(query, after, limit), load, fits)
