"""Gives each producer of events a virtual environment of its own, as it would have in real life.

An environment is made from the producer's `requirements.txt` the first time it is asked for, kept under
`.integrations/`, and made anew when the requirements or the Python change. It knows nothing about lineage.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".integrations"
FOREIGN_SETTINGS = ("AIRFLOW_", "DBT_", "OPENLINEAGE_", "PYTHON")


@dataclass(frozen=True)
class Environment:
    """A virtual environment with one producer in it."""

    home: Path

    def run(self, program: str, *arguments: str, cwd: Path, settings: dict[str, str]) -> int:
        """Runs a program of the environment to its end and returns its exit code; what it prints is the test's output.

        The program gets `settings` and the caller's environment, except what would set up another producer; its home is
        `cwd`, so that a developer's own configuration does not reach it.
        """
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN_SETTINGS)}
        path = os.pathsep.join([str(self.home / "bin"), os.environ["PATH"]])
        command = [str(self.home / "bin" / program), *arguments]
        own = {"HOME": str(cwd), "PATH": path, "VIRTUAL_ENV": str(self.home)}
        return subprocess.run(command, cwd=cwd, env=inherited | own | settings, check=False).returncode


def environment(name: str) -> Environment:
    """Returns the environment of the producer in the folder `name`, and makes it if it is not there yet."""
    requirements = HERE / name / "requirements.txt"
    made_from = requirements.read_bytes() + sys.version.encode()
    home = CACHE / f"{name}-{hashlib.sha256(made_from).hexdigest()[:12]}"
    complete = home / "complete"
    if not complete.exists():
        _hide_from_git()
        _remove_older(name)
        venv.create(home, with_pip=True)
        install = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--requirement", str(requirements)]
        subprocess.run(install, check=True)
        complete.touch()
    return Environment(home)


def _hide_from_git() -> None:
    CACHE.mkdir(exist_ok=True)
    (CACHE / ".gitignore").write_text("*\n")


def _remove_older(name: str) -> None:
    """Removes what was made from other requirements, or was not made to the end."""
    for home in CACHE.glob(f"{name}-*"):
        shutil.rmtree(home)
