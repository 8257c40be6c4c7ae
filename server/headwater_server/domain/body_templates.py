"""What the bodies of events that are alike share: a template with holes, kept once, so that an event keeps its holes.

A job says nearly the same run after run. The second event of one statement and state is compared with the first, token
by token: what differs is a hole. Of an event that fits, what is in the holes is enough: with the pieces between them it
is the body, byte for byte. One that does not fit makes a template with more holes, or is kept whole.
"""

from __future__ import annotations

import re
import struct
import uuid
from collections.abc import Iterator, Sequence
from datetime import MAXYEAR, MINYEAR, datetime
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

from . import ids
from .remembered import Remembered

REMEMBERED_BYTES = 12 << 20
"""How much text a process remembers, where the events of a statement have one shape."""
MAX_BODY_BYTES = 65_536
"""Larger bodies are kept whole: to compare two takes longer than a call should wait."""
MAX_HOLES = 100
LEAST_SHARE = 0.5
"""How much of a body has to be in the pieces between."""
SHAPES = 3
"""How many templates the events of one statement and state have at most."""
CREDIT, MISS = 64, 8
"""What a statement has at most, and what it loses by an event that is like none before; one that fits gives it 1 back.
Without credit its events are kept whole: looking for holes costs more than it saves."""

_TOKENS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\w.+-]+|[^"\w.+-]+|"')
_ANCHOR = 16
_UUID = re.compile(rb'"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"')
_LONG, _ANY_UUID, _SUBJECT, _TIME = 0xE0, 0xF0, 0xF1, 0xF2
"""How a hole begins that is not text of fewer than `_LONG` bytes: those begin with their length. `_TIME` is the event's
own in the first of `_TIME_FORMS`; the numbers after it stand for the other forms."""
_TIME_FORMS = (("auto", "+00:00"), ("auto", "Z"), ("milliseconds", "+00:00"), ("milliseconds", "Z"))
_LENGTH = struct.Struct(">I")
_BYTES = [bytes((number,)) for number in range(256)]


class Template:
    """The pieces of text between holes: one more than there are holes."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self.pieces = tuple(pieces)
        self.id = ids.hash64(b"body", *self.pieces)
        self._first, self._last = self.pieces[0], self.pieces[-1]
        self._between = [(piece[:_ANCHOR], piece, len(piece)) for piece in self.pieces[1:-1]]
        self._widths = [0] * len(self._between)

    def holes(self, body: bytes) -> list[bytes] | None:
        """What a body has in the holes; None where it does not fit."""
        if len(self.pieces) == 1:
            return [] if body == self._first else None
        if not (body.startswith(self._first) and body.endswith(self._last)):
            return None
        holes, place = [], len(self._first)
        for number, (anchor, piece, length) in enumerate(self._between):
            found = place + self._widths[number]
            if not body.startswith(piece, found):  # it is not as wide as it was last
                found = body.find(anchor, place)
                if not body.startswith(piece, found):
                    found = body.find(piece, place)
                if found < 0:
                    return None
                self._widths[number] = found - place
            holes.append(body[place:found])
            place = found + length
        end = len(body) - len(self._last)
        if place > end:
            return None
        holes.append(body[place:end])
        return holes

    def filled(self, holes: Sequence[bytes]) -> bytes:
        """The body that has this in the holes."""
        return b"".join(chain.from_iterable(zip(self.pieces, (*holes, b""), strict=True)))

    def widened(self, tokens: Sequence[bytes]) -> Template | None:
        """The template that a body of these tokens fits, too; None where there is none."""
        known: list[bytes | None] = []
        for piece in self.pieces:
            known += [*_TOKENS.findall(piece), None]
        return _template(known[:-1], tokens)


class Fitted(NamedTuple):
    """The template that a body fits, and what it has in the holes."""

    template: Template
    holes: list[bytes]


class Templates:
    """The templates that bodies made lately, by what they state and how their runs stand. Used by one loop."""

    def __init__(self) -> None:
        self._known: Remembered[_Shapes] = Remembered(REMEMBERED_BYTES)

    def fit(self, key: tuple[int, int], body: bytes) -> Fitted | None:
        """The template that a body fits; None where it is like none before. `key` is what it states, and the state."""
        if len(body) > MAX_BODY_BYTES:
            return None
        shapes = self._known.get(key)
        if shapes is None:
            shapes = self._known.put(key, _Shapes(), len(body))
        for template in shapes.templates:
            holes = template.holes(body)
            if holes is not None:
                break
        else:
            found = shapes.learn(body)
            if found is None:
                return None
            template, holes = found
        if shapes.credit < CREDIT:
            shapes.credit += 1
        return Fitted(template, holes)


class _Shapes:
    """What is known of the events of one statement and state: templates, and bodies that are like none of them."""

    __slots__ = ("bodies", "credit", "templates")

    def __init__(self) -> None:
        self.templates: list[Template] = []
        self.bodies: list[bytes] = []
        self.credit = CREDIT

    def learn(self, body: bytes) -> tuple[Template, list[bytes]] | None:
        """A template that a body fits from now on, and its holes; None where it is like nothing that came before."""
        if self.credit <= 0:
            return None
        if not self.templates and not self.bodies:
            self.bodies.append(body)
            return None
        tokens = _TOKENS.findall(body)
        for place, template in enumerate(self.templates):
            if (wider := template.widened(tokens)) and (holes := wider.holes(body)) is not None:
                self.templates[place] = wider
                return wider, holes
        for place, other in enumerate(self.bodies):
            if (made := _template(_TOKENS.findall(other), tokens)) and (holes := made.holes(body)) is not None:
                del self.bodies[place]
                self.templates = [made, *self.templates[: SHAPES - 1]]
                return made, holes
        self.bodies = [*self.bodies[1 - SHAPES :], body]
        self.credit -= MISS
        if self.credit <= 0:
            self.templates, self.bodies = [], []
        return None


def write_holes(holes: Sequence[bytes], subject: uuid.UUID, time: datetime) -> bytes:
    """The form in which holes are kept: what follows from the event's subject and time takes a byte."""
    parts: list[bytes] = []
    own = subject.bytes
    for hole in holes:
        length = len(hole)
        if length == 38 and (packed := _packed(hole)):
            parts.append(b"\xf1" if packed == own else b"\xf0" + packed)
        elif hole[11:12] == b"T" and (form := _time_form(hole, time)):
            parts.append(form)
        elif length < _LONG:
            parts.append(_BYTES[length] + hole)
        else:
            parts.append(b"\xe0" + _LENGTH.pack(length) + hole)
    return b"".join(parts)


def read_holes(data: bytes, subject: uuid.UUID, time: datetime) -> Iterator[bytes]:
    """Holes as they were before they were kept."""
    place = 0
    while place < len(data):
        code = data[place]
        place += 1
        if code < _LONG:
            yield data[place : place + code]
            place += code
        elif code == _LONG:
            (length,) = _LENGTH.unpack_from(data, place)
            place += _LENGTH.size
            yield data[place : place + length]
            place += length
        elif code == _ANY_UUID:
            yield b'"%b"' % str(uuid.UUID(bytes=data[place : place + 16])).encode()
            place += 16
        elif code == _SUBJECT:
            yield b'"%b"' % str(subject).encode()
        else:
            yield _time_text(time, code - _TIME)


def _template(known: Sequence[bytes | None], tokens: Sequence[bytes]) -> Template | None:
    """The template whose holes are where tokens differ, and where they are not known."""
    if len(tokens) != len(known):
        return None
    pieces: list[bytes] = []
    start = 0
    for place in [place for place, (one, other) in enumerate(zip(known, tokens, strict=True)) if one != other]:
        if place > start or not pieces:
            pieces.append(b"".join(tokens[start:place]))
        start = place + 1
    pieces.append(b"".join(tokens[start:]))
    if len(pieces) > MAX_HOLES + 1 or sum(map(len, pieces)) < sum(map(len, tokens)) * LEAST_SHARE:
        return None
    return Template(pieces)


@lru_cache(maxsize=4096)
def _packed(hole: bytes) -> bytes | None:
    """The bytes of a UUID in the usual form and in quotes."""
    return bytes.fromhex(hole[1:-1].decode().replace("-", "")) if _UUID.fullmatch(hole) else None


def _time_form(hole: bytes, time: datetime) -> bytes | None:
    if not MINYEAR < time.year < MAXYEAR:  # PostgreSQL gives infinities back for the last and first of times
        return None
    usual = _time_text(time, 0)
    if hole == usual:
        return _BYTES[_TIME]
    if hole[:20] != usual[:20]:
        return None
    return next((_BYTES[_TIME + form] for form in range(len(_TIME_FORMS)) if _time_text(time, form) == hole), None)


def _time_text(time: datetime, form: int) -> bytes:
    """The time, which is in UTC, as JSON text."""
    precision, zone = _TIME_FORMS[form]
    return f'"{time.isoformat(timespec=precision)[:-6]}{zone}"'.encode()
