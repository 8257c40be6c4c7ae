"""Paged lists as iterators, page by page as they are read."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import Generic, Protocol, TypeVar

from .wire import Answer


class Page(Answer, Protocol):
    """Is an answer that a next page can follow."""

    next_page_token: str


P = TypeVar("P", bound=Page)
T = TypeVar("T")


class Listing(Generic[P, T]):
    """Is a list of the server's. Iterating gives all its items; `pages` gives the answers that carry them.

    Each iteration asks anew; an item that changes in between may be missed or given twice.

        async for dataset in client.datasets("s3://bucket"):
            print(dataset.display_name)
    """

    def __init__(self, fetch: Callable[[str], Awaitable[P]], items: Callable[[P], Iterable[T]]) -> None:
        self._fetch = fetch
        self.items = items

    async def pages(self, page_token: str = "") -> AsyncGenerator[P, None]:
        """Gives the answers, each with its items and `next_page_token`, from the page of a token on."""
        token: str | None = page_token
        while token is not None:
            page = await self._fetch(token)
            yield page
            token = page.next_page_token or None

    async def __aiter__(self) -> AsyncGenerator[T, None]:
        async for page in self.pages():
            for item in self.items(page):
                yield item
