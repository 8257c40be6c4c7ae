"""What the command's tests share: a fake server, and the command called in this process or in one of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

import pytest

from headwater_cli.main import main

from .fake_server import FakeServer

PROGRAM = [sys.executable, "-m", "headwater_cli.main"]
NOWHERE = "127.0.0.1:1"


class Outcome(NamedTuple):
    """Is how a call of the command ended."""

    code: int
    out: str
    err: str


Headwater: TypeAlias = Callable[..., Outcome]


@pytest.fixture(autouse=True, scope="session")
def _no_signals_ignored() -> None:
    """Programs inherit what is ignored: by `nohup`, or by a shell that starts the tests in the background."""
    for sign, handler in {
        signal.SIGHUP: signal.SIG_DFL,
        signal.SIGQUIT: signal.SIG_DFL,
        signal.SIGINT: signal.default_int_handler,
    }.items():
        if signal.getsignal(sign) is signal.SIG_IGN:
            signal.signal(sign, handler)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for variable in list(os.environ):
        if variable.startswith(("HEADWATER_", "OPENLINEAGE_", "FORCE_COLOR", "NO_COLOR")):
            monkeypatch.delenv(variable)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    with FakeServer() as running:
        yield running


@pytest.fixture
def headwater(fake: FakeServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Headwater:
    """Calls the command in this process, with the fake server's address in the environment."""
    monkeypatch.setenv("HEADWATER_ADDRESS", fake.address)

    def call(*words: str) -> Outcome:
        capsys.readouterr()
        code = main(words)
        return Outcome(code, *capsys.readouterr())

    return call


def start(*words: str, **options: object) -> subprocess.Popen[str]:
    """Starts the command in a process of its own."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*PROGRAM, *words], **{**pipes, **options})  # type: ignore[call-overload,no-any-return]


def wait_until(is_so: Callable[[], object]) -> None:
    """Looks again and again, for 20 s at the most."""
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)
