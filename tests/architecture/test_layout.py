"""The layout of the sources: roots that are no packages, files of a size to read, names that say something."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE_ROOTS = ("client", "server", "operator")
LONGEST_FILE = 500
LONGEST_FUNCTION = 40
VAGUE = {"base", "common", "helper", "helpers", "manager", "misc", "util", "utils"}


def hand_written(*folders: str) -> list[Path]:
    """The Python files of some folders, without generated ones."""
    files = [file for folder in folders for file in sorted((ROOT / folder).rglob("*.py"))]
    return [file for file in files if "_pb2" not in file.name and "node_modules" not in file.parts]


def named(files: list[Path]) -> list[object]:
    return [pytest.param(file, id=str(file.relative_to(ROOT))) for file in files]


@pytest.mark.parametrize("root", SOURCE_ROOTS)
def test_a_source_root_is_no_package(root: str) -> None:
    assert not (ROOT / root / "__init__.py").exists(), "operator/__init__.py would hide the standard library's operator"


@pytest.mark.parametrize("name", ["README.md", "LICENSE", "Makefile", "pyproject.toml", ".ci/run"])
def test_the_project_has_its_front_pages(name: str) -> None:
    assert (ROOT / name).is_file()


@pytest.mark.parametrize("file", named(hand_written(*SOURCE_ROOTS, "tests", "bench")))
def test_a_file_can_be_read_at_a_sitting(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("file", named(hand_written(*SOURCE_ROOTS, "tests", "bench")))
def test_a_module_is_named_after_what_it_holds(file: Path) -> None:
    words = {word for part in file.relative_to(ROOT).with_suffix("").parts for word in part.split("_")}
    assert not words & VAGUE


@pytest.mark.parametrize("file", named(hand_written(*SOURCE_ROOTS)))
def test_a_module_says_what_it_is(file: Path) -> None:
    assert ast.get_docstring(ast.parse(file.read_text()))


@pytest.mark.parametrize(
    "file", named([file for file in hand_written(*SOURCE_ROOTS) if file.parent.name != "versions"])
)
def test_a_function_can_be_seen_at_once(file: Path) -> None:
    functions = [
        node
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    lengths = {node.name: (node.end_lineno or node.lineno) - node.lineno + 1 for node in functions}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}
