"""Writes the chart's README: what values.yaml says of each value, as a table below what was written by hand.

python helm/chart_readme.py            writes helm/headwater/README.md
python helm/chart_readme.py --check    says whether it is as it would be written
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CHART = Path(__file__).parent / "headwater"
README = CHART / "README.md"
MARK = "<!-- what follows is written by `make chart` from values.yaml -->\n"
_LINE = re.compile(r"(?P<indent> *)(?P<key>[A-Za-z]+):(?: (?P<value>.+))?")


@dataclass(frozen=True, slots=True)
class Value:
    """One value: its path, what it is unless it is said, and what the comment above it says."""

    path: str
    default: str
    meaning: str


def values(text: str) -> Iterator[Value]:
    """What values.yaml tells; a part with values inside has no default. What stands inside of a default is none."""
    path: list[str] = []
    comment: list[str] = []
    lines = text.splitlines()
    inside = sys.maxsize
    for number, line in enumerate(lines):
        stripped = line.strip()
        depth = (len(line) - len(line.lstrip())) // 2
        if not stripped or depth > inside:
            comment = []
            continue
        if stripped.startswith("#"):
            comment.append(stripped.removeprefix("#").strip())
            continue
        found = _LINE.fullmatch(line)
        assert found, f"values.yaml has a line that cannot be told: {line}"
        path = [*path[:depth], found["key"]]
        value = found["value"] or ""
        inside = sys.maxsize
        if not value and (comment and _is_plain(lines, number, depth)):
            value, inside = _flow(lines, number, depth), depth
        yield Value(".".join(path), value, " ".join(comment))
        comment = []


def _below(lines: list[str], number: int, depth: int) -> list[str]:
    """The lines of a part."""
    found: list[str] = []
    for line in lines[number + 1 :]:
        if line.strip() and len(line) - len(line.lstrip()) <= depth * 2:
            break
        found.append(line)
    return found


def _is_plain(lines: list[str], number: int, depth: int) -> bool:
    """Whether a part has no comments inside: it is told as one value."""
    return not any(line.strip().startswith("#") for line in _below(lines, number, depth))


def _flow(lines: list[str], number: int, depth: int) -> str:
    return "{" + ", ".join(line.strip() for line in _below(lines, number, depth) if line.strip()) + "}"


def written(text: str) -> str:
    """The part of the README that tells the values."""
    parts = ["\n## Values\n"]
    told = list(values(text))
    for each in told:
        if "." not in each.path:
            parts.append(f"\n### {each.path}\n\n{_escaped(each.meaning)}\n")
            if any(other.path.startswith(f"{each.path}.") for other in told):
                parts.append("\n| value | default | meaning |\n|---|---|---|\n")
            elif each.default:
                parts.append(f"\nDefault: `{each.default}`\n")
        elif each.default or each.meaning:
            default = f"`{_escaped(each.default)}`" if each.default else ""
            parts.append(f"| `{each.path}` | {default} | {_escaped(each.meaning)} |\n")
    return "".join(parts)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> int:
    """Writes the README, or says that it is not as it would be written."""
    by_hand = README.read_text().partition(MARK)[0]
    text = by_hand + MARK + written((CHART / "values.yaml").read_text())
    if "--check" in sys.argv[1:]:
        if README.read_text() == text:
            return 0
        sys.stderr.write("helm/headwater/README.md differs from values.yaml: run make chart\n")
        return 1
    README.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
