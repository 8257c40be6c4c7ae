"""Lineage between jobs: one leads to another where that reads what it writes, or where a producer links the two.

A dataset is a node only as a root: it leads to the jobs that write or read it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence

from ..domain.lineage import DatasetRoot, JobRoot, Part, Root
from ..domain.lineage_ports import GraphReader, UseRecord, Uses
from ..domain.walk import Edge, Step
from .lineage_book import Book
from .lineage_datasets import show_assets

MAX_PAIRS = 500_000
"""How many pairs of jobs one level is searched for."""


class JobLevel:
    """Walks between jobs."""

    def __init__(self, reader: GraphReader, book: Book, roots: Sequence[int]) -> None:
        self.roots = roots
        self.has_lost = False
        self._reader = reader
        self._book = book

    def is_shown(self, key: int) -> bool:
        """All nodes are."""
        return True

    async def expand(self, keys: Sequence[int], upstream: bool) -> list[Edge[int]] | None:
        """What leads on from jobs, and from datasets that are roots."""
        self.has_lost = False
        keys = [key for key in keys if key in self._book.visible]
        jobs = [key for key in keys if self._book[key].is_job]
        ends = self._noted(await self._reader.job_ends(jobs, upstream=upstream)) if jobs else []
        await self._book.load((end.far for end in ends), (end.stater for end in ends))
        visible, book = self._book.visible, self._book
        ends = [end._replace(far=visible[end.far]) for end in ends if end.far in visible and end.stater in visible]
        datasets = {end.far for end in ends if not book[end.far].is_job}
        users = await self._users(datasets.union(key for key in keys if not book[key].is_job), upstream)
        found: dict[tuple[int, int], tuple[int, int]] = {}
        for end in ends:
            if book[end.far].is_job:
                self._note(found, end.near, end.far, end.since, end.until)
            for user in users.get(end.far, ()):
                self._note(found, end.near, user.far, max(end.since, user.since), min(end.until, user.until))
        for key in keys:
            if not book[key].is_job:
                for user in users.get(key, ()):
                    self._note(found, key, user.far, user.since, user.until)
        return [Edge(near, far, 0, False, *times) for (near, far), times in found.items()]

    async def pages(
        self, keys: Sequence[int], upstream: bool, among: Collection[int] | None
    ) -> AsyncIterator[list[Edge[int]]]:
        """All at once."""
        yield await self.expand(keys, upstream) or []

    async def show(self, step: Step[int]) -> Part:
        """Nodes and links by name."""
        return Part(await show_assets(self._book, step), step.links)

    def root_of(self, key: int) -> Root:
        """The job itself, or the dataset."""
        asset = self._book[key]
        return JobRoot(asset.name) if asset.is_job else DatasetRoot(asset.name)

    async def _users(self, datasets: Collection[int], upstream: bool) -> dict[int, list[UseRecord]]:
        """The jobs that write or read datasets, by dataset."""
        owners = self._book.members(datasets)
        uses = self._noted(await self._reader.dataset_users(owners, upstream=upstream)) if owners else []
        await self._book.load((), (job for use in uses for job in (use.far, use.stater)))
        users: dict[int, list[UseRecord]] = {}
        for use in uses:
            if use.far in self._book.visible and use.stater in self._book.visible:
                users.setdefault(owners[use.near], []).append(use)
        return users

    def _noted(self, uses: Uses) -> list[UseRecord]:
        self.has_lost = self.has_lost or not uses.is_whole
        return uses.records

    def _note(self, found: dict[tuple[int, int], tuple[int, int]], near: int, far: int, since: int, until: int) -> None:
        """Notes that one leads to the other; several datasets between them make one link."""
        known = found.get((near, far))
        if known is None and len(found) >= MAX_PAIRS:
            self.has_lost = True
        else:
            found[near, far] = (min(known[0], since), max(known[1], until)) if known else (since, until)
