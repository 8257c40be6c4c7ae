"""Filling a page of a list whose items are not known to be wanted before they are loaded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from ..domain.catalog_places import NAME_START, NamePlace, Slice
from ..domain.pages import Page

MAX_SLICES = 10
"""How many slices of a list are looked at for one page; then it is shorter than asked, and the next one goes on."""
MAX_SLICE = 1001
"""How many items of a list are loaded at once; more each time, as fewer of them are wanted than was hoped."""

T = TypeVar("T")
P = TypeVar("P", bound=tuple[object, ...])


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """A page of a list, and the token of the next one; empty at the end."""

    items: list[T]
    next_token: str


def cut_page(page: Page, found: Sequence[tuple[P, T]]) -> Listed[T]:
    """The page, given its items and one more where there is more, each with its place."""
    shown = found[: page.size]
    return Listed([item for _, item in shown], page.token(shown[-1][0] if len(found) > len(shown) else None))


async def fill_page(
    page: Page,
    scan: Callable[[NamePlace, int], Awaitable[Slice]],
    load: Callable[[list[NamePlace]], Awaitable[list[T]]],
    is_wanted: Callable[[T], bool],
) -> Listed[T]:
    """A page of what is wanted of a list in the order of names."""
    part = Slice([], NamePlace(*page.after) if page.after else NAME_START)
    found: list[tuple[NamePlace, T]] = []
    for turn in range(MAX_SLICES):
        if part.resume is None:
            break
        limit = min((page.size + 1) << turn, MAX_SLICE)
        part = await scan(part.resume, limit)
        loaded = await load(part.places)
        found += [pair for pair in zip(part.places, loaded, strict=True) if is_wanted(pair[1])]
        if len(found) > page.size:
            return cut_page(page, found)
        if len(part.places) < limit:  # the store has looked at as much as it does for one page
            break
    return Listed([item for _, item in found], page.token(part.resume))
