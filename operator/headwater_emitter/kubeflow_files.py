"""Reads what a task of Kubeflow Pipelines leaves in its volumes. Nothing is written; what vanishes or grows meanwhile
is no failure."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .kubeflow_outputs import Content, Found, NoMetadata, Noted, read_noted
from .pod import KubeflowTask

MAX_METADATA_BYTES = 8 << 20
MAX_PARAMETER_BYTES = 1 << 20
MAX_FILES = 100_000
PIECE_BYTES = 1 << 20

Stamp = tuple[tuple[str, int, int], ...]


@dataclass(slots=True)
class Budget:
    """How much may still be read of all outputs of a task, and until when (of `time.monotonic`)."""

    left_bytes: int
    deadline: float

    @property
    def is_late(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() > self.deadline


class Exhausted(Exception):
    """There is no budget for more; `str()` says of what."""


def stamp_of(task: KubeflowTask) -> Stamp:
    """What tells whether the files that say something of a task changed; costs a few calls to the system."""
    paths = [*([task.metadata_path] if task.metadata_path else []), *task.parameters.values()]
    found = []
    for path in paths:
        with suppress(OSError):
            status = path.stat()
            found.append((str(path), status.st_mtime_ns, status.st_size))
    return tuple(found)


def find_noted(task: KubeflowTask) -> tuple[Noted, int] | None:
    """What the executor noted, and when; None where it has not, or not yet all of it."""
    if task.metadata_path is None:
        return None
    try:
        with task.metadata_path.open("rb") as file:
            text = file.read(MAX_METADATA_BYTES + 1)
            time_ns = os.fstat(file.fileno()).st_mtime_ns
        return read_noted(text), time_ns
    except (OSError, NoMetadata):
        return None


def find_outputs(task: KubeflowTask, budget: Budget, *, is_last: bool) -> Found | None:
    """What a task left; None where it has left nothing that can be told yet.

    An executor that ends well notes it; without such a note only parameters are told, and only at the end: they may
    still be written. The order of files and the time are those of the files, so a second look finds the same.
    """
    found = find_noted(task)
    if found is None:
        parameters = _read_parameters(task.parameters) if is_last else {}
        return Found(_last_change(task), None, parameters) if parameters else None
    noted, time_ns = found
    contents = {}
    for each in task.artifacts:
        content = measure(each.path, budget)
        if content is not None:
            contents[each.name] = content
    return Found(time_ns, noted, _read_parameters(task.parameters), contents)


def measure(path: Path, budget: Budget) -> Content | None:
    """The content of a file or folder; None where there is none.

    A folder's SHA-256 is that of a line for each of its files, `SHA-256  path`, in the order of their paths. Links are
    not followed: they may lead out of the output.
    """
    try:
        status = path.lstat()
    except OSError:
        return None
    try:
        if stat.S_ISREG(status.st_mode):
            return _measure_files([(path, "", status.st_size)], budget, is_folder=False)
        if stat.S_ISDIR(status.st_mode):
            return _measure_files(sorted(_files(path, budget), key=lambda each: each[1]), budget, is_folder=True)
    except Exhausted as error:
        return Content(0, 0, left_out=str(error))
    except OSError as error:
        return Content(0, 0, left_out=f"cannot be read: {error.strerror}")
    return None


def _measure_files(files: list[tuple[Path, str, int]], budget: Budget, *, is_folder: bool) -> Content:
    size = sum(each[2] for each in files)
    whole = hashlib.sha256()
    digest = ""
    try:
        if size > budget.left_bytes:
            raise Exhausted(f"has {size} bytes; {budget.left_bytes} more are read of one task")
        for path, name, _ in files:
            digest = _hash(path, budget)
            whole.update(f"{digest}  {name}\n".encode(errors="surrogateescape"))
    except Exhausted as error:
        return Content(size, len(files), left_out=str(error))
    except OSError as error:
        return Content(size, len(files), left_out=f"cannot be read: {error.strerror}")
    return Content(size, len(files), whole.hexdigest() if is_folder else digest)


def _hash(path: Path, budget: Budget) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            budget.left_bytes -= len(piece)
            if budget.left_bytes < 0:
                raise Exhausted("grew while it was read")
            if budget.is_late:
                raise Exhausted("took too long to read")
            digest.update(piece)
    return digest.hexdigest()


def _files(folder: Path, budget: Budget) -> Iterator[tuple[Path, str, int]]:
    """The files of a folder: path, path inside of it, and size."""
    count = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            status = path.lstat()
            if not stat.S_ISREG(status.st_mode):
                continue
            count += 1
            if count > MAX_FILES or budget.is_late:
                raise Exhausted(f"has more than {MAX_FILES} files" if count > MAX_FILES else "took too long to list")
            yield path, str(path.relative_to(folder)), status.st_size


def _read_parameters(files: Mapping[str, Path]) -> dict[str, str]:
    found = {}
    for name, path in files.items():
        with suppress(OSError), path.open("rb") as file:
            found[name] = file.read(MAX_PARAMETER_BYTES).decode(errors="replace")
    return found


def _last_change(task: KubeflowTask) -> int:
    return max((time_ns for _, time_ns, _ in stamp_of(task)), default=0)
