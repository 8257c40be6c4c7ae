"""The calls of PipelineService: what platform teams declared, and what runs in their Kubernetes namespaces."""

from collections.abc import Iterable

from .calling import Caller
from .catalog import namespace_name
from .listing import Listing
from .names import ALL_NAMESPACES, InvalidName, NamespaceName, PipelineName
from .v1 import pipeline_pb2 as pb
from .v1 import pipeline_service_pb2 as api


class Pipelines(Caller):
    """Keeps pipelines and workloads, and asks about them. Every call can be repeated without a second effect."""

    async def get_pipeline(self, pipeline: str | PipelineName, *, timeout_seconds: float | None = None) -> pb.Pipeline:
        """Gets a pipeline, also one that ended. Raises NotFound, and InvalidName for what names none.

        >>> (await client.get_pipeline("k8s://prod/ml/churn")).completeness
        """
        return await self._ask(api.GetPipelineRequest(name=pipeline_name(pipeline)), pb.Pipeline, timeout_seconds)

    def pipelines(
        self,
        namespace: str | NamespaceName = ALL_NAMESPACES,
        *,
        show_ended: bool = False,
        page_size: int = 0,
        timeout_seconds: float | None = None,
    ) -> Listing[api.ListPipelinesResponse, pb.Pipeline]:
        """Lists the pipelines of a namespace by name, those of all namespaces where none is given."""
        request = api.ListPipelinesRequest(parent=namespace_name(namespace), page_size=page_size, show_ended=show_ended)
        return self._list(request, api.ListPipelinesResponse, lambda page: page.pipelines, timeout_seconds)

    async def update_pipeline(
        self, pipeline: pb.Pipeline, *, allow_missing: bool = False, timeout_seconds: float | None = None
    ) -> pb.Pipeline:
        """Replaces what is declared of a pipeline, or makes one if `allow_missing`. Raises NotFound.

        A lesser generation of the same resource changes nothing; the answer is what is stored.
        """
        request = api.UpdatePipelineRequest(pipeline=pipeline, allow_missing=allow_missing)
        return await self._ask(request, pb.Pipeline, timeout_seconds)

    async def delete_pipeline(
        self,
        pipeline: str | PipelineName,
        *,
        uid: str = "",
        allow_missing: bool = False,
        timeout_seconds: float | None = None,
    ) -> pb.Pipeline:
        """Ends a pipeline, where `uid` is given only that of this resource. Raises NotFound."""
        request = api.DeletePipelineRequest(name=pipeline_name(pipeline), uid=uid, allow_missing=allow_missing)
        return await self._ask(request, pb.Pipeline, timeout_seconds)

    async def update_workloads(
        self,
        namespace: str | NamespaceName,
        workloads: Iterable[pb.Workload],
        *,
        timeout_seconds: float | None = None,
    ) -> None:
        """Replaces what is known of the workloads of a Kubernetes namespace, 10,000 at most."""
        request = api.UpdateWorkloadsRequest(parent=namespace_name(namespace), workloads=workloads)
        await self._ask(request, api.UpdateWorkloadsResponse, timeout_seconds)

    def workloads(
        self,
        namespace: str | NamespaceName = ALL_NAMESPACES,
        *,
        pipeline: str | PipelineName = "",
        uncovered: bool = False,
        without_lineage: bool = False,
        page_size: int = 0,
        timeout_seconds: float | None = None,
    ) -> Listing[api.ListWorkloadsResponse, pb.Workload]:
        """Lists the workloads for which every given condition holds, by namespace, kind and job."""
        request = api.ListWorkloadsRequest(
            parent=namespace_name(namespace),
            pipeline=pipeline_name(pipeline) if pipeline else "",
            uncovered=uncovered,
            without_lineage=without_lineage,
            page_size=page_size,
        )
        return self._list(request, api.ListWorkloadsResponse, lambda page: page.workloads, timeout_seconds)


def pipeline_name(pipeline: str | PipelineName) -> str:
    """Gives the resource name of a pipeline that is given as `namespace/name`, parsed, or as resource name.

    Raises InvalidName.
    """
    if isinstance(pipeline, PipelineName):
        return str(pipeline)
    if pipeline.startswith("namespaces/"):
        return str(PipelineName.parse(pipeline))
    namespace, _, name = pipeline.rpartition("/")
    if not namespace or not name:
        raise InvalidName(pipeline, "must hold a namespace and a name: write namespace/name")
    return str(PipelineName(namespace, name))
