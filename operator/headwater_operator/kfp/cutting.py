"""Very long values, cut to what is worth keeping of them: so much memory does an object take, and no more.

What was cut says how long it was, and is not cut again: cutting twice is cutting once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

_LONGEST_VALUE = 10_000
_LONGEST_TOGETHER = 20_000
_SHORTEST_CUT = 200
_MARK = re.compile(r"\.\.\. \((?P<length>\d+) characters\)$")


def cut_values(values: Mapping[str, Any]) -> dict[str, str]:
    """Values as text in the order of their names, a very long one cut; where they are very long together, the long ones
    among them are cut shorter."""
    texts = {key: _text(value) for key, value in sorted(values.items())}
    longest = _LONGEST_VALUE
    if sum(min(_kept(text)[0], longest) for text in texts.values()) > _LONGEST_TOGETHER:
        longest = max(_SHORTEST_CUT, _LONGEST_TOGETHER // len(texts))
    return {key: _cut(text, longest) for key, text in texts.items()}


def cut_metadata(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    """An artifact's metadata, its values cut to text where they are very long; the others as they are."""
    if sum(len(_text(value)) for value in metadata.values()) <= _LONGEST_VALUE:
        return metadata
    texts = cut_values(metadata)
    return {key: value if texts[key] == _text(value) else texts[key] for key, value in metadata.items()}


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _kept(text: str) -> tuple[int, int]:
    """How much of a text is left, and how long it was."""
    mark = _MARK.search(text, max(0, len(text) - 40))
    if mark is None or int(mark["length"]) <= mark.start():
        return len(text), len(text)
    return mark.start(), int(mark["length"])


def _cut(text: str, longest: int) -> str:
    kept, length = _kept(text)
    return text if kept <= longest else f"{text[:longest]}... ({length} characters)"
