"""Events that are read by the template that they fit: a job says nearly the same run after run.

What is between the holes of a template is the same text in every event that fits. Where all holes are in values that
say nothing of the job and its datasets (the time, the run, and what members of datasets tell of this one run), such an
event states what the one stated that the template was learnt from. Each of those values is read again: so the text is
JSON, for one value stands where another stood.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from msgspec import Raw

from .body_templates import Fitted, Template
from .identity import EMPTY, canonical_object, hash_of
from .model import RunState
from .remembered import Remembered
from .statement import StatedLabel, Statement

REMEMBERED_BYTES = 12 << 20
"""How much text of templates is remembered, where an event's neighbours have two of them."""
NEIGHBOURS = 6
"""How many templates are tried: a START and a COMPLETE in two or three shapes."""
_KEY_BYTES = 72
"""How much text tells jobs apart."""
_GAP_BYTES = 8
"""How far a job or an array may end before the next key."""


class Part(NamedTuple):
    """A value in the text of events: the pieces around and between its holes, and the place of the first of these."""

    pieces: tuple[bytes, ...]
    first: int

    @property
    def has_holes(self) -> bool:
        """Whether it differs."""
        return len(self.pieces) > 1

    def text(self, holes: Sequence[bytes]) -> bytes:
        """The value in the event that has these holes."""
        pieces = self.pieces
        if len(pieces) == 1:
            return pieces[0]
        found = [pieces[0]]
        for place, piece in enumerate(pieces[1:], self.first):
            found += (holes[place], piece)
        return b"".join(found)


class Elements(NamedTuple):
    """The elements of an array of datasets: of each the hash of what it states, and its members that state nothing."""

    hashes: tuple[bytes, ...]
    others: tuple[Mapping[str, Part], ...]

    def hash(self, holes: Sequence[bytes]) -> bytes:
        """The hash of the array in the event that has these holes. Raises what `canonical` does."""
        found: list[bytes] = []
        for stated, others in zip(self.hashes, self.others, strict=True):
            read = {name: Raw(part.text(holes)) for name, part in others.items()}
            found += (stated, canonical_object(read) if read else EMPTY)
        return hash_of(b"".join(found))


class Content(NamedTuple):
    """What an event says beside its time and its run; `frame` is the hash of all but these and its datasets."""

    frame: bytes
    statement: Statement
    labels: tuple[StatedLabel, ...]
    state: RunState
    finality: int


class Reading(NamedTuple):
    """How events that fit a template are read. `arrays` are inputs and outputs; or their hashes, without holes."""

    template: Template
    time: Part
    run: Part
    arrays: tuple[Elements | bytes, Elements | bytes]
    content: Content

    def hashes(self, holes: Sequence[bytes]) -> tuple[bytes, bytes]:
        """The hashes of inputs and outputs. Raises what `canonical` does."""
        inputs, outputs = self.arrays
        return (
            inputs if isinstance(inputs, bytes) else inputs.hash(holes),
            outputs if isinstance(outputs, bytes) else outputs.hash(holes),
        )


class Readings:
    """Remembers how texts are read, by what most texts of a job have in common."""

    def __init__(self) -> None:
        self._known: Remembered[dict[int, Reading | None]] = Remembered(REMEMBERED_BYTES)

    def find(self, body: bytes) -> tuple[Reading, Fitted] | None:
        """How a text is read, and its holes; None where nothing like it is known."""
        neighbours = self._known.get(_key(body))
        if neighbours is not None:
            for reading in neighbours.values():
                if reading is not None and (holes := reading.template.holes(body)) is not None:
                    return reading, Fitted(reading.template, holes)
        return None

    def learn(self, body: bytes, fitted: Fitted, make: Callable[[Cutter], Reading | None]) -> None:
        """Remembers the reading that `make` makes of a text; None where its template has holes elsewhere."""
        key = _key(body)
        neighbours = self._known.get(key)
        if neighbours is None:
            neighbours = self._known.put(key, {}, 2 * len(body))
        if fitted.template.id not in neighbours:
            while len(neighbours) >= NEIGHBOURS:
                del neighbours[next(iter(neighbours))]
            neighbours[fitted.template.id] = make(Cutter(body, fitted))


class Cutter:
    """Cuts values out of a text, with the holes that are in them."""

    def __init__(self, body: bytes, fitted: Fitted) -> None:
        self._body = body
        self._start = _address(body)
        self.template = fitted.template
        self._count = 0
        self._holes: list[tuple[int, int]] = []
        place = 0
        for piece, hole in zip(fitted.template.pieces, fitted.holes, strict=False):
            start = place + len(piece)
            place = start + len(hole)
            self._holes.append((start, place))

    @property
    def is_done(self) -> bool:
        """Whether all holes are in values that were cut out."""
        return self._count == len(self._holes)

    def part(self, value: Raw) -> Part:
        """A value that was read of the text, and not copied."""
        start = _address(value) - self._start
        end = start + len(memoryview(value))
        within = [place for place, (begin, until) in enumerate(self._holes) if start <= begin and until <= end]
        self._count += len(within)
        borders = [start, *(border for place in within for border in self._holes[place]), end]
        pieces = tuple(self._body[begin:until] for begin, until in list(pairwise(borders))[::2])
        return Part(pieces, within[0] if within else 0)


def _key(body: bytes) -> bytes:
    """Text that all events of a job have, and few others: around its name, as producers order what they send."""
    outputs = body.rfind(b'"outputs":')
    if outputs >= _KEY_BYTES and b"]" not in body[outputs - _GAP_BYTES : outputs]:
        return body[outputs - _KEY_BYTES : outputs]
    job = body.rfind(b'"job":')
    return body[job : job + _KEY_BYTES] if job >= 0 else b""


def _address(part: bytes | Raw) -> int:
    address: int = np.frombuffer(part, np.uint8).__array_interface__["data"][0]
    return address
