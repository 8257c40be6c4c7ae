"""What the project's package promises to those who install it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import warnings
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())


def version_of(package: str, requirements: list[str]) -> str:
    """The version in the requirement of one package."""
    found = [match[1] for text in requirements if (match := re.fullmatch(rf"{package}[=>]=(.+)", text))]
    return found[0]


@pytest.mark.parametrize("folder", PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
def test_a_package_can_be_imported(folder: str) -> None:
    subprocess.run([sys.executable, "-W", "error", "-c", f"import {Path(folder).name}"], cwd="/", check=True)


def test_the_generator_is_the_oldest_runtime_that_is_allowed() -> None:
    generator = version_of("grpcio-tools", PROJECT["project"]["optional-dependencies"]["dev"])
    assert version_of("grpcio", PROJECT["project"]["dependencies"]) == generator


def test_the_oldest_protobuf_that_is_allowed_runs_the_stubs() -> None:
    stubs = sorted((ROOT / "client" / "headwater" / "v1").glob("*_pb2.py"))
    needed = {
        tuple(map(int, match.groups()))
        for stub in stubs
        if (match := re.search(r"ValidateProtobufRuntimeVersion\(\s*\S+,\s*(\d+),\s*(\d+),\s*(\d+)", stub.read_text()))
    }
    oldest = version_of("protobuf", PROJECT["project"]["dependencies"])
    assert needed == {tuple(map(int, oldest.split(".")))}


def test_the_stubs_compile_without_a_warning() -> None:
    # A backslash in a comment of the contract becomes a wrong escape in a docstring of its stub.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for stub in sorted((ROOT / "client" / "headwater" / "v1").glob("*.py*")):
            compile(stub.read_text(), stub, "exec")
