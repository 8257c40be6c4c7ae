"""What could not be told while the server was away waits on this machine, and is told later."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from headwater.v1 import event_pb2 as pb

from .conftest import NOWHERE, PROGRAM, Headwater, start, wait_until
from .fake_server import FakeServer

AWAY = (grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE", "the store is away")
RUN_ID = "01936893-9a0b-7c11-a7f5-0d2a4c1f5e77"


@pytest.fixture
def _inside_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_RUN_ID", RUN_ID)
    monkeypatch.setenv("HEADWATER_JOB", "nightly/load")


def run(*words: str, address: str, timeout: str = "30") -> subprocess.CompletedProcess[str]:
    command = [*PROGRAM, "run", "--address", address, "--timeout", timeout, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def spools(tmp_path: Path) -> list[Path]:
    """Gives the files in which something waits."""
    return sorted((tmp_path / "state" / "headwater" / "spool").rglob("*.spool"))


def jobs(fake: FakeServer) -> list[tuple[str, str]]:
    """Gives the job and the type of each event, in the order of the events' times."""
    events = sorted(fake.run_events(), key=lambda event: event.event_time.ToNanoseconds())
    return [(event.job.name, pb.EventType.Name(event.event_type).removeprefix("EVENT_TYPE_")) for event in events]


def test_a_run_is_told_by_the_next_one(fake: FakeServer, tmp_path: Path) -> None:
    fake.failure = AWAY
    first = run("--job", "nightly/first", "--", "sh", "-c", "exit 3", address=fake.address)
    assert first.returncode == 3
    (file,) = spools(tmp_path)
    assert first.stderr.startswith("headwater: the end of this run is not reported yet: ")
    assert first.stderr.endswith(f"; it waits in {file} for the next headwater run, emit or send\n")
    assert len(first.stderr.splitlines()) == 1
    fake.failure = None
    second = run("--job", "nightly/second", "--", "true", address=fake.address)
    assert (second.returncode, second.stderr) == (0, "")
    assert jobs(fake) == [("first", "START"), ("first", "FAIL"), ("second", "START"), ("second", "COMPLETE")]
    assert spools(tmp_path) == []


def test_a_run_is_kept_where_the_server_never_answers(fake: FakeServer, tmp_path: Path) -> None:
    fake.may_answer.clear()
    done = run("--", "true", address=fake.address, timeout="1")
    assert done.returncode == 0
    assert "not reported yet" in done.stderr
    assert len(spools(tmp_path)) == 1


def test_a_run_is_kept_where_a_signal_ends_the_wait(fake: FakeServer, tmp_path: Path) -> None:
    fake.may_answer.clear()
    with start("run", "--address", fake.address, "--timeout", "40", "--", "true") as process:
        wait_until(lambda: len(fake.requests) == 2)
        process.terminate()
        assert process.wait(30) == 0
    assert len(spools(tmp_path)) == 1


