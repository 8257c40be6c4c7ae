"""What becomes of processes that do not stay, with programs in their place that end as they are told."""

from __future__ import annotations

import asyncio
import logging
import sys
from pathlib import Path

import pytest

from headwater_server.config import Settings, parse_settings
from headwater_server.processes import ProcessEnded, parent, serving

ONCE_READY = """
import pathlib, sys
starts = pathlib.Path({starts!r})
with starts.open("a") as file:
    file.write("+")
if len(starts.read_text()) == 1:
    print("ready", flush=True)
sys.exit({status})
"""
DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    addresses = ["--grpc-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0"]
    return parse_settings(["--processes", "1", "--dsn", "postgresql://nowhere/db", *addresses], {"HOME": str(tmp_path)})


def is_instead(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setattr(parent, "COMMAND", (sys.executable, "-c", code))
    monkeypatch.setattr(parent, "LONGEST_PAUSE_SECONDS", 0.01)


async def test_a_server_whose_process_does_not_start_says_so(
    monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    is_instead(monkeypatch, "import sys; sys.exit(7)")
    with pytest.raises(ProcessEnded, match="process 0 ended with 7 before it was ready"):
        async with serving(settings):
            pytest.fail("it is not ready")


async def test_a_process_that_is_never_ready_again_ends_the_server(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    starts = tmp_path / "starts"
    is_instead(monkeypatch, ONCE_READY.format(starts=str(starts), status=3))
    with caplog.at_level(logging.ERROR):
        async with asyncio.timeout(60), serving(settings) as processes:
            with pytest.raises(ProcessEnded, match="process 0 ended with 3"):
                await processes.failed()
    assert len(starts.read_text()) == 1 + parent.MOST_FAILURES
    assert "process 0 ended with 3 and is started again in 0 s" in caplog.text
    assert "process 0 ended with 3 and is started again in 0.01 s" in caplog.text


async def test_a_process_that_does_not_end_is_killed(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    is_instead(monkeypatch, DEAF)
    monkeypatch.setattr(parent, "SPARE_SECONDS", -settings.drain_timeout_seconds + 0.1)
    async with asyncio.timeout(60), serving(settings):
        pass
    assert "did not end in time" in caplog.text
