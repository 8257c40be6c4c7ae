"""Files of OpenLineage events: one object, an array, or a line each; plain or gzip. Events keep their bytes.

What a file's structure makes of it is decided here; what an event means is the server's to judge.
"""

import gzip
import json
import re
import zlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from typing import NamedTuple

_GZIP = b"\x1f\x8b"
_SPACE = re.compile(r"\s*")
# Numbers stay text: only where a value ends matters.
_decoder = json.JSONDecoder(parse_int=str, parse_float=str)


class BadFile(ValueError):
    """Says that a file holds no events that could be told apart."""


class FoundEvent(NamedTuple):
    """Is an event, and where in its file it stands."""

    place: str
    text: bytes


def read_events(file: BufferedReader) -> Iterator[FoundEvent]:
    """Gives the events of a file. Raises BadFile, after the events before the fault where the file has a line for each.

    >>> [event.place for event in read_events(BufferedReader(BytesIO(b'[{"a": 1}, {"b": 2}]')))]
    ['event 1', 'event 2']
    """
    with _faults_named():
        stream = gzip.GzipFile(fileobj=file) if file.peek(2).startswith(_GZIP) else file
        first, skipped = _first_line(stream)
        if _is_object(first):
            yield FoundEvent(f"line {skipped + 1}", first)
            for number, each in enumerate(stream, skipped + 2):
                if text := each.strip():
                    yield FoundEvent(f"line {number}", text)
        elif first:
            values = split_values((first + b"\n" + stream.read()).decode())
            yield from (FoundEvent(f"event {number}", text.encode()) for number, text in enumerate(values, 1))


def split_values(text: str) -> Iterator[str]:
    """Gives the values of a JSON text, one after the other, and those of its arrays, each as it is written.

    Raises ValueError where the text is not JSON.
    """
    at = _after_space(text, 0)
    while at < len(text):
        if text[at] == "[":
            at = yield from _items(text, at)
        else:
            end = _decoder.raw_decode(text, at)[1]
            yield text[at:end]
            at = end
        at = _after_space(text, at)


def _items(text: str, at: int) -> Generator[str, None, int]:
    """Gives the items of the array that begins at `at`; returns where it ends."""
    at = _after_space(text, at + 1)
    if text[at : at + 1] == "]":
        return at + 1
    while True:
        end = _decoder.raw_decode(text, at)[1]
        yield text[at:end]
        at = _after_space(text, end)
        if text[at : at + 1] == "]":
            return at + 1
        if text[at : at + 1] != ",":
            raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
        at = _after_space(text, at + 1)


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None
    return match.end()


def _first_line(stream: Iterable[bytes]) -> tuple[bytes, int]:
    """Gives the first line that is not empty, and how many stood before it."""
    for skipped, each in enumerate(stream):
        if text := each.removeprefix(b"\xef\xbb\xbf").strip():
            return text, skipped
    return b"", 0


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line, parse_int=str, parse_float=str), dict)
    except (ValueError, RecursionError):
        return False


@contextmanager
def _faults_named() -> Iterator[None]:
    try:
        yield
    except json.JSONDecodeError as error:
        raise BadFile(f"is not JSON: {error}") from None
    except RecursionError:
        raise BadFile("is not JSON that can be read: it is nested too deep") from None
    except UnicodeDecodeError as error:
        raise BadFile(f"is not UTF-8: {error}") from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise BadFile(f"is damaged gzip: {error}") from None
