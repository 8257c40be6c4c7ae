"""The `headwater-server` command, as a process."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from headwater_server.cli import main

COMMAND = [sys.executable, "-m", "headwater_server.cli"]
ANYWHERE = ["--grpc-address", "127.0.0.1:0", "--http-address", "127.0.0.1:0"]


class Process:
    """A server in a process of its own."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def first_line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().rstrip()

    def end(self, sign: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(sign)
        _, log = self.process.communicate(timeout=60)
        return self.process.returncode, log


@pytest.fixture
def started() -> Iterator[list[Process]]:
    """Processes that are ended with the test."""
    processes: list[Process] = []
    yield processes
    for each in processes:
        each.process.kill()
        each.process.communicate()


def test_it_serves_until_a_signal_and_keeps_what_it_took(started: list[Process], tmp_path: Path) -> None:
    event = b'{"eventTime":"2026-01-01T00:00:00Z","job":{"namespace":"a","name":"b"}}'
    for sign in (signal.SIGTERM, signal.SIGINT):
        process = Process("serve", "--data-dir", str(tmp_path / "home"), *ANYWHERE)
        started.append(process)
        ready = re.fullmatch(r"headwater-server ready grpc=(127\.0\.0\.1:\d+) http=(\S+)", process.first_line())
        assert ready
        url = f"http://{ready[2]}"
        assert httpx.post(f"{url}/api/v1/lineage", content=event).status_code == 201
        assert httpx.get(f"{url}/api/v1/show/a/b").json()["displayName"] == "b"
        status, log = process.end(sign)
        assert status == 0, log
        assert "Traceback" not in log
        assert " INFO headwater_server." in log


def test_two_servers_do_not_share_an_address(started: list[Process], database: str) -> None:
    first = Process("serve", "--dsn", database, *ANYWHERE)
    started.append(first)
    grpc, http = (word.partition("=")[2] for word in first.first_line().split()[-2:])
    for flag, address in (("--grpc-address", grpc), ("--http-address", http)):
        result = run("serve", "--dsn", database, *ANYWHERE, flag, address)
        assert (result.returncode, result.stdout) == (1, "")
        assert f"cannot listen on {address}" in result.stderr
        assert "Traceback" not in result.stderr


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("flag", ["--grpc-address", "--http-address"])
def test_it_does_not_let_in_other_machines_unless_it_is_told_to(
    flag: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", "--data-dir", str(tmp_path), flag, "0.0.0.0:0"]) == 1
    error = capsys.readouterr().err
    assert f"{flag}=0.0.0.0:0: can be reached from other machines" in error
    assert "--allow-anonymous=true" in error
    assert "--allow-plaintext=true" in error
    assert not list(tmp_path.iterdir())


def test_it_lets_in_other_machines_when_it_is_told_to(started: list[Process], database: str) -> None:
    open_to_all = ["--grpc-address", "0.0.0.0:0", "--http-address", "[::]:0"]
    process = Process("serve", "--dsn", database, *open_to_all, "--allow-anonymous=true", "--allow-plaintext=true")
    started.append(process)
    assert re.fullmatch(r"headwater-server ready grpc=0\.0\.0\.0:\d+ http=\[::\]:\d+", process.first_line())
    assert process.end()[0] == 0


def test_all_mistakes_in_settings_are_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--grpc-address", "nowhere", "--rejected-days", "few"]) == 2
    error = capsys.readouterr().err
    assert "--grpc-address" in error
    assert "--rejected-days" in error


def test_migrate_makes_the_schema_and_check_tells_whether_it_fits(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "--dsn", database]) == 0
    assert main(["migrate", "--dsn", database]) == 0
    assert capsys.readouterr().out.splitlines() == ["the store fits this build", "the schema fits this build"]


def test_check_says_that_the_store_is_away_and_shows_no_password(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--dsn", "postgresql://me:hush@127.0.0.1:1/db"]) == 1
    error = capsys.readouterr().err
    assert "the store does not answer" in error
    assert "hush" not in error


def test_check_without_a_dsn_says_where_the_data_would_be(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["check", "--data-dir", str(tmp_path)]) == 0
    assert str(tmp_path) in capsys.readouterr().out


def test_it_tells_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    assert re.fullmatch(r"headwater-server \d+\.\d+\.\d+\n", capsys.readouterr().out)