def test_a_strict_run_fails_and_is_kept(fake: FakeServer, tmp_path: Path) -> None:
    words = ("run", "--strict", "--timeout", "2", "--address", fake.address, "--", "sh", "-c", "echo ready; read line")
    with start(*words, stdin=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        fake.failure = AWAY
        process.communicate("\n", timeout=30)
    assert process.returncode == 1
    assert len(spools(tmp_path)) == 1


def test_what_the_server_refused_is_not_kept(fake: FakeServer, tmp_path: Path) -> None:
    run("--job", "x/refused", "--", "true", address=fake.address)
    assert spools(tmp_path) == []


def test_runs_at_the_same_time_keep_files_of_their_own(fake: FakeServer, headwater: Headwater, tmp_path: Path) -> None:
    fake.failure = AWAY
    words = ("run", "--address", fake.address, "--timeout", "1", "--", "true")
    processes = [start(*words) for _ in range(4)]
    for process in processes:
        with process:
            process.communicate(timeout=60)
    assert spools(tmp_path)
    fake.failure = None
    assert headwater("send", "--spooled").out == "8 events waited: 8 sent, 0 rejected, 0 left\n"
    assert len(fake.events) == 8
    assert spools(tmp_path) == []


@pytest.mark.usefixtures("_inside_a_run")
def test_what_is_added_to_a_run_is_told_by_the_next_call(
    fake: FakeServer, headwater: Headwater, tmp_path: Path
) -> None:
    fake.failure = AWAY
    assert "not reported yet" in headwater("emit", "--reads", "s3://a/1").err
    assert "not reported yet" in headwater("emit", "--reads", "s3://a/2").err
    fake.failure = None
    assert headwater("emit", "--reads", "s3://a/3") == (0, "", "")
    assert sorted(event.inputs[0].dataset.name for event in fake.run_events()) == ["1", "2", "3"]
    assert spools(tmp_path) == []


@pytest.mark.usefixtures("_inside_a_run")
def test_what_a_strict_call_was_told_no_for_is_not_kept(fake: FakeServer, headwater: Headwater, tmp_path: Path) -> None:
    fake.failure = AWAY
    assert headwater("emit", "--strict", "--reads", "s3://a/1").code == 5
    assert spools(tmp_path) == []


@pytest.mark.usefixtures("_inside_a_run")
def test_sending_a_file_sends_what_waits_too(fake: FakeServer, headwater: Headwater, tmp_path: Path) -> None:
    fake.failure = AWAY
    headwater("emit", "--reads", "s3://a/1")
    fake.failure = None
    (tmp_path / "a.json").write_text('{"job": 1}')
    assert headwater("send", str(tmp_path / "a.json")).out == "1 event sent: 1 accepted, 0 duplicate, 0 rejected\n"
    assert len(fake.events) == 2


@pytest.mark.usefixtures("_inside_a_run")
def test_what_waits_for_another_server_is_not_sent_to_this_one(
    fake: FakeServer, headwater: Headwater, tmp_path: Path
) -> None:
    headwater("emit", "--reads", "s3://a/1", "--address", NOWHERE, "--timeout", "1")
    assert headwater("send", "--spooled") == (0, "0 events waited: 0 sent, 0 rejected, 0 left\n", "")
    assert fake.events == []
    assert len(spools(tmp_path)) == 1


@pytest.mark.usefixtures("_inside_a_run")
def test_where_the_server_is_still_away_what_waits_goes_on_waiting(
    fake: FakeServer, headwater: Headwater, tmp_path: Path
) -> None:
    fake.failure = AWAY
    headwater("emit", "--reads", "s3://a/1")
    outcome = headwater("send", "--spooled", "-o", "json")
    assert outcome.code == 5
    assert json.loads(outcome.out) == {"sent": 0, "rejected": 0, "left": 1, "rejections": []}
    assert "the store is away" in outcome.err
    assert len(spools(tmp_path)) == 1


@pytest.mark.usefixtures("_inside_a_run")
@pytest.mark.parametrize(
    "send",
    [
        pytest.param(lambda headwater: headwater("send", "--spooled"), id="send"),
        pytest.param(lambda headwater: headwater("emit", "--reads", "s3://a/2"), id="emit"),
    ],
)
def test_a_refusal_of_what_waited_is_told_once(
    fake: FakeServer,
    headwater: Headwater,
    monkeypatch: pytest.MonkeyPatch,
    send: Callable[[Headwater], tuple[str, ...]],
) -> None:
    fake.failure = AWAY
    with monkeypatch.context() as other_job:
        other_job.setenv("HEADWATER_JOB", "nightly/refused")
        headwater("emit", "--reads", "s3://a/1")
    fake.failure = None
    assert "job.name is refused: choose another (INVALID_EVENT)" in send(headwater).err
    assert headwater("send", "--spooled").err == ""


@pytest.mark.usefixtures("_inside_a_run")
def test_a_refusal_is_told_after_a_command_too(
    fake: FakeServer, headwater: Headwater, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.failure = AWAY
    monkeypatch.setenv("HEADWATER_JOB", "nightly/refused")
    headwater("emit", "--reads", "s3://a/1")
    fake.failure = None
    done = run("--", "true", address=fake.address)
    assert done.stderr == ("headwater: what waited is refused: job.name is refused: choose another (INVALID_EVENT)\n")


@pytest.mark.usefixtures("_inside_a_run")
def test_where_nothing_can_be_kept_that_is_said(headwater: Headwater, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("no folder")
    outcome = headwater("emit", "--reads", "s3://a/1", "--address", NOWHERE, "--timeout", "1")
    assert outcome.code == 0
    assert "; nor can it be kept: " in outcome.err
    assert len(outcome.err.splitlines()) == 1


def test_sending_needs_to_know_what(headwater: Headwater) -> None:
    for words in ([], ["--spooled", "-"]):
        outcome = headwater("send", *words)
        assert outcome.code == 2
        assert "either files to send, or --spooled" in outcome.err
