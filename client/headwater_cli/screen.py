"""Writes for people: tables, facts and trees on stdout, notes on stderr.

On a terminal there are colours (unless NO_COLOR is set) and lines fit its width; in a pipe neither, and nothing is cut.
"""

import sys
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import click
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from .words import block, line

Cell: TypeAlias = str | Text
WIDEST = 1_000_000
DIM, STRONG, NAMED = "dim", "bold", "cyan"
GOOD, BAD, CHANGED = "green", "red", "yellow"


def styled(text: str, style: str = "") -> Text:
    """Gives a text of one line in a style, safe to show."""
    return Text(line(text), style)


def is_terminal() -> bool:
    """Whether a person reads stdout as it is written."""
    return _console().is_terminal


def show(*things: RenderableType, fits_width: bool = True) -> None:
    """Writes to stdout; what need not fit the terminal's width is left to it to wrap."""
    console = _console()
    if not fits_width:
        console.width = WIDEST
    with console.capture() as written:
        for thing in things:
            console.print(thing, overflow="fold")
    for each in written.get().splitlines():
        click.echo(each if console.is_terminal else each.rstrip(), color=True)


def show_table(headers: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Writes a table; a column without any content is left out."""
    cells = [[_text(cell) for cell in row] for row in rows]
    used = [i for i in range(len(headers)) if any(row[i].plain for row in cells)]
    table = Table(box=None, pad_edge=False, header_style=STRONG, padding=(0, 2, 0, 0))
    for i in used:
        table.add_column(headers[i], overflow="fold")
    for row in cells:
        table.add_row(*(row[i] for i in used))
    if cells:
        show(table)


def show_facts(facts: Iterable[tuple[str, Cell]]) -> None:
    """Writes facts, a name and a text each; those without a text are left out."""
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style=DIM, no_wrap=True)
    table.add_column(overflow="fold")
    for name, fact in facts:
        text = fact if isinstance(fact, Text) else Text(block(fact))
        if text.plain:
            table.add_row(name, text)
    if table.row_count:
        show(table)


def show_heading(text: str) -> None:
    """Writes a heading after an empty line."""
    show("", styled(text, STRONG))


def show_block(text: str) -> None:
    """Writes a text of several lines, each set in."""
    show(*(Text(f"  {each}") for each in block(text).rstrip("\n").splitlines()))


def note(text: str) -> None:
    """Writes to stderr what is not part of the answer."""
    click.echo(block(text), err=True)


def warn(text: str) -> None:
    """Writes to stderr what went wrong without being the end."""
    note(f"headwater: {text}")


def _text(cell: Cell) -> Text:
    return styled(cell) if isinstance(cell, str) else cell


def _console() -> Console:
    console = Console(file=sys.stdout, markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = WIDEST
    return console
