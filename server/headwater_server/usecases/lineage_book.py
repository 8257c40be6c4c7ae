"""What a walk knows of the assets that it met: looked up once, many at a time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from ..domain.graph_assets import GraphAsset
from ..domain.lineage import NodeLink
from ..domain.lineage_ports import GraphReader
from ..domain.model import AssetName, DatasetKind, JobKind


class Book:
    """Assets by any of their ids."""

    def __init__(self, reader: GraphReader) -> None:
        self._reader = reader
        self._assets: dict[int, GraphAsset | None] = {}
        self._visible: dict[int, int] = {0: 0}
        self._dataset_kinds: dict[int, DatasetKind] = {}
        self._job_kinds: dict[int, JobKind] = {}
        self._ahead: set[int] = set()

    async def load(self, datasets: Iterable[int], jobs: Iterable[int] = ()) -> None:
        """Looks up those that are not known; an id among `datasets` may be a job's. The job 0 stands for none."""
        ahead = self._reader.ahead()
        new_jobs = {*jobs, *ahead.jobs} - self._assets.keys() - {0}
        new = {*datasets, *ahead.ends} - self._assets.keys() - new_jobs
        if not new and not new_jobs:
            return
        self._ahead |= ahead.ends
        found = await self._reader.assets(new, new_jobs)
        for asked in new | new_jobs:
            asset = found.get(asked)
            self._assets[asked] = asset
            if asset:
                self._assets[asset.id] = asset
                if not asset.is_hidden:
                    self._visible[asked] = self._visible[asset.id] = asset.id

    @property
    def visible(self) -> Mapping[int, int]:
        """Of each id that was looked up and is not hidden, the id that its asset is shown under; of the job 0, 0."""
        return self._visible

    def __getitem__(self, asset: int) -> GraphAsset:
        """An asset that is known to the store."""
        found = self._assets[asset]
        assert found is not None
        return found

    def find(self, asset: int) -> GraphAsset | None:
        """An asset that was looked up; None where it is not known."""
        return self._assets.get(asset)

    def job_names(self, links: Iterable[NodeLink]) -> dict[int, AssetName]:
        """The names of the jobs of links, by id; the job 0 is left out."""
        return {job: self[job].name for job in {link.job for link in links} if job}

    def members(self, assets: Iterable[int]) -> dict[int, int]:
        """The ids of all names of assets, each with the id that its asset is shown under."""
        return {member: asset for asset in assets for member in self[asset].names}

    async def dataset_kinds(self, datasets: Collection[int]) -> Mapping[int, DatasetKind]:
        """The kinds of datasets that were looked up, by the ids that they are shown under."""
        new = set(datasets) - self._dataset_kinds.keys()
        if new:
            ahead = {self._visible[one] for one in self._ahead if one in self._visible} - self._dataset_kinds.keys()
            self._ahead.clear()
            wanted = [self[dataset] for dataset in new | ahead]
            self._dataset_kinds.update(await self._reader.dataset_kinds(one for one in wanted if not one.is_job))
        return self._dataset_kinds

    async def job_kinds(self, jobs: Collection[int]) -> Mapping[int, JobKind]:
        """The kinds of jobs that were looked up, by id; those not known are left out."""
        if jobs:
            self._job_kinds.update(await self._reader.job_kinds([self[job] for job in jobs]))
        return self._job_kinds
