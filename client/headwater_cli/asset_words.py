"""What is known of assets, in words. Pure."""

from collections.abc import Iterable

from headwater.v1.catalog_pb2 import DatasetKind, DatasetVersion, JobKind, Owner, Run, RunState, Tag

from .times import show_duration, show_time
from .words import address, last_part, word

RUN_HEADERS = ("STATE", "STARTED", "TOOK", "RUN", "JOB", "ERROR")


def owner_words(owners: Iterable[Owner]) -> str:
    """Names the owners.

    >>> owner_words([Owner(owner="team:search", type="MAINTAINER")])
    'team:search (MAINTAINER)'
    """
    return ", ".join(f"{each.owner} ({each.type})" if each.type else each.owner for each in owners)


def tag_words(tags: Iterable[Tag]) -> str:
    """Names the tags, each with its value and its field.

    >>> tag_words([Tag(key="tier", value="gold"), Tag(key="pii", field="email")])
    'tier=gold, pii (email)'
    """
    return ", ".join(
        f"{each.key}{f'={each.value}' if each.value else ''}{f' ({each.field})' if each.field else ''}" for each in tags
    )


def dataset_kind(kind: DatasetKind.ValueType) -> str:
    """Gives the word for a kind of dataset."""
    return word(DatasetKind, kind) or "DATASET"


def job_kind(kind: JobKind.ValueType, integration: str = "") -> str:
    """Gives the words for a job.

    >>> job_kind(JobKind.JOB_KIND_BATCH, "AIRFLOW")
    'JOB (BATCH, AIRFLOW)'
    """
    more = ", ".join(filter(None, (word(JobKind, kind), integration)))
    return f"JOB ({more})" if more else "JOB"


def version_words(version: DatasetVersion) -> str:
    """Names a version by its producer's label and by its id, with its place.

    >>> version_words(DatasetVersion(name="namespaces/s3/datasets/churn/versions/3f2a9c0d", label="3", ordinal=7))
    '3 (3f2a9c0d, number 7)'
    """
    identity = last_part(version.name)
    more = [identity] if version.label else []
    more += [f"number {version.ordinal}"] if version.ordinal else []
    return f"{version.label or identity} ({', '.join(more)})" if more else version.label or identity


def run_state(run: Run) -> str:
    """Gives the word for a run's state."""
    return word(RunState, run.state) or "UNKNOWN"


def run_row(run: Run) -> tuple[str, ...]:
    """Gives the cells of a run under RUN_HEADERS."""
    return (
        run_state(run),
        show_time(run.start_time),
        show_duration(run.start_time, run.end_time),
        last_part(run.name),
        address(run.job),
        run.error.message.partition("\n")[0],
    )
