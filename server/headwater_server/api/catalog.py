"""The servicer of CatalogService: each method reads its request, asks, and writes what was found."""
# ruff: noqa: N802 (methods are called as the contract calls them)

from __future__ import annotations

from google.protobuf.empty_pb2 import Empty

from headwater.names import DatasetName, DatasetVersionName, JobName, JobVersionName, NamespaceName, RunName
from headwater.v1 import catalog_pb2 as assets
from headwater.v1 import catalog_service_pb2 as messages
from headwater.v1.catalog_service_pb2_grpc import CatalogServiceServicer

from ..domain.catalog_places import JobVersionPlace, NamePlace, RunPlace, VersionPlace
from ..domain.catalog_ports import CatalogStore
from ..domain.model import RunState
from ..usecases.catalog_addresses import resolve_address
from ..usecases.catalog_datasets import (
    get_dataset,
    get_dataset_version,
    list_dataset_versions,
    list_datasets,
    list_fields,
    list_writes,
)
from ..usecases.catalog_deletions import delete_asset, undelete_asset
from ..usecases.catalog_jobs import get_job, get_job_version, get_run, list_job_versions, list_jobs, list_runs
from ..usecases.catalog_namespaces import get_namespace, list_namespaces
from ..usecases.catalog_search import search_assets
from .call import Call, seconds_left
from .convert import (
    check_text,
    read_name,
    read_time,
    to_dataset,
    to_dataset_version,
    to_field,
    to_job,
    to_job_version,
    to_namespace,
    to_run,
    to_write,
)
from .convert_catalog import page_of, read_enums, read_namespace, read_search, read_versioned, to_asset, to_resolved

FULL = messages.ASSET_VIEW_FULL


