"""How the installed programs end."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

PROGRAMS: dict[str, str] = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"][
    "scripts"
]
ENDS = {
    "headwater": (["completion", "bash"], 0),
    "headwater-emitter": (["status", "--health-address", "127.0.0.1:1"], 1),
    "headwater-operator": (["rbac"], 0),
    "headwater-server": (["check", "--data-dir", "/nowhere"], 0),
}
"""What a program can be told that ends by itself, and with which status."""
TAKEN_APART = "Python is taken apart"


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_ends_whole_and_is_not_taken_apart(name: str) -> None:
    arguments, status = ENDS[name]
    module, _, entry = PROGRAMS[name].partition(":")
    code = (
        f"import atexit, sys; atexit.register(print, {TAKEN_APART!r}); sys.argv[:] = {[name, *arguments]}; "
        f"from {module} import {entry}; sys.exit({entry}())"
    )
    done = subprocess.run([sys.executable, "-c", code], env={}, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    assert TAKEN_APART not in done.stdout
    assert done.stdout or done.stderr, "what it said is lost"


def test_what_cannot_be_written_is_told() -> None:
    code = "import sys; from headwater.program.ending import run_and_end; print('words'); run_and_end(lambda: 0)"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", code], env={}, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 120
    assert "No space left" in done.stderr
