"""Lists of the server's, as long as they are wanted."""

from collections.abc import Callable
from math import ceil
from typing import Any, TypeVar

import click

from headwater.listing import P
from headwater.sync import SyncListing

from .screen import note

F = TypeVar("F", bound=Callable[..., Any])
LARGEST_PAGE = 1000


def limited(command: F) -> F:
    """Gives a command the option that says how much to list."""
    return click.option(
        "--limit",
        type=click.IntRange(min=0),
        metavar="N",
        default=50,
        show_default=True,
        help="How many to give; 0 gives all.",
    )(command)


def collect(ask: Callable[[int], SyncListing[P, Any]], limit: int) -> P:
    """Asks for a list by its page size, and gives its pages as one; 0 is no limit.

    The token for the rest stays in the answer, and stderr says that there is a rest.
    """
    size = ceil(limit / ceil(limit / LARGEST_PAGE)) if limit else LARGEST_PAGE
    whole: Any = None
    for page in ask(size).pages():
        if whole is None:
            whole = page
        else:
            whole.MergeFrom(page)
            whole.next_page_token = page.next_page_token
        if limit and _length(whole) >= limit:
            break
    if whole.next_page_token:
        note(f"there are more than these {_length(whole):,}; --limit 0 gives all")
    answer: P = whole
    return answer


def _length(page: Any) -> int:
    # A page holds one list, beside its token.
    return sum(len(value) for field, value in page.ListFields() if field.is_repeated)
