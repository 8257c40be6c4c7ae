"""The servicer of CatalogService."""

from __future__ import annotations

from google.protobuf.empty_pb2 import Empty

from headwater.names import DatasetName, DatasetVersionName, JobName, JobVersionName, NamespaceName, RunName
from headwater.v1 import catalog_pb2 as assets
from headwater.v1 import catalog_service_pb2 as messages
from headwater.v1.catalog_service_pb2_grpc import CatalogServiceServicer

from ..domain.catalog_places import JobVersionPlace, NamePlace, RunPlace, VersionPlace
from ..domain.catalog_ports import CatalogStore
from ..domain.model import RunState
from ..usecases import (
    catalog_addresses,
    catalog_datasets,
    catalog_deletions,
    catalog_jobs,
    catalog_namespaces,
    catalog_search,
)
from . import convert
from .call import Call, seconds_left
from .convert_catalog import (
    page_of,
    read_enums,
    read_namespace,
    read_search,
    read_versioned,
    to_asset,
    to_resolved,
)

FULL = messages.ASSET_VIEW_FULL


class CatalogServicer(CatalogServiceServicer):
    """Answers questions about assets. A question may take `timeout_seconds`, where its client waits no less."""

    def __init__(self, store: CatalogStore, timeout_seconds: float) -> None:
        self._store = store
        self._timeout_seconds = timeout_seconds

    async def ResolveAddress(  # noqa: N802
        self, request: messages.ResolveAddressRequest, context: Call
    ) -> messages.ResolveAddressResponse:
        """Finds the asset that an address names."""
        convert.check_text("address", request.address)
        found = await catalog_addresses.resolve_address(self._store, request.address, self._seconds(context))
        return to_resolved(found)

    async def ListNamespaces(  # noqa: N802
        self, request: messages.ListNamespacesRequest, context: Call
    ) -> messages.ListNamespacesResponse:
        """Lists the namespaces."""
        page = page_of(request, tuple[str])
        found = await catalog_namespaces.list_namespaces(self._store, page, self._seconds(context))
        return messages.ListNamespacesResponse(
            namespaces=map(convert.to_namespace, found.items), next_page_token=found.next_token
        )

    async def GetNamespace(  # noqa: N802
        self, request: messages.GetNamespaceRequest, context: Call
    ) -> assets.Namespace:
        """Gets a namespace."""
        name = convert.read_name("name", request.name, NamespaceName)
        found = await catalog_namespaces.get_namespace(self._store, name, self._seconds(context))
        return convert.to_namespace(found)

    async def ListDatasets(  # noqa: N802
        self, request: messages.ListDatasetsRequest, context: Call
    ) -> messages.ListDatasetsResponse:
        """Lists the datasets of a namespace."""
        page = page_of(request, NamePlace)
        found = await catalog_datasets.list_datasets(
            self._store,
            read_namespace("parent", request.parent),
            page,
            show_deleted=request.show_deleted,
            seconds=self._seconds(context),
        )
        return messages.ListDatasetsResponse(
            datasets=map(convert.to_dataset, found.items), next_page_token=found.next_token
        )

    async def GetDataset(  # noqa: N802
        self, request: messages.GetDatasetRequest, context: Call
    ) -> assets.Dataset:
        """Gets a dataset."""
        name = convert.read_name("name", request.name, DatasetName)
        full = request.view == FULL
        found = await catalog_datasets.get_dataset(self._store, name, self._seconds(context), full=full)
        return convert.to_dataset(found, full=full)

    async def ListDatasetVersions(  # noqa: N802
        self, request: messages.ListDatasetVersionsRequest, context: Call
    ) -> messages.ListDatasetVersionsResponse:
        """Lists the versions of a dataset."""
        page = page_of(request, VersionPlace)
        found = await catalog_datasets.list_dataset_versions(
            self._store, convert.read_name("parent", request.parent, DatasetName), page, self._seconds(context)
        )
        return messages.ListDatasetVersionsResponse(
            versions=map(convert.to_dataset_version, found.items), next_page_token=found.next_token
        )

    async def GetDatasetVersion(  # noqa: N802
        self, request: messages.GetDatasetVersionRequest, context: Call
    ) -> assets.DatasetVersion:
        """Gets one version of a dataset."""
        name = convert.read_name("name", request.name, DatasetVersionName)
        found = await catalog_datasets.get_dataset_version(self._store, name, self._seconds(context))
        return convert.to_dataset_version(found)

    async def ListFields(  # noqa: N802
        self, request: messages.ListFieldsRequest, context: Call
    ) -> messages.ListFieldsResponse:
        """Lists the fields of a dataset's version."""
        page = page_of(request, tuple[str, int])
        found = await catalog_datasets.list_fields(
            self._store, read_versioned("parent", request.parent), page, self._seconds(context)
        )
        return messages.ListFieldsResponse(fields=map(convert.to_field, found.items), next_page_token=found.next_token)

    async def ListWrites(  # noqa: N802
        self, request: messages.ListWritesRequest, context: Call
    ) -> messages.ListWritesResponse:
        """Lists the writes of a dataset."""
        page = page_of(request, RunPlace)
        found = await catalog_datasets.list_writes(
            self._store, convert.read_name("parent", request.parent, DatasetName), page, self._seconds(context)
        )
        return messages.ListWritesResponse(writes=map(convert.to_write, found.items), next_page_token=found.next_token)

    async def ListJobs(  # noqa: N802
        self, request: messages.ListJobsRequest, context: Call
    ) -> messages.ListJobsResponse:
        """Lists the jobs of a namespace."""
        page = page_of(request, NamePlace)
        found = await catalog_jobs.list_jobs(
            self._store,
            read_namespace("parent", request.parent),
            page,
            show_deleted=request.show_deleted,
            seconds=self._seconds(context),
        )
        return messages.ListJobsResponse(jobs=map(convert.to_job, found.items), next_page_token=found.next_token)

    async def GetJob(  # noqa: N802
        self, request: messages.GetJobRequest, context: Call
    ) -> assets.Job:
        """Gets a job."""
        name = convert.read_name("name", request.name, JobName)
        found = await catalog_jobs.get_job(self._store, name, self._seconds(context))
        return convert.to_job(found, full=request.view == FULL)

    async def ListJobVersions(  # noqa: N802
        self, request: messages.ListJobVersionsRequest, context: Call
    ) -> messages.ListJobVersionsResponse:
        """Lists the versions of a job."""
        page = page_of(request, JobVersionPlace)
        found = await catalog_jobs.list_job_versions(
            self._store, convert.read_name("parent", request.parent, JobName), page, self._seconds(context)
        )
        return messages.ListJobVersionsResponse(
            versions=map(convert.to_job_version, found.items), next_page_token=found.next_token
        )

    async def GetJobVersion(  # noqa: N802
        self, request: messages.GetJobVersionRequest, context: Call
    ) -> assets.JobVersion:
        """Gets one version of a job."""
        name = convert.read_name("name", request.name, JobVersionName)
        found = await catalog_jobs.get_job_version(self._store, name, self._seconds(context))
        return convert.to_job_version(found)

    async def ListRuns(  # noqa: N802
        self, request: messages.ListRunsRequest, context: Call
    ) -> messages.ListRunsResponse:
        """Lists the runs of a job, or those that a run started."""
        page = page_of(request, RunPlace)
        parent = convert.read_name("parent", request.parent, JobName, RunName)
        states = read_enums("states", request.states, RunState)
        found = await catalog_jobs.list_runs(self._store, parent, states, page, self._seconds(context))
        return messages.ListRunsResponse(runs=map(convert.to_run, found.items), next_page_token=found.next_token)

    async def GetRun(  # noqa: N802
        self, request: messages.GetRunRequest, context: Call
    ) -> assets.Run:
        """Gets a run with what it read and wrote."""
        name = convert.read_name("name", request.name, RunName)
        found = await catalog_jobs.get_run(self._store, name, self._seconds(context))
        return convert.to_run(found, full=request.view == FULL)

    async def SearchAssets(  # noqa: N802
        self, request: messages.SearchAssetsRequest, context: Call
    ) -> messages.SearchAssetsResponse:
        """Searches datasets and jobs."""
        page = page_of(request, NamePlace)
        query = read_search(request)
        found = await catalog_search.search_assets(
            self._store, query, page, show_deleted=request.show_deleted, seconds=self._seconds(context)
        )
        return messages.SearchAssetsResponse(assets=map(to_asset, found.items), next_page_token=found.next_token)

    async def DeleteAsset(  # noqa: N802
        self, request: messages.DeleteAssetRequest, context: Call
    ) -> Empty:
        """Hides a dataset or a job."""
        name = convert.read_name("name", request.name, DatasetName, JobName)
        time = convert.read_time("delete_time", request.delete_time) if request.HasField("delete_time") else None
        await catalog_deletions.delete_asset(self._store, name, time)
        return Empty()

    async def UndeleteAsset(  # noqa: N802
        self, request: messages.UndeleteAssetRequest, context: Call
    ) -> Empty:
        """Takes back a deletion."""
        name = convert.read_name("name", request.name, DatasetName, JobName)
        time = convert.read_time("undelete_time", request.undelete_time) if request.HasField("undelete_time") else None
        await catalog_deletions.undelete_asset(self._store, name, time)
        return Empty()

    def _seconds(self, context: Call) -> float:
        return seconds_left(context, self._timeout_seconds)
