"""Shows a dataset, a job or a run in full."""

import json
from collections.abc import Iterable, Sequence

from rich.text import Text

from headwater.v1.catalog_pb2 import (
    CodeLocation,
    Dataset,
    DatasetVersion,
    Facet,
    Field,
    Job,
    JobVersion,
    Run,
    RunDataset,
    Tag,
    Write,
)

from .asset_words import (
    RUN_HEADERS,
    dataset_kind,
    job_kind,
    owner_words,
    run_row,
    run_state,
    tag_words,
    version_words,
)
from .screen import NAMED, STRONG, show, show_block, show_facts, show_heading, show_table, styled
from .times import show_duration, show_time
from .words import address, last_part


def show_dataset(dataset: Dataset, field: str = "") -> None:
    """Shows a dataset with its fields, or with the one that is asked for."""
    _title(dataset.name, dataset_kind(dataset.kind))
    version, write = dataset.latest_version, dataset.latest_write
    show_facts(
        (
            ("about", dataset.description),
            ("owners", owner_words(dataset.owners)),
            ("tags", tag_words(dataset.tags)),
            ("also called", "\n".join(map(address, dataset.aliases))),
            ("version", version_words(version) if version.name else ""),
            ("last write", _write_words(write) if write.name else ""),
            ("first seen", show_time(dataset.create_time)),
            ("last seen", show_time(dataset.update_time)),
            ("deleted", show_time(dataset.delete_time)),
        )
    )
    _show_fields(version.fields, dataset.tags, field)
    _show_facets(dataset.facets)


def show_version(version: DatasetVersion, field: str = "") -> None:
    """Shows one version of a dataset."""
    _title(version.name, "VERSION", version.label)
    show_facts(
        (
            ("version", version_words(version)),
            ("first seen", show_time(version.create_time)),
            ("made by run", last_part(version.run)),
        )
    )
    _show_fields(version.fields, (), field)


def show_job(job: Job) -> None:
    """Shows a job with its code, what it reads and what it writes."""
    _title(job.name, job_kind(job.kind, job.integration))
    version = job.latest_version
    show_facts(
        (
            ("about", job.description),
            ("owners", owner_words(job.owners)),
            ("tags", tag_words(job.tags)),
            ("code", code_words(version.code_location)),
            ("reads", "\n".join(map(address, version.inputs))),
            ("writes", "\n".join(map(address, version.outputs))),
            ("version", last_part(version.name)),
            ("first seen", show_time(job.create_time)),
            ("last seen", show_time(job.update_time)),
            ("deleted", show_time(job.delete_time)),
        )
    )
    if job.latest_run.name:
        show_runs([job.latest_run], "last run")
    if version.sql:
        show_heading("SQL")
        show_block(version.sql)
    _show_facets(job.facets)


def show_run(run: Run) -> None:
    """Shows a run with what it read and wrote."""
    _title(run.name, f"RUN {run_state(run)}")
    show_facts(
        (
            ("job", address(run.job)),
            ("called", run.external_id),
            ("started", show_time(run.start_time)),
            ("ended", show_time(run.end_time)),
            ("took", show_duration(run.start_time, run.end_time)),
            ("scheduled for", _interval(run)),
            ("started by", last_part(run.parent)),
            ("root", last_part(run.root)),
            ("tags", tag_words(run.tags)),
            ("job version", last_part(run.job_version)),
            ("told by", ", ".join(run.senders)),
            ("error", run.error.message),
        )
    )
    for heading, datasets in (("read", run.inputs), ("wrote", run.outputs)):
        if datasets:
            show_heading(heading)
            show_table(("ADDRESS", "VERSION", "WRITTEN BY", ""), map(_dataset_row, datasets))
    if run.error.stack_trace:
        show_heading("stack trace")
        show_block(run.error.stack_trace)
    _show_facets(run.facets)


def show_dataset_versions(versions: Iterable[DatasetVersion]) -> None:
    """Shows versions of a dataset."""
    show_heading("versions")
    rows = [
        (each.label, last_part(each.name), str(each.ordinal or ""), show_time(each.create_time), last_part(each.run))
        for each in versions
    ]
    show_table(("LABEL", "VERSION", "NUMBER", "SINCE", "RUN"), rows)


def show_job_versions(versions: Iterable[JobVersion]) -> None:
    """Shows versions of a job."""
    show_heading("versions")
    rows = [
        (last_part(each.name), show_time(each.create_time), code_words(each.code_location).replace("\n", " "))
        for each in versions
    ]
    show_table(("VERSION", "SINCE", "CODE"), rows)


def show_writes(writes: Iterable[Write]) -> None:
    """Shows writes of a dataset."""
    show_heading("writes")
    rows = [
        (show_time(each.create_time), each.label or last_part(each.version), last_part(each.run), address(each.job))
        for each in writes
    ]
    show_table(("WRITTEN", "VERSION", "RUN", "JOB"), rows)


def show_runs(runs: Iterable[Run], heading: str = "runs") -> None:
    """Shows runs."""
    show_heading(heading)
    show_table(RUN_HEADERS, map(run_row, runs))


def code_words(code: CodeLocation) -> str:
    """Says where code is: the repository, the path and the commit; else its address."""
    place = " ".join(filter(None, (code.repository, code.path)))
    state = ", ".join(filter(None, (code.commit, code.branch, code.tag)))
    return "\n".join(filter(None, (place or code.url, state)))


def _title(resource: str, kind: str, label: str = "") -> None:
    show(Text.assemble(styled(address(resource, label=label), STRONG), "  ", styled(kind, NAMED)))


def _write_words(write: Write) -> str:
    by = ", ".join(filter(None, (address(write.job), f"run {last_part(write.run)}")))
    return f"{show_time(write.create_time)} by {by}"


def _interval(run: Run) -> str:
    return " to ".join(filter(None, (show_time(run.nominal_start_time), show_time(run.nominal_end_time))))


def _dataset_row(dataset: RunDataset) -> tuple[str, ...]:
    how = "named by the reader" if dataset.declared else ""
    version = dataset.label or last_part(dataset.version)
    return address(dataset.dataset), version, last_part(dataset.write), how


def _show_fields(fields: Sequence[Field], tags: Iterable[Tag], wanted: str) -> None:
    marks: dict[str, list[Tag]] = {}
    for tag in tags:
        marks.setdefault(tag.field, []).append(Tag(key=tag.key, value=tag.value))
    rows = [
        (each.path, each.type, tag_words(marks.get(each.path, ())), each.description)
        for each in fields
        if wanted in ("", each.path)
    ]
    if rows:
        show_heading("fields")
        show_table(("FIELD", "TYPE", "TAGS", "ABOUT"), rows)


def _show_facets(facets: Iterable[Facet]) -> None:
    for facet in facets:
        show_heading(f"{facet.name}  {show_time(facet.event_time)}".rstrip())
        show_block(_indented(facet.json))


def _indented(text: bytes) -> str:
    try:
        # Numbers stay as they were sent.
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text.decode(errors="replace")
