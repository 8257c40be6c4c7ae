"""Where a walk starts: the nodes that its roots name, and what it may ask of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from headwater.names import DatasetName, JobName

from ..domain import ids
from ..domain.errors import InvalidField, NotFound, TooLarge
from ..domain.lineage import DatasetRoot, JobRoot, Level, Root, Traversal
from ..domain.lineage_ports import GraphReader
from ..domain.links import WHOLE
from .lineage_book import Book
from .lineage_fields import FieldKey

MAX_ROOTS = 1000
MAX_DEPTH = 1000
MAX_NODES = 20_000
DEFAULT_DEPTH = 20
DEFAULT_NODES = 1000


def check_traversal(asked: Traversal, max_nodes: int = MAX_NODES) -> Traversal:
    """The walk with its level and limits filled in, and cut to so many nodes. Raises InvalidField or TooLarge."""
    if not asked.roots:
        raise InvalidField("traversal.roots", "is empty", "name at least one asset to start from")
    if len(asked.roots) > MAX_ROOTS:
        raise TooLarge("traversal.roots", len(asked.roots), MAX_ROOTS, "roots")
    for field, value in (("max_depth", asked.max_depth), ("max_nodes", asked.max_nodes)):
        if value < 0:
            raise InvalidField(f"traversal.{field}", "must not be negative", "use 0 for the default")
    level = asked.level or (Level.DATASET if _are_assets(asked.roots) else Level.RUN)
    if _are_assets(asked.roots) is (level is Level.RUN):
        remedy = "name runs, versions or writes" if level is Level.RUN else "name datasets or jobs, or ask at run level"
        raise InvalidField("traversal.roots", f"do not fit the level {level.name}", remedy)
    if asked.field and level is not Level.FIELD:
        raise InvalidField("traversal.field", "is given at field level only", "set level to LEVEL_FIELD")
    depth = min(asked.max_depth or DEFAULT_DEPTH, MAX_DEPTH)
    return replace(asked, level=level, max_depth=depth, max_nodes=min(asked.max_nodes or DEFAULT_NODES, max_nodes))


async def find_assets(book: Book, roots: Iterable[Root]) -> list[int]:
    """The ids that the roots are shown under: datasets and jobs. Raises NotFound."""
    names = {_asset_id(root): root for root in roots if isinstance(root, DatasetRoot | JobRoot)}
    await book.load(
        (asset for asset, root in names.items() if isinstance(root, DatasetRoot)),
        (asset for asset, root in names.items() if isinstance(root, JobRoot)),
    )
    found = []
    for asset, root in names.items():
        known = book.find(asset)
        if known is None:
            raise NotFound(_resource(root))
        found.append(known.id)
    return list(dict.fromkeys(found))


async def find_fields(reader: GraphReader, book: Book, asked: Traversal) -> list[FieldKey]:
    """The fields that a walk starts from. Raises InvalidField or NotFound."""
    if any(isinstance(root, JobRoot) for root in asked.roots):
        raise InvalidField("traversal.roots", "do not fit the level FIELD", "name datasets: a job has no fields")
    keys = [FieldKey(dataset, asked.field) for dataset in await find_assets(book, asked.roots)]
    for key in keys:
        if key.path != WHOLE and not await reader.has_field(list(book[key.dataset].names), key.path):
            raise NotFound(f"{DatasetName(*book[key.dataset].name)}#{key.path}")
    return keys


def _are_assets(roots: Iterable[Root]) -> bool:
    """Whether the roots are datasets or jobs. Raises InvalidField where only some are."""
    kinds = {isinstance(root, DatasetRoot | JobRoot) for root in roots}
    if len(kinds) > 1:
        raise InvalidField(
            "traversal.roots", "mix assets and runs", "name either datasets and jobs, or runs, versions and writes"
        )
    return kinds.pop()


def _asset_id(root: DatasetRoot | JobRoot) -> int:
    return ids.dataset_id(*root.name) if isinstance(root, DatasetRoot) else ids.job_id(*root.name)


def _resource(root: DatasetRoot | JobRoot) -> str:
    return str(DatasetName(*root.name) if isinstance(root, DatasetRoot) else JobName(*root.name))
