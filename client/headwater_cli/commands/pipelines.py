"""`headwater pipelines`."""

from collections import Counter
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import click

from headwater import AmbiguousAddress, NotFound, SyncClient
from headwater.v1.pipeline_pb2 import Pipeline, Workload

from ..data import as_data
from ..explanation import explain_pod, show_explanation
from ..paging import collect, limited
from ..pipeline_details import show_inventory, show_pipeline, show_pipelines, show_workloads
from ..screen import note, show_heading
from ..session import FORMATS, Session, answering
from ..words import address

SHOW = "show"
EXPLAIN = "explain"


@click.command()
@click.argument(
    "words",
    metavar="[NAMESPACE] | show PIPELINE | explain [NAMESPACE/POD]",
    nargs=-1,
    help="Only those of a Kubernetes namespace, as k8s://CLUSTER/NAMESPACE; or one pipeline in full; or why a pod "
    "gets the emitter, or why not.",
)
@click.option("--uncovered", is_flag=True, help="How many workloads no pipeline covers, by namespace and kind.")
@click.option("--workloads", "with_workloads", is_flag=True, help="With --uncovered: each of them.")
@click.option("--ended", "show_ended", is_flag=True, help="Those whose resource was deleted, too.")
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With explain: a pod as YAML, as if it were created now in NAMESPACE.",
)
@limited
@answering(*FORMATS)
@click.pass_obj
def pipelines(
    session: Session,
    words: tuple[str, ...],
    *,
    uncovered: bool,
    with_workloads: bool,
    show_ended: bool,
    file: Path | None,
    limit: int,
) -> None:
    """Lists the pipelines that platform teams declared, with how many of their workloads have lineage.

    \b
    headwater pipelines k8s://prod/ml
    headwater pipelines show k8s://prod/ml/churn
    headwater pipelines --uncovered --workloads
    headwater pipelines explain ml/train-x7k2p
    """
    if words[:1] == (EXPLAIN,):
        _explain(session, words[1:], file)
        return
    if file:
        raise click.UsageError("--file goes with `explain`")
    namespace = words[0] if words else "namespaces/-"
    match len(words), words[:1] == (SHOW,), uncovered, with_workloads:
        case 2, True, False, False:
            _show(session, words[1], limit)
        case ((0 | 1), False, True, False):
            _count_uncovered(session, namespace)
        case ((0 | 1), False, True, True):
            _list_uncovered(session, namespace, limit)
        case ((0 | 1), False, False, False):
            _list(session, namespace, limit, show_ended=show_ended)
        case _, _, False, True:
            raise click.UsageError("--workloads goes with --uncovered; `show PIPELINE` lists those of a pipeline")
        case _:
            raise click.UsageError("name one NAMESPACE, or `show` and one PIPELINE without --uncovered")


def _explain(session: Session, words: tuple[str, ...], file: Path | None) -> None:
    if len(words) > 1 or not (words or file):
        raise click.UsageError("name one NAMESPACE/POD, or give a pod with --file")
    found = explain_pod(words[0] if words else "", file)
    session.write(found, lambda: show_explanation(found))


def _list(session: Session, namespace: str, limit: int, *, show_ended: bool) -> None:
    ask = partial(session.client.pipelines, namespace, show_ended=show_ended)
    answer = collect(lambda size: ask(page_size=size), limit)
    session.write(answer, lambda: show_pipelines(answer.pipelines))
    if not answer.pipelines:
        note("there are no such pipelines; headwater pipelines --uncovered shows what one could cover")


def _show(session: Session, name: str, limit: int) -> None:
    pipeline = _find(session.client, name)
    ask = partial(session.client.workloads, pipeline=pipeline.name)
    answer = collect(lambda size: ask(page_size=size), limit)
    data = as_data(pipeline) | {"workloads": as_data(answer)["workloads"]}

    def show() -> None:
        show_pipeline(pipeline)
        if answer.workloads:
            show_heading("workloads")
            show_workloads(answer.workloads)

    session.write(data, show)


def _list_uncovered(session: Session, namespace: str, limit: int) -> None:
    ask = partial(session.client.workloads, namespace, uncovered=True)
    answer = collect(lambda size: ask(page_size=size), limit)
    session.write(answer, lambda: show_workloads(answer.workloads))
    _tell_if_covered(answer.workloads)


def _count_uncovered(session: Session, namespace: str) -> None:
    ask = partial(session.client.workloads, namespace, uncovered=True)
    workloads = collect(lambda size: ask(page_size=size), 0).workloads
    counts = Counter((each.namespace, each.kind) for each in workloads)
    seen = Counter((each.namespace, each.kind) for each in workloads if each.has_lineage)
    inventory = [
        {"namespace": space, "kind": kind, "workloadCount": count, "withLineageCount": seen[space, kind]}
        for (space, kind), count in sorted(counts.items())
    ]
    session.write({"uncovered": inventory}, lambda: show_inventory(inventory))
    _tell_if_covered(workloads)


def _tell_if_covered(workloads: Iterable[Workload]) -> None:
    if not workloads:
        note("no workload is known that a pipeline does not cover")


def _find(client: SyncClient, name: str) -> Pipeline:
    """Finds a pipeline by its namespace and name, or by its name alone where that is unique.

    Raises NotFound, AmbiguousAddress or InvalidName.
    """
    if "/" in name:
        return client.get_pipeline(name)
    found = [each for each in client.pipelines(show_ended=True) if each.display_name == name]
    if len(found) == 1:
        return found[0]
    if found:
        candidates = "\n".join(address(each.name) for each in found)
        raise AmbiguousAddress(f"{name!r} fits {len(found)} pipelines", metadata={"candidates": candidates})
    raise NotFound(f"no pipeline is called {name!r}: headwater pipelines --ended lists all there are")
