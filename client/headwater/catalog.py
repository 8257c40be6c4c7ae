"""The calls of CatalogService: which assets there are, and what is known of them."""

from collections.abc import Iterable
from datetime import datetime
from typing import TypeAlias

from google.protobuf.empty_pb2 import Empty

from .calling import Asset, Caller
from .listing import Listing
from .names import ALL_NAMESPACES, NamespaceName
from .v1 import catalog_pb2 as pb
from .v1 import catalog_service_pb2 as api
from .values import enum_value, timestamp

View: TypeAlias = api.AssetView.ValueType | str
"""How much of an asset to give: BASIC, or FULL with its facets."""


class Catalog(Caller):
    """Asks about assets. Lists give `page_size` items a page, 50 where 0."""

    async def resolve_address(
        self, address: str, *, timeout_seconds: float | None = None
    ) -> api.ResolveAddressResponse:
        """Finds the asset that an address names. Raises NotFound and AmbiguousAddress."""
        request = api.ResolveAddressRequest(address=address)
        return await self._ask(request, api.ResolveAddressResponse, timeout_seconds)

    def namespaces(
        self, *, page_size: int = 0, timeout_seconds: float | None = None
    ) -> Listing[api.ListNamespacesResponse, pb.Namespace]:
        """Lists the namespaces by name."""
        request = api.ListNamespacesRequest(page_size=page_size)
        return self._list(request, api.ListNamespacesResponse, lambda page: page.namespaces, timeout_seconds)

    async def get_namespace(
        self, namespace: str | NamespaceName, *, timeout_seconds: float | None = None
    ) -> pb.Namespace:
        """Gets a namespace. Raises NotFound."""
        request = api.GetNamespaceRequest(name=namespace_name(namespace))
        return await self._ask(request, pb.Namespace, timeout_seconds)

    def datasets(
        self,
        namespace: str | NamespaceName = ALL_NAMESPACES,
        *,
        show_deleted: bool = False,
        page_size: int = 0,
        timeout_seconds: float | None = None,
    ) -> Listing[api.ListDatasetsResponse, pb.Dataset]:
        """Lists the datasets of a namespace by name, those of all namespaces where none is given."""
        request = api.ListDatasetsRequest(
            parent=namespace_name(namespace), page_size=page_size, show_deleted=show_deleted
        )
        return self._list(request, api.ListDatasetsResponse, lambda page: page.datasets, timeout_seconds)

    async def get_dataset(
        self, dataset: Asset, *, view: View = "BASIC", timeout_seconds: float | None = None
    ) -> pb.Dataset:
        """Gets a dataset by any of its names. Raises NotFound and AmbiguousAddress.

        >>> (await client.get_dataset("postgres://db:5432/shop.public.users")).latest_version.fields
        """
        request = api.GetDatasetRequest(view=enum_value(api.AssetView, view))
        return await self._ask(request, pb.Dataset, timeout_seconds, name=dataset)

    def dataset_versions(
        self, dataset: Asset, *, page_size: int = 0, timeout_seconds: float | None = None
    ) -> Listing[api.ListDatasetVersionsResponse, pb.DatasetVersion]:
        """Lists the versions of a dataset, newest first."""
        request = api.ListDatasetVersionsRequest(page_size=page_size)
        response = api.ListDatasetVersionsResponse
        return self._list(request, response, lambda page: page.versions, timeout_seconds, parent=dataset)

    async def get_dataset_version(self, version: Asset, *, timeout_seconds: float | None = None) -> pb.DatasetVersion:
        """Gets one version of a dataset, by its resource name or as `namespace/name@version`. Raises NotFound."""
        request = api.GetDatasetVersionRequest()
        return await self._ask(request, pb.DatasetVersion, timeout_seconds, exact=True, name=version)

    def fields(
        self, dataset: Asset, *, page_size: int = 0, timeout_seconds: float | None = None
    ) -> Listing[api.ListFieldsResponse, pb.Field]:
        """Lists the fields of a dataset's version in force, or of the version that is named."""
        request = api.ListFieldsRequest(page_size=page_size)
        response = api.ListFieldsResponse
        return self._list(request, response, lambda page: page.fields, timeout_seconds, exact=True, parent=dataset)

    def writes(
        self, dataset: Asset, *, page_size: int = 0, timeout_seconds: float | None = None
    ) -> Listing[api.ListWritesResponse, pb.Write]:
        """Lists the writes of a dataset, newest first."""
        request = api.ListWritesRequest(page_size=page_size)
        response = api.ListWritesResponse
        return self._list(request, response, lambda page: page.writes, timeout_seconds, parent=dataset)

    def jobs(
        self,
        namespace: str | NamespaceName = ALL_NAMESPACES,
        *,
        show_deleted: bool = False,
        page_size: int = 0,
        timeout_seconds: float | None = None,
    ) -> Listing[api.ListJobsResponse, pb.Job]:
        """Lists the jobs of a namespace by name, those of all namespaces where none is given."""
        request = api.ListJobsRequest(parent=namespace_name(namespace), page_size=page_size, show_deleted=show_deleted)
        return self._list(request, api.ListJobsResponse, lambda page: page.jobs, timeout_seconds)

    async def get_job(self, job: Asset, *, view: View = "BASIC", timeout_seconds: float | None = None) -> pb.Job:
        """Gets a job. Raises NotFound and AmbiguousAddress."""
        request = api.GetJobRequest(view=enum_value(api.AssetView, view))
        return await self._ask(request, pb.Job, timeout_seconds, name=job)

    def job_versions(
        self, job: Asset, *, page_size: int = 0, timeout_seconds: float | None = None
    ) -> Listing[api.ListJobVersionsResponse, pb.JobVersion]:
        """Lists the versions of a job, newest first."""
        request = api.ListJobVersionsRequest(page_size=page_size)
        response = api.ListJobVersionsResponse
        return self._list(request, response, lambda page: page.versions, timeout_seconds, parent=job)

    async def get_job_version(self, version: Asset, *, timeout_seconds: float | None = None) -> pb.JobVersion:
        """Gets one version of a job by its resource name. Raises NotFound."""
        request = api.GetJobVersionRequest()
        return await self._ask(request, pb.JobVersion, timeout_seconds, exact=True, name=version)

    def runs(
        self,
        parent: Asset,
        *,
        states: Iterable[pb.RunState.ValueType | str] = (),
        page_size: int = 0,
        timeout_seconds: float | None = None,
    ) -> Listing[api.ListRunsResponse, pb.Run]:
        """Lists the runs of a job, or those that a run started, the last started first."""
        wanted = [enum_value(pb.RunState, state) for state in states]
        request = api.ListRunsRequest(page_size=page_size, states=wanted)
        return self._list(request, api.ListRunsResponse, lambda page: page.runs, timeout_seconds, parent=parent)

    async def get_run(self, run: Asset, *, view: View = "BASIC", timeout_seconds: float | None = None) -> pb.Run:
        """Gets a run, by its id or resource name, with what it read and wrote. Raises NotFound."""
        request = api.GetRunRequest(view=enum_value(api.AssetView, view))
        return await self._ask(request, pb.Run, timeout_seconds, name=run)

    def search_assets(
        self,
        query: str = "",
        *,
        types: Iterable[api.AssetType.ValueType | str] = (),
        kinds: Iterable[pb.DatasetKind.ValueType | str] = (),
        tag: str = "",
        owner: str = "",
        field: str = "",
        namespace: str | NamespaceName = "",
        show_deleted: bool = False,
        page_size: int = 0,
        timeout_seconds: float | None = None,
    ) -> Listing[api.SearchAssetsResponse, pb.Dataset | pb.Job]:
        """Searches datasets and jobs for which every given condition holds, by name.

        >>> [dataset.display_name async for dataset in client.search_assets("churn", kinds=["MODEL"], tag="tier=gold")]
        """
        request = api.SearchAssetsRequest(
            query=query,
            types=[enum_value(api.AssetType, each) for each in types],
            dataset_kinds=[enum_value(pb.DatasetKind, each) for each in kinds],
            tag=tag,
            owner=owner,
            field=field,
            namespace=namespace_name(namespace) if namespace else "",
            show_deleted=show_deleted,
            page_size=page_size,
        )
        return self._list(request, api.SearchAssetsResponse, _assets, timeout_seconds)

    async def delete_asset(
        self, asset: Asset, *, at: datetime | None = None, timeout_seconds: float | None = None
    ) -> None:
        """Hides a dataset or a job from a time on, now where none is given."""
        await self._ask(api.DeleteAssetRequest(delete_time=timestamp(at)), Empty, timeout_seconds, name=asset)

    async def undelete_asset(
        self, asset: Asset, *, at: datetime | None = None, timeout_seconds: float | None = None
    ) -> None:
        """Shows a deleted dataset or job again from a time on, now where none is given."""
        await self._ask(api.UndeleteAssetRequest(undelete_time=timestamp(at)), Empty, timeout_seconds, name=asset)


def namespace_name(namespace: str | NamespaceName) -> str:
    """Gives the resource name of a namespace that is given as producers write it, parsed, or as resource name."""
    is_name = isinstance(namespace, NamespaceName) or namespace.startswith("namespaces/")
    return str(namespace if is_name else NamespaceName(str(namespace)))


def _assets(page: api.SearchAssetsResponse) -> list[pb.Dataset | pb.Job]:
    return [each.dataset if each.HasField("dataset") else each.job for each in page.assets]
