"""`headwater diff`."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import click

from headwater import SyncClient
from headwater.names import DatasetName, DatasetVersionName, ResourceName, RunName, WriteName, parse_name
from headwater.v1.catalog_pb2 import Field
from headwater.v1.lineage_service_pb2 import (
    ChangeType,
    CompareLineageResponse,
    FieldChange,
)

from ..lineage_words import link_words, node_address, node_kind
from ..screen import BAD, CHANGED, GOOD, Cell, note, show_table, styled
from ..session import FORMATS, Session, answering
from ..times import Time
from ..words import address, last_part, word
from .lineage import find_roots, walk_of, walking

_SIGNS = {"ADDED": ("+", GOOD), "REMOVED": ("-", BAD)}


@click.command()
@click.argument("base", metavar="A", help="The version or run to compare from, or the asset.")
@click.argument("target", metavar="[B]", required=False, help="The version or run to compare to.")
@click.option("--from", "base_time", type=Time(), metavar="TIME", help="Compare the asset's lineage: from this time …")
@click.option("--to", "target_time", type=Time(), metavar="TIME", help="… to this one. [now]")
@click.option("--downstream", is_flag=True, help="Compare what is downstream, not what is upstream.")
@walking
@answering(*FORMATS)
@click.pass_obj
def diff(session: Session, /, base: str, target: str | None, base_time: datetime | None, **options: Any) -> None:
    """Says what changed between two versions of a dataset, between two runs, or in an asset's lineage.

    \b
    headwater diff shop.users@2 shop.users@3
    headwater diff RUN RUN
    headwater diff s3://models/churn --from "2 days ago"
    """
    target_time, is_downstream = options.pop("target_time"), options.pop("downstream")
    if (target is None) == (base_time is None):
        raise click.UsageError("give either two versions or runs, A and B, or one asset and --from TIME")
    client = session.client
    if base_time is not None:
        roots = find_roots(client, [base], options["level"])
        walk = walk_of("DOWNSTREAM" if is_downstream else "UPSTREAM", **options)
        lineage = client.compare_times(*roots, base=base_time, target=target_time, **walk)
        return _write_lineage(session, lineage)
    ends = [_comparable(client, each) for each in (base, target or "")]
    if all(isinstance(each, RunName) for each in ends):
        return _write_lineage(session, client.compare_runs(*ends))
    if any(isinstance(each, RunName) for each in ends):
        raise click.UsageError("a run can be compared with a run only")
    versions = client.compare_dataset_versions(*ends)
    session.write(versions, lambda: show_table(("", "FIELD", "BEFORE", "AFTER"), map(_field_row, versions.changes)))
    if not versions.changes:
        note("the schemas are equal")
    return None


def _comparable(client: SyncClient, text: str) -> ResourceName:
    """Finds a run or a version: of a dataset its last one, of a write the one that it left behind."""
    found = client.resolve_address(text)
    name = parse_name(found.version or found.name)
    if isinstance(name, DatasetName):
        return DatasetVersionName(name.namespace, name.dataset, "latest")
    if isinstance(name, WriteName):
        outputs = client.get_run(RunName(name.run)).outputs
        written = [each.version for each in outputs if each.dataset == found.name and each.version]
        return parse_name(written[0]) if written else name
    if not isinstance(name, DatasetVersionName | RunName):
        raise click.UsageError(
            f"{text} is neither a run nor a dataset; a job is compared by its runs or by --from TIME"
        )
    return name


def _write_lineage(session: Session, answer: CompareLineageResponse) -> None:
    rows = [*_changes(answer)]
    session.write(answer, lambda: show_table(("", "WHAT", "ADDRESS", "BEFORE", "AFTER"), rows))
    if not rows:
        note("nothing changed")
    if answer.truncated:
        note("one of the two sides was cut, so this may be incomplete: --depth and --max-nodes compare more")


def _changes(answer: CompareLineageResponse) -> Iterator[tuple[Cell, ...]]:
    for kind, nodes, links in (
        ("ADDED", answer.added_nodes, answer.added_links),
        ("REMOVED", answer.removed_nodes, answer.removed_links),
    ):
        sign = styled(*_SIGNS[kind])
        for node in nodes:
            yield sign, node_kind(node), node_address(node), "", ""
        for link in links:
            ends = f"{address(link.source, link.source_field)} -> {address(link.target, link.target_field)}"
            yield sign, "link", f"{ends} {link_words([link])}".rstrip(), "", ""
    changed = styled("~", CHANGED)
    if answer.job_version_changed:
        yield changed, "job version", "", "", ""
    for change in answer.version_changes:
        what = "read" if change.is_input else "wrote"
        before, after = last_part(change.base_version), last_part(change.target_version)
        yield changed, what, address(change.dataset), before, after


def _field_row(change: FieldChange) -> tuple[Cell, ...]:
    sign, style = _SIGNS.get(word(ChangeType, change.type), ("~", CHANGED))
    has_moved = bool(change.base.ordinal and change.target.ordinal and change.base.ordinal != change.target.ordinal)
    before, after = (_field_words(each, has_moved) for each in (change.base, change.target))
    return styled(sign, style), change.path, before, after


def _field_words(field: Field, has_moved: bool) -> str:
    place = f"in place {field.ordinal}" if has_moved else ""
    return " ".join(filter(None, (field.type, place, f"“{field.description}”" if field.description else "")))
