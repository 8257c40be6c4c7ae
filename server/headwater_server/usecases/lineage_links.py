"""Lists the links of one dataset or job, one hop away."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from ..domain.errors import InvalidField
from ..domain.lineage import DatasetRoot, JobRoot, Node, NodeLink, NodeType, Part
from ..domain.lineage_pages import BEFORE_ALL, LinkPlace, LinkQuery, ListedLink
from ..domain.lineage_ports import GraphReader, LineageStore
from ..domain.pages import Page
from .lineage_book import Book
from .lineage_roots import find_assets

MAX_SLICES = 20
"""How many slices of a list are looked at for one page where hidden assets are left out; then the next page goes on."""


@dataclass(frozen=True, slots=True)
class LinkSearch:
    """Which links are asked for: from an asset upstream (they lead to it) or downstream, at a time; None is now."""

    asset: DatasetRoot | JobRoot
    upstream: bool
    as_of: datetime | None = None
    history: bool = False
    fields: bool = False


@dataclass(frozen=True, slots=True)
class LinkPage:
    """A page of links, between the nodes beside them, and the token of the next one; empty at the end."""

    part: Part
    next_token: str


@dataclass(slots=True)
class _Ends:
    """The nodes at the ends of links."""

    nodes: list[Node] = field(default_factory=list)
    _places: dict[tuple[int, str], int] = field(default_factory=dict)

    def place(self, book: Book, asset: int, path: str) -> int:
        """The place of a node, which is added where it is new."""
        place = self._places.setdefault((asset, path), len(self.nodes))
        if place == len(self.nodes):
            known = book[asset]
            kind = NodeType.JOB if known.is_job else NodeType.FIELD if path else NodeType.DATASET
            self.nodes.append(Node(kind, known.name, 0, path))
        return place


async def search_links(store: LineageStore, asked: LinkSearch, page: Page, seconds: float) -> LinkPage:
    """A page of links. Raises InvalidField or NotFound."""
    if asked.history and asked.as_of is not None:
        raise InvalidField("as_of", "does not go with show_history", "set one of them")
    if asked.fields and isinstance(asked.asset, JobRoot):
        raise InvalidField("field_links", "is asked of a job", "name a dataset: a job has no fields")
    async with store.snapshot(seconds) as snapshot:
        reader = snapshot.at(asked.as_of)
        book = Book(reader)
        (asset,) = await find_assets(book, [asked.asset])
        ids = tuple(book[asset].names)
        query = LinkQuery(ids, book[asset].is_job, asked.upstream, asked.history, asked.fields)
        if not asked.history and asset not in book.visible:
            return LinkPage(Part([], []), "")
        found, resume = await _fill(reader, book, query, page)
        return LinkPage(await _tell(reader, book, asset, query, found), page.token(resume))


async def _fill(
    reader: GraphReader, book: Book, query: LinkQuery, page: Page
) -> tuple[list[ListedLink], LinkPlace | None]:
    """The links of a page, and the place after which the next one goes on; None at the end."""
    after = LinkPlace(*page.after) if page.after else BEFORE_ALL
    found: list[ListedLink] = []
    for _ in range(MAX_SLICES):
        wanted = page.size + 1 - len(found)
        links = await reader.list_links(query, after, wanted)
        await book.load((link.place.far for link in links), (link.place.job for link in links))
        found += [link for link in links if query.history or _is_visible(book, link)]
        if len(found) > page.size:
            return found[: page.size], found[page.size - 1].place
        if len(links) < wanted:
            return found, None
        after = links[-1].place
    return found, after


def _is_visible(book: Book, link: ListedLink) -> bool:
    return link.place.far in book.visible and link.place.job in book.visible


async def _tell(reader: GraphReader, book: Book, asset: int, query: LinkQuery, found: Iterable[ListedLink]) -> Part:
    changes = await reader.transformations({change for link in found for change in link.transformations})
    ends, links = _Ends(), []
    for link in found:
        near = ends.place(book, asset, link.place.near_path)
        far = ends.place(book, link.place.far, link.place.far_path)
        source, target = (far, near) if query.upstream else (near, far)
        links.append(
            NodeLink(source, target, link.place.job, link.inferred, link.since, link.until, link.transformations)
        )
    return Part(ends.nodes, links, book.job_names(links), changes)
