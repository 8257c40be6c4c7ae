"""The servicer of PipelineService."""

from __future__ import annotations

from headwater.v1 import pipeline_pb2 as messages
from headwater.v1 import pipeline_service_pb2 as calls
from headwater.v1.pipeline_service_pb2_grpc import PipelineServiceServicer

from ..domain.pipeline_ports import PipelineStore
from ..domain.pipelines import PipelineName, WorkloadPlace
from ..usecases import pipelines
from .call import Call, seconds_left
from .convert import check_text
from .convert_catalog import page_of, read_namespace
from .convert_pipelines import (
    read_pipeline_name,
    read_query,
    read_spec,
    read_workloads,
    to_pipeline,
    to_workload,
)


class PipelineServicer(PipelineServiceServicer):
    """Keeps and tells pipelines. A call may take `timeout_seconds`, where its client waits no less."""

    def __init__(self, store: PipelineStore, timeout_seconds: float) -> None:
        self._store = store
        self._timeout_seconds = timeout_seconds

    async def GetPipeline(  # noqa: N802
        self, request: calls.GetPipelineRequest, context: Call
    ) -> messages.Pipeline:
        """Gets a pipeline."""
        name = read_pipeline_name("name", request.name)
        return to_pipeline(await pipelines.get_pipeline(self._store, name, self._seconds(context)))

    async def ListPipelines(  # noqa: N802
        self, request: calls.ListPipelinesRequest, context: Call
    ) -> calls.ListPipelinesResponse:
        """Lists the pipelines of a namespace."""
        page = page_of(request, PipelineName)
        found = await pipelines.list_pipelines(
            self._store,
            read_namespace("parent", request.parent),
            page,
            show_ended=request.show_ended,
            seconds=self._seconds(context),
        )
        return calls.ListPipelinesResponse(pipelines=map(to_pipeline, found.items), next_page_token=found.next_token)

    async def UpdatePipeline(  # noqa: N802
        self, request: calls.UpdatePipelineRequest, context: Call
    ) -> messages.Pipeline:
        """Replaces what is declared of a pipeline."""
        spec, seconds = read_spec(request), self._seconds(context)
        stored = await pipelines.update_pipeline(self._store, spec, seconds, allow_missing=request.allow_missing)
        return to_pipeline(stored)

    async def DeletePipeline(  # noqa: N802
        self, request: calls.DeletePipelineRequest, context: Call
    ) -> messages.Pipeline:
        """Ends a pipeline."""
        name, seconds = read_pipeline_name("name", request.name), self._seconds(context)
        check_text("uid", request.uid)
        ended = await pipelines.delete_pipeline(
            self._store, name, request.uid, seconds, allow_missing=request.allow_missing
        )
        return to_pipeline(ended) if ended else messages.Pipeline()

    async def UpdateWorkloads(  # noqa: N802
        self, request: calls.UpdateWorkloadsRequest, context: Call
    ) -> calls.UpdateWorkloadsResponse:
        """Replaces the workloads of a Kubernetes namespace."""
        await pipelines.update_workloads(self._store, *read_workloads(request))
        return calls.UpdateWorkloadsResponse()

    async def ListWorkloads(  # noqa: N802
        self, request: calls.ListWorkloadsRequest, context: Call
    ) -> calls.ListWorkloadsResponse:
        """Lists workloads."""
        page = page_of(request, WorkloadPlace)
        found = await pipelines.list_workloads(self._store, read_query(request), page, self._seconds(context))
        return calls.ListWorkloadsResponse(workloads=map(to_workload, found.items), next_page_token=found.next_token)

    def _seconds(self, context: Call) -> float:
        return seconds_left(context, self._timeout_seconds)
