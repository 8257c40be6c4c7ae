"""What each method of the contract does, in the one table that both doors ask."""

from __future__ import annotations

from .callers import Permission

WRITE_EVENTS, READ = Permission.WRITE_EVENTS, Permission.READ
WRITE_PIPELINES, DELETE_ASSETS = Permission.WRITE_PIPELINES, Permission.DELETE_ASSETS

PERMISSIONS = {
    "IngestService/WriteEvent": WRITE_EVENTS,
    "IngestService/BatchWriteEvents": WRITE_EVENTS,
    "IngestService/StreamEvents": WRITE_EVENTS,
    "IngestService/ListRejectedEvents": READ,
    "CatalogService/ResolveAddress": READ,
    "CatalogService/ListNamespaces": READ,
    "CatalogService/GetNamespace": READ,
    "CatalogService/ListDatasets": READ,
    "CatalogService/GetDataset": READ,
    "CatalogService/ListDatasetVersions": READ,
    "CatalogService/GetDatasetVersion": READ,
    "CatalogService/ListFields": READ,
    "CatalogService/ListWrites": READ,
    "CatalogService/ListJobs": READ,
    "CatalogService/GetJob": READ,
    "CatalogService/ListJobVersions": READ,
    "CatalogService/GetJobVersion": READ,
    "CatalogService/ListRuns": READ,
    "CatalogService/GetRun": READ,
    "CatalogService/SearchAssets": READ,
    "CatalogService/DeleteAsset": DELETE_ASSETS,
    "CatalogService/UndeleteAsset": DELETE_ASSETS,
    "LineageService/TraverseLineage": READ,
    "LineageService/GetLineage": READ,
    "LineageService/SearchLinks": READ,
    "LineageService/CompareDatasetVersions": READ,
    "LineageService/CompareLineage": READ,
    "PipelineService/GetPipeline": READ,
    "PipelineService/ListPipelines": READ,
    "PipelineService/UpdatePipeline": WRITE_PIPELINES,
    "PipelineService/DeletePipeline": WRITE_PIPELINES,
    "PipelineService/UpdateWorkloads": WRITE_PIPELINES,
    "PipelineService/ListWorkloads": READ,
}
"""The permission that each method needs, by its service and name without the package."""
UNLISTED = Permission.ADMINISTER
"""The permission that a method needs which the table forgot."""
METRICS = READ
"""The permission that `/metrics` needs: it tells what the server does, and names no asset."""
