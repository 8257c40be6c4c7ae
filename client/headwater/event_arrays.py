"""Takes apart a JSON array of events that holds something that is no JSON, so that one bad event does not harm others.

Pure, by brackets, commas and strings alone; an array that is JSON is taken apart faster by a parser.
"""

import re
from collections.abc import Iterator

_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_INSIDE = re.compile(rb'(?:[^"\[\]{}]++|%b)*+([\[\]{}])' % _STRING, re.DOTALL)
"""Everything up to the next bracket, inside of an element."""
_BETWEEN = re.compile(rb'(?:[^"\[\]{},]++|%b)*+([\[\]{},])' % _STRING, re.DOTALL)
"""Everything up to the next bracket or comma, between elements."""


class BrokenArray(ValueError):
    """Says that a text is no array; `problem` why, and `remedy` what to do."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}: {remedy}")
        self.problem = problem
        self.remedy = remedy


def broken_array_elements(array: bytes) -> Iterator[bytes]:
    """Gives the elements of a text that begins with `[` and has no white space around it. Raises BrokenArray."""
    depth = start = end = 1
    while depth:
        found = (_INSIDE if depth > 1 else _BETWEEN).match(array, end)
        if found is None:
            raise BrokenArray("is no JSON array", "end what was begun")
        mark, end = found[1], found.end()
        depth += (mark in b"[{") - (mark in b"]}")
        if depth == 0 or (depth == 1 and mark == b","):
            yield array[start : end - 1].strip()
            start = end
    if end != len(array):
        raise BrokenArray("goes on after its array", "send one array of events")
