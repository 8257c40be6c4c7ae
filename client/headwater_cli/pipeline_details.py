"""Shows pipelines and workloads."""

from collections.abc import Iterable, Mapping

from headwater.v1.pipeline_pb2 import (
    Completeness,
    Criticality,
    JobDeclaration,
    Pipeline,
    PipelineState,
    Workload,
)

from .asset_words import RUN_HEADERS, run_row, run_state
from .screen import NAMED, show, show_facts, show_heading, show_table, styled
from .times import show_time
from .words import address, word


def show_pipelines(pipelines: Iterable[Pipeline]) -> None:
    """Shows pipelines, a line each."""
    headers = ("PIPELINE", "CRITICALITY", "OWNER", "LINEAGE", "LAST RUN", "STATE", "ENDED")
    show_table(headers, map(_pipeline_row, pipelines))


def show_pipeline(pipeline: Pipeline) -> None:
    """Shows a pipeline in full."""
    show(styled(address(pipeline.name), NAMED))
    show_facts(
        (
            ("about", pipeline.description),
            ("owner", pipeline.owner),
            ("criticality", word(Criticality, pipeline.criticality)),
            ("state", word(PipelineState, pipeline.state)),
            ("declared", show_time(pipeline.create_time)),
            ("changed", show_time(pipeline.update_time)),
            ("ended", show_time(pipeline.end_time)),
            ("resource", f"{pipeline.uid}, generation {pipeline.generation}"),
            ("lineage", "\n".join(map(_kind_words, pipeline.completeness))),
            ("sampling", _sampling_words(pipeline)),
            ("retention", f"{pipeline.retention_days} days" if pipeline.retention_days else ""),
        )
    )
    if pipeline.declarations:
        show_heading("declared of jobs that say nothing themselves")
        show_table(("JOB", "READS", "WRITES"), map(_declaration_row, pipeline.declarations))
    if pipeline.HasField("latest_run"):
        show_heading("last run")
        show_table(RUN_HEADERS, [run_row(pipeline.latest_run)])


def show_workloads(workloads: Iterable[Workload]) -> None:
    """Shows workloads, a line each."""
    rows = [
        (each.namespace, each.kind, address(each.job), "yes" if each.has_lineage else "no", show_time(each.change_time))
        for each in workloads
    ]
    show_table(("NAMESPACE", "KIND", "JOB", "LINEAGE", "CHANGED"), rows)


def show_inventory(inventory: Iterable[Mapping[str, object]]) -> None:
    """Shows how many workloads there are of each kind in each namespace."""
    columns = ("namespace", "kind", "workloadCount", "withLineageCount")
    rows = [tuple(str(each[column]) for column in columns) for each in inventory]
    show_table(("NAMESPACE", "KIND", "WORKLOADS", "WITH LINEAGE"), rows)


def _pipeline_row(pipeline: Pipeline) -> tuple[str, ...]:
    has_run = pipeline.HasField("latest_run")
    return (
        address(pipeline.name),
        word(Criticality, pipeline.criticality),
        pipeline.owner,
        completeness_words(pipeline),
        show_time(pipeline.latest_run.start_time) if has_run else "",
        run_state(pipeline.latest_run) if has_run else "",
        show_time(pipeline.end_time),
    )


def completeness_words(pipeline: Pipeline) -> str:
    """Says how many of a pipeline's workloads have lineage.

    >>> completeness_words(Pipeline(completeness=[Completeness(workload_count=14, with_lineage_count=12)]))
    '12 of 14'
    """
    seen = sum(each.workload_count for each in pipeline.completeness)
    return f"{sum(each.with_lineage_count for each in pipeline.completeness):,} of {seen:,}"


def _kind_words(counted: Completeness) -> str:
    return f"{counted.with_lineage_count:,} of {counted.workload_count:,} {counted.kind}"


def _sampling_words(pipeline: Pipeline) -> str:
    if not pipeline.HasField("sampling"):
        return ""
    sampling = pipeline.sampling
    kept = f"{sampling.successful_percent} % of the runs that succeeded are kept whole"
    return f"{kept}; {sampling.sampled_out_count:,} were not" if sampling.sampled_out_count else kept


def _declaration_row(declaration: JobDeclaration) -> tuple[str, ...]:
    return declaration.job, ", ".join(declaration.inputs), ", ".join(declaration.outputs)
