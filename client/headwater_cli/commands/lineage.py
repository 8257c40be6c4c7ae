"""`headwater upstream` and `headwater downstream`: walks of the graph, as a tree, as rows, or as data."""

from collections.abc import Callable, Sequence
from typing import Any

import click
from rich.text import Text
from rich.tree import Tree

from headwater import SyncClient
from headwater.lineage import Walk
from headwater.names import DatasetName, ResourceName, parse_name
from headwater.v1.catalog_pb2 import DatasetKind, RunState
from headwater.v1.lineage_pb2 import NODE_TYPE_RUN
from headwater.v1.lineage_service_pb2 import GetLineageResponse, Level

from ..cut import how_to_go_on
from ..lineage_tree import Branch, grow, links_by_near_end
from ..lineage_words import link_words, node_address, node_facts, node_kind
from ..screen import DIM, NAMED, STRONG, is_terminal, note, show, show_table, styled
from ..session import TREE_FORMATS, Session, answering
from ..times import Time, show_time
from ..words import count, word, words


def walking(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a command the options that say how far to walk, and what to leave out."""
    for option in reversed(
        (
            click.option(
                "--level",
                type=click.Choice(words(Level), case_sensitive=False),
                help="What to show: datasets, jobs, fields, or runs with the exact versions that they read and wrote.",
            ),
            click.option("--depth", type=click.IntRange(min=1), metavar="N", help="How many links to follow. [20]"),
            click.option(
                "--max-nodes", type=click.IntRange(min=1), metavar="N", help="How many assets to give. [1000]"
            ),
            click.option(
                "--kind",
                "kinds",
                multiple=True,
                type=click.Choice(words(DatasetKind), case_sensitive=False),
                help="Only datasets of this kind; others are walked through. May be repeated.",
            ),
            click.option("--exclude-inferred", is_flag=True, help="Leave out links that no producer stated."),
            click.option("--exclude-indirect", is_flag=True, help="Leave out fields that only influence."),
        )
    ):
        command = option(command)
    return command


def walk_of(direction: str, **options: Any) -> Walk:
    """Gives the walk that options say. What they leave out is the server's default."""
    walk = Walk(direction=direction, dataset_kinds=options["kinds"])
    for option, name in (("level", "level"), ("depth", "max_depth"), ("max_nodes", "max_nodes"), ("as_of", "as_of")):
        if options.get(option):
            walk[name] = options[option]  # type: ignore[literal-required]
    walk["exclude_inferred"] = options["exclude_inferred"]
    walk["exclude_indirect"] = options["exclude_indirect"]
    return walk


def find_roots(client: SyncClient, addresses: Sequence[str], level: str | None) -> list[str | ResourceName]:
    """Gives the roots of a walk: at run level, a dataset without a version stands for its last write."""
    return [_last_write(client, each) if level == "RUN" else each for each in addresses]


def _last_write(client: SyncClient, address: str) -> str | ResourceName:
    found = client.resolve_address(address)
    name = parse_name(found.version or found.name)
    if not isinstance(name, DatasetName):
        return name
    write = client.get_dataset(name).latest_write.name
    if not write:
        raise click.ClickException(f"at run level there is nothing: no successful run wrote {address}")
    return parse_name(write)


@click.command()
@click.argument("addresses", metavar="ADDRESS...", nargs=-1, required=True, help="What to start from.")
@click.option("--as-of", type=Time(), metavar="TIME", help="Ask the graph as it was then.")
@walking
@answering(*TREE_FORMATS)
@click.pass_obj
def upstream(session: Session, /, addresses: tuple[str, ...], **options: Any) -> None:
    """What an asset is made of: the datasets, jobs or runs that it comes from, the near ones first.

    \b
    headwater upstream s3://models/churn
    headwater upstream s3://models/churn@3            the runs that made version 3
    headwater upstream shop.users#email               a field
    headwater upstream shop.users --as-of yesterday

    On a terminal the answer is a tree, in a pipe a row for each asset.
    """
    _walk(session, "upstream", addresses, options)


@click.command()
@click.argument("addresses", metavar="ADDRESS...", nargs=-1, required=True, help="What to start from.")
@click.option("--as-of", type=Time(), metavar="TIME", help="Ask the graph as it was then.")
@walking
@answering(*TREE_FORMATS)
@click.pass_obj
def downstream(session: Session, /, addresses: tuple[str, ...], **options: Any) -> None:
    """What is made of an asset: the datasets, jobs or runs that it goes into, the near ones first.

    On a terminal the answer is a tree, in a pipe a row for each asset.
    """
    _walk(session, "downstream", addresses, options)


def _walk(session: Session, direction: str, addresses: Sequence[str], options: dict[str, Any]) -> None:
    level, as_of = options["level"], options["as_of"]
    roots = find_roots(session.client, addresses, level)
    answer = session.client.get_lineage(*roots, **walk_of(direction.upper(), **options))
    is_tree = session.output == "tree" or (session.output is None and is_terminal())
    show_answer = _show_tree if is_tree else _show_rows
    session.write(answer, lambda: show_answer(answer, is_upstream=direction == "upstream"))
    if as_of:
        note(f"as of {show_time(as_of)}")
    if all(node.depth == 0 for node in answer.nodes):
        note(f"nothing is {direction} of {', '.join(addresses)}")
    for each in how_to_go_on(answer, f"headwater {direction}" + (f" --level {level}" if level else "")):
        note(each)


def _show_tree(answer: GetLineageResponse, *, is_upstream: bool) -> None:
    # Rich would leave out what lies deeper than the terminal is wide.
    for branch in grow(answer, is_upstream=is_upstream):
        show(_drawn(branch), fits_width=False)


def _drawn(root: Branch) -> Tree:
    tree = Tree(_label(root), guide_style=DIM)
    waiting = [(root, tree)]
    while waiting:
        branch, drawn = waiting.pop()
        waiting += [(each, drawn.add(_label(each))) for each in branch.branches]
    return tree


def _label(branch: Branch) -> Text:
    node = branch.node
    is_root = node.depth == 0 and not branch.links
    parts = [styled(node_address(node), STRONG if is_root else ""), styled(node_kind(node), NAMED)]
    parts += [styled(each, DIM) for each in (node_facts(node), link_words(branch.links))]
    if node.depth and not branch.links:
        parts.append(styled(f"({count(node.depth, 'link')} away)", DIM))
    if branch.goes_on_elsewhere:
        parts.append(styled("(goes on elsewhere)", DIM))
    return Text("  ").join(part for part in parts if part.plain)


def _show_rows(answer: GetLineageResponse, *, is_upstream: bool) -> None:
    # A node's own links to what is nearer to the roots: the same links, seen from their far ends.
    nearer = links_by_near_end(answer, is_upstream=not is_upstream)
    rows = []
    for node in answer.nodes:
        links = [link for links in nearer[node.name, node.field].values() for link in links]
        via = node.display_name if node.type == NODE_TYPE_RUN else link_words(links).removeprefix("via ")
        state, time = word(RunState, node.run_state), show_time(node.time)
        rows.append((str(node.depth), node_kind(node), node_address(node), state, time, via))
    show_table(("DEPTH", "KIND", "ADDRESS", "STATE", "TIME", "VIA"), rows)