class CatalogServicer(CatalogServiceServicer):
    """Answers questions about assets. A question may take `timeout_seconds`, where its client waits no less."""

    def __init__(self, store: CatalogStore, timeout_seconds: float) -> None:
        self._store = store
        self._timeout_seconds = timeout_seconds

    async def ResolveAddress(
        self, request: messages.ResolveAddressRequest, context: Call
    ) -> messages.ResolveAddressResponse:
        """Finds the asset that an address names."""
        check_text("address", request.address)
        return to_resolved(await resolve_address(self._store, request.address, self._seconds(context)))

    async def ListNamespaces(
        self, request: messages.ListNamespacesRequest, context: Call
    ) -> messages.ListNamespacesResponse:
        """Lists the namespaces."""
        page = page_of(request, tuple[str])
        found = await list_namespaces(self._store, page, self._seconds(context))
        namespaces = map(to_namespace, found.items)
        return messages.ListNamespacesResponse(namespaces=namespaces, next_page_token=found.next_token)

    async def GetNamespace(self, request: messages.GetNamespaceRequest, context: Call) -> assets.Namespace:
        """Gets a namespace."""
        name = read_name("name", request.name, NamespaceName)
        return to_namespace(await get_namespace(self._store, name, self._seconds(context)))

    async def ListDatasets(self, request: messages.ListDatasetsRequest, context: Call) -> messages.ListDatasetsResponse:
        """Lists the datasets of a namespace."""
        page, seconds = page_of(request, NamePlace), self._seconds(context)
        namespace, show_deleted = read_namespace("parent", request.parent), request.show_deleted
        found = await list_datasets(self._store, namespace, page, show_deleted=show_deleted, seconds=seconds)
        return messages.ListDatasetsResponse(datasets=map(to_dataset, found.items), next_page_token=found.next_token)

    async def GetDataset(self, request: messages.GetDatasetRequest, context: Call) -> assets.Dataset:
        """Gets a dataset."""
        name, full = read_name("name", request.name, DatasetName), request.view == FULL
        return to_dataset(await get_dataset(self._store, name, self._seconds(context), full=full), full=full)

    async def ListDatasetVersions(
        self, request: messages.ListDatasetVersionsRequest, context: Call
    ) -> messages.ListDatasetVersionsResponse:
        """Lists the versions of a dataset."""
        page, parent = page_of(request, VersionPlace), read_name("parent", request.parent, DatasetName)
        found = await list_dataset_versions(self._store, parent, page, self._seconds(context))
        versions = map(to_dataset_version, found.items)
        return messages.ListDatasetVersionsResponse(versions=versions, next_page_token=found.next_token)

    async def GetDatasetVersion(
        self, request: messages.GetDatasetVersionRequest, context: Call
    ) -> assets.DatasetVersion:
        """Gets one version of a dataset."""
        name = read_name("name", request.name, DatasetVersionName)
        return to_dataset_version(await get_dataset_version(self._store, name, self._seconds(context)))

    async def ListFields(self, request: messages.ListFieldsRequest, context: Call) -> messages.ListFieldsResponse:
        """Lists the fields of a dataset's version."""
        page, version = page_of(request, tuple[str, int]), read_versioned("parent", request.parent)
        found = await list_fields(self._store, version, page, self._seconds(context))
        return messages.ListFieldsResponse(fields=map(to_field, found.items), next_page_token=found.next_token)

    async def ListWrites(self, request: messages.ListWritesRequest, context: Call) -> messages.ListWritesResponse:
        """Lists the writes of a dataset."""
        page, parent = page_of(request, RunPlace), read_name("parent", request.parent, DatasetName)
        found = await list_writes(self._store, parent, page, self._seconds(context))
        return messages.ListWritesResponse(writes=map(to_write, found.items), next_page_token=found.next_token)

    async def ListJobs(self, request: messages.ListJobsRequest, context: Call) -> messages.ListJobsResponse:
        """Lists the jobs of a namespace."""
        page, seconds = page_of(request, NamePlace), self._seconds(context)
        namespace, show_deleted = read_namespace("parent", request.parent), request.show_deleted
        found = await list_jobs(self._store, namespace, page, show_deleted=show_deleted, seconds=seconds)
        return messages.ListJobsResponse(jobs=map(to_job, found.items), next_page_token=found.next_token)

    async def GetJob(self, request: messages.GetJobRequest, context: Call) -> assets.Job:
        """Gets a job."""
        name = read_name("name", request.name, JobName)
        return to_job(await get_job(self._store, name, self._seconds(context)), full=request.view == FULL)

    async def ListJobVersions(
        self, request: messages.ListJobVersionsRequest, context: Call
    ) -> messages.ListJobVersionsResponse:
        """Lists the versions of a job."""
        page, parent = page_of(request, JobVersionPlace), read_name("parent", request.parent, JobName)
        found = await list_job_versions(self._store, parent, page, self._seconds(context))
        versions = map(to_job_version, found.items)
        return messages.ListJobVersionsResponse(versions=versions, next_page_token=found.next_token)

    async def GetJobVersion(self, request: messages.GetJobVersionRequest, context: Call) -> assets.JobVersion:
        """Gets one version of a job."""
        name = read_name("name", request.name, JobVersionName)
        return to_job_version(await get_job_version(self._store, name, self._seconds(context)))

    async def ListRuns(self, request: messages.ListRunsRequest, context: Call) -> messages.ListRunsResponse:
        """Lists the runs of a job, or those that a run started."""
        page, parent = page_of(request, RunPlace), read_name("parent", request.parent, JobName, RunName)
        states = read_enums("states", request.states, RunState)
        found = await list_runs(self._store, parent, states, page, self._seconds(context))
        return messages.ListRunsResponse(runs=map(to_run, found.items), next_page_token=found.next_token)

    async def GetRun(self, request: messages.GetRunRequest, context: Call) -> assets.Run:
        """Gets a run with what it read and wrote."""
        name = read_name("name", request.name, RunName)
        return to_run(await get_run(self._store, name, self._seconds(context)), full=request.view == FULL)

    async def SearchAssets(self, request: messages.SearchAssetsRequest, context: Call) -> messages.SearchAssetsResponse:
        """Searches datasets and jobs."""
        page, seconds = page_of(request, NamePlace), self._seconds(context)
        query, show_deleted = read_search(request), request.show_deleted
        found = await search_assets(self._store, query, page, show_deleted=show_deleted, seconds=seconds)
        return messages.SearchAssetsResponse(assets=map(to_asset, found.items), next_page_token=found.next_token)

    async def DeleteAsset(self, request: messages.DeleteAssetRequest, context: Call) -> Empty:
        """Hides a dataset or a job."""
        name = read_name("name", request.name, DatasetName, JobName)
        time = read_time("delete_time", request.delete_time) if request.HasField("delete_time") else None
        await delete_asset(self._store, name, time)
        return Empty()

    async def UndeleteAsset(self, request: messages.UndeleteAssetRequest, context: Call) -> Empty:
        """Takes back a deletion."""
        name = read_name("name", request.name, DatasetName, JobName)
        time = read_time("undelete_time", request.undelete_time) if request.HasField("undelete_time") else None
        await undelete_asset(self._store, name, time)
        return Empty()

    def _seconds(self, context: Call) -> float:
        return seconds_left(context, self._timeout_seconds)
