"""What a command line runs: the script, its hash, and the commit that it is from. Secrets in it are left out."""

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

GIT_SECONDS = 2.0
HIDDEN = "***"

_INTERPRETER = re.compile(r"(ba|da|k|z|fi)?sh|(python|pypy|perl|ruby|node|php|Rscript|julia)[\d.]*")
_NO_FILE = ("-c", "-e", "-m")
_SECRET = re.compile(r"passw|passphrase|secret|token|api-?_?key|private-?_?key|credential", re.IGNORECASE)
_USER = re.compile(r"(://[^/@\s:]*):[^/@\s]+@")


def script_of(command: Sequence[str]) -> Path | None:
    """Finds the file that a command line runs: the program, or the script that it gives to an interpreter."""
    program = shutil.which(command[0])
    if program is None:
        return None
    if not _INTERPRETER.fullmatch(Path(program).name):
        return Path(program).resolve()
    for word in command[1:]:
        if word in _NO_FILE:
            return None
        if not word.startswith("-"):
            path = Path(word)
            return path.resolve() if path.is_file() else None
    return None


def sha256_of(file: Path) -> str:
    """Hashes a file. Raises OSError."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def without_secrets(words: Iterable[str]) -> Iterator[str]:
    """Leaves out the values of options that are called after secrets, and the passwords of URLs.

    >>> list(without_secrets(["--token", "abc", "--db-password=x", "postgres://me:pw@db/shop"]))
    ['--token', '***', '--db-password=***', 'postgres://me:***@db/shop']
    """
    hides_next = False
    for word in words:
        name, equals, _ = word.partition("=")
        is_secret = bool(_SECRET.search(name)) and (bool(equals) or name.startswith("-"))
        if hides_next and not word.startswith("-"):
            yield HIDDEN
        elif is_secret and equals:
            yield f"{name}={HIDDEN}"
        else:
            yield _USER.sub(rf"\1:{HIDDEN}@", word)
        hides_next = is_secret and not equals


def code_location(script: Path | None) -> dict[str, str]:
    """Gives the `sourceCodeLocation` facet of a script, or of the current folder; empty where neither is under git."""
    folder = script.parent if script else Path.cwd()
    found = _git(folder, "rev-parse", "--show-toplevel", "HEAD").splitlines()
    if len(found) != 2:
        return {}
    top, commit = found
    if script and not _git(folder, "ls-files", "--", str(script)):
        return {}
    repository = _USER.sub(r"\1@", _git(folder, "config", "--get", "remote.origin.url"))
    path = script.relative_to(top).as_posix() if script and script.is_relative_to(top) else ""
    branch = _git(folder, "rev-parse", "--abbrev-ref", "HEAD")
    said = {
        "type": "git",
        "url": _web_address(repository, commit, path) or f"file://{top}/{path}",
        "repoUrl": repository,
        "path": path,
        "version": commit,
        "branch": branch if branch != "HEAD" else "",
    }
    return {name: value for name, value in said.items() if value}


def has_changes(script: Path | None) -> bool:
    """Whether tracked files differ from the commit, so that the commit alone does not say what ran."""
    return bool(_git(script.parent if script else Path.cwd(), "status", "--porcelain", "--untracked-files=no"))


def _web_address(repository: str, commit: str, path: str) -> str:
    match = re.fullmatch(
        r"(?:https?://(?:[^@/]*@)?|ssh://(?:[^@/]*@)?|[^@/]+@)([^/:]+)[:/](.+?)(?:\.git)?/?", repository
    )
    return f"https://{match[1]}/{match[2]}/blob/{commit}/{path}" if match else ""


def _git(folder: Path, *words: str) -> str:
    """Asks git; empty where it has no answer."""
    command = ["git", "-C", str(folder), *words]
    # Without the lock, a question of ours never stands in the way of a git command of the job's.
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(  # noqa: S603
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=GIT_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode(errors="replace").strip()
