"""A wrapped command: it runs and ends as if nobody stood between, and the server is told."""

import hashlib
import json
import os
import pty
import re
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import grpc
import pytest

from headwater import Settings
from headwater.v1 import event_pb2 as pb

from .conftest import NOWHERE, PROGRAM, start, wait_until
from .fake_server import FakeServer

START, COMPLETE, FAIL, ABORT = pb.EVENT_TYPE_START, pb.EVENT_TYPE_COMPLETE, pb.EVENT_TYPE_FAIL, pb.EVENT_TYPE_ABORT
TRAPPING = "trap 'echo got {0}; exit 9' {0}; echo ready; while :; do sleep 0.05; done"


def run(*words: str, address: str = NOWHERE, **options: object) -> subprocess.CompletedProcess[str]:
    command = [*PROGRAM, "run", "--address", address, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, **options)  # type: ignore[call-overload,no-any-return]


def told(fake: FakeServer) -> list[pb.RunEvent]:
    """Gives the events of the run in the order of their times."""
    return sorted(fake.run_events(), key=lambda event: event.event_time.ToNanoseconds())


def process_facet(event: pb.RunEvent) -> dict[str, object]:
    facet: dict[str, object] = json.loads(event.run.facets["headwater_process"])
    return facet


@pytest.mark.parametrize("code", [0, 1, 7, 126, 255])
def test_the_exit_code_is_the_commands(code: int) -> None:
    assert run("--", "sh", "-c", f"exit {code}").returncode == code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV, signal.SIGINT, signal.SIGPIPE])
def test_who_kills_the_command_kills_the_wrapper_by_the_same_signal(number: signal.Signals) -> None:
    assert run("--", "sh", "-c", f"kill -{int(number)} $$").returncode == -number


@pytest.mark.parametrize(
    ("command", "code", "problem"),
    [("no-such-command", 127, "No such file or directory"), ("/etc/passwd", 126, "Permission denied")],
)
def test_a_command_that_cannot_start_ends_as_in_a_shell(command: str, code: int, problem: str) -> None:
    done = run("--", command)
    assert done.returncode == code
    assert f"headwater: {command}: {problem}" in done.stderr


def test_a_script_without_an_interpreter_line_is_read_by_the_shell(tmp_path: Path) -> None:
    script = tmp_path / "old"
    script.write_text('echo "$0 $1"\n')
    script.chmod(0o755)
    assert run("--", str(script), "x").stdout == f"{script} x\n"


def test_options_of_the_command_are_its_own() -> None:
    assert run("echo", "--strict", "--help", "--", "-x").stdout == "--strict --help -- -x\n"


def test_what_goes_in_and_out_is_untouched() -> None:
    done = run("--", "sh", "-c", "cat; echo oops >&2", input="in\n")
    assert done.stdout == "in\n"
    assert done.stderr.startswith("oops\n")


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "QUIT", "USR1"])
def test_a_signal_reaches_the_command(name: str) -> None:
    with start("run", "--address", NOWHERE, "--", "bash", "-c", TRAPPING.format(name)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.Signals[f"SIG{name}"])
        out, _ = process.communicate(timeout=30)
    assert (out, process.returncode) == (f"got {name}\n", 9)


def test_a_signal_kills_a_command_that_does_not_heed_it() -> None:
    with start("run", "--address", NOWHERE, "--", "sh", "-c", "echo ready; exec sleep 60") as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.terminate()
        assert process.wait(30) == -signal.SIGTERM


def test_ctrl_c_at_a_terminal_reaches_the_command_once() -> None:
    script = "trap 'echo got; n=$((n+1))' INT; echo ready; while [ -z $n ]; do sleep 0.05; done; sleep 0.5; exit 9"
    terminal, end = pty.openpty()
    command = ["setsid", "--ctty", *PROGRAM, "run", "--address", NOWHERE, "--", "bash", "-c", script]
    with subprocess.Popen(command, stdin=end, stdout=end, stderr=end) as process:
        os.close(end)
        written = b""
        while b"ready" not in written:
            written += os.read(terminal, 1024)
        os.write(terminal, b"\x03")
        with suppress(OSError):  # which is how the end of a terminal is told
            while part := os.read(terminal, 1024):
                written += part
        os.close(terminal)
    assert process.returncode == 9
    assert written.count(b"got") == 1


def test_what_the_caller_ignores_the_command_ignores_too() -> None:
    command = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", *PROGRAM, "run", "--address", NOWHERE, "--"]
    script = "kill -HUP $$; kill -HUP $PPID; sleep 0.3; echo still here"
    done = subprocess.run([*command, "sh", "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("still here\n", 0)


def test_the_command_gets_the_signals_as_the_system_has_them() -> None:
    done = run("--", "sh", "-c", "grep -E 'SigBlk|SigIgn' /proc/self/status")
    # glibc's posix_spawn leaves its own two, 32 and 33, ignored until it needs them.
    assert {int(mask, 16) & ~0x1_8000_0000 for mask in re.findall(r"\t(\w+)", done.stdout)} == {0}


def test_start_and_end_are_told(fake: FakeServer, tmp_path: Path) -> None:
    script = tmp_path / "load.sh"
    script.write_text("exit 0\n")
    before = time.time()
    done = run("--reads", "s3://raw/orders", "--writes", "./out.csv", "--", "sh", "load.sh", "--token", "abc",
               address=fake.address, cwd=tmp_path)  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    began, ended = told(fake)
    assert [began.event_type, ended.event_type] == [START, COMPLETE]
    assert began.run.run_id == ended.run.run_id
    assert began.run.run_id[14] == "7"
    assert before <= began.event_time.ToNanoseconds() / 1e9 <= ended.event_time.ToNanoseconds() / 1e9
    for event in (began, ended):
        assert (event.job.namespace, event.job.name) == ("default", "load.sh")
        assert [(each.dataset.namespace, each.dataset.name) for each in event.inputs] == [("s3://raw", "orders")]
        assert [(each.dataset.namespace, each.dataset.name) for each in event.outputs] == [
            ("file", str(tmp_path / "out.csv"))
        ]
        assert json.loads(event.job.facets["jobType"])["jobType"] == "COMMAND"
    facet = process_facet(ended)
    assert facet["command"] == ["sh", "load.sh", "--token", "***"]
    assert facet["script"] == str(script)
    assert facet["sha256"] == hashlib.sha256(b"exit 0\n").hexdigest()
    assert facet["exitCode"] == 0
    assert 0 <= float(str(facet["durationSeconds"])) < 30


@pytest.mark.parametrize(
    ("script", "words", "facts"),
    [("exit 3", "exit code 3", {"exitCode": 3}), ("kill -9 $$", "killed by SIGKILL", {"signal": "SIGKILL"})],
)
def test_a_failure_is_told_with_its_reason(fake: FakeServer, script: str, words: str, facts: dict[str, object]) -> None:
    run("--job", "nightly/load", "--", "sh", "-c", script, address=fake.address)
    ended = told(fake)[-1]
    assert ended.event_type == FAIL
    assert (ended.job.namespace, ended.job.name) == ("nightly", "load")
    assert json.loads(ended.run.facets["errorMessage"])["message"] == words
    assert process_facet(ended).items() >= facts.items()


def test_a_command_that_cannot_start_is_told_as_a_failure(fake: FakeServer) -> None:
    run("--", "no-such-command", address=fake.address)
    assert [event.event_type for event in told(fake)] == [START, FAIL]


def test_a_command_that_is_asked_to_stop_is_told_as_aborted(fake: FakeServer) -> None:
    with start("run", "--address", fake.address, "--", "sh", "-c", "echo ready; exec sleep 60") as process:
        assert process.stdout is not None
        process.stdout.readline()
        wait_until(lambda: fake.events)
        process.terminate()
        process.wait(30)
    assert [event.event_type for event in told(fake)] == [START, ABORT]


def test_the_commit_of_the_script_is_told(fake: FakeServer, tmp_path: Path) -> None:
    script = tmp_path / "etl" / "load.sh"
    script.parent.mkdir()
    script.write_text("exit 0\n")
    for words in (
        "init --quiet --initial-branch=main",
        "remote add origin https://me:secret@git.example/team/etl.git",
        "add .",
        "-c user.name=a -c user.email=a@b commit --quiet -m first",
    ):
        subprocess.run(["git", *words.split()], cwd=tmp_path, check=True)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=tmp_path, check=True, capture_output=True, text=True)
    script.write_text("exit 0 # changed\n")
    run("--", "sh", "etl/load.sh", address=fake.address, cwd=tmp_path)
    ended = told(fake)[-1]
    location = json.loads(ended.job.facets["sourceCodeLocation"])
    version = commit.stdout.strip()
    assert (location["type"], location["path"], location["version"]) == ("git", "etl/load.sh", version)
    assert (location["branch"], location["repoUrl"]) == ("main", "https://me@git.example/team/etl.git")
    assert location["url"] == f"https://git.example/team/etl/blob/{version}/etl/load.sh"
    assert process_facet(ended)["hasChanges"] is True


def test_the_command_is_told_which_run_it_is(fake: FakeServer) -> None:
    done = run("--job", "nightly/load", "--", "env", address=fake.address)
    environment = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    run_id = told(fake)[0].run.run_id
    own = {"run": {"runId": run_id}, "job": {"namespace": "nightly", "name": "load"}}
    assert environment["HEADWATER_RUN_ID"] == run_id
    assert environment["HEADWATER_JOB"] == "nightly/load"
    assert environment["HEADWATER_ADDRESS"] == fake.address
    assert environment["OPENLINEAGE_PARENT_ID"] == f"nightly/load/{run_id}"
    assert environment["OPENLINEAGE_ROOT_PARENT_ID"] == f"nightly/load/{run_id}"
    assert json.loads(environment["OPENLINEAGE_CONTEXT"]) == {"parent": {**own, "root": own}}


def test_a_wrapper_inside_a_wrapper_is_its_child(fake: FakeServer) -> None:
    inner = [*PROGRAM, "run", "--job", "n/inner", "--", *PROGRAM, "run", "--job", "n/innermost", "--", "true"]
    run("--job", "n/outer", "--", *inner, address=fake.address)
    outer, middle, inmost = (
        next(event for event in told(fake) if event.job.name == name) for name in ("outer", "inner", "innermost")
    )
    assert not outer.run.HasField("parent")
    assert middle.run.parent.run_id == outer.run.run_id
    assert inmost.run.parent.run_id == middle.run.run_id
    assert (inmost.run.parent.root.run_id, inmost.run.parent.root.job_name) == (outer.run.run_id, "outer")


def test_a_parent_by_path_is_the_root_of_what_runs_inside() -> None:
    parent = {"OPENLINEAGE_PARENT_ID": "k8s://c/ml/nightly/0193"}
    done = run("--", "sh", "-c", 'echo "$OPENLINEAGE_ROOT_PARENT_ID $OPENLINEAGE_CONTEXT"', env=os.environ | parent)
    root, _, context = done.stdout.partition(" ")
    assert root == "k8s://c/ml/nightly/0193"
    assert json.loads(context)["parent"]["root"] == {
        "run": {"runId": "0193"},
        "job": {"namespace": "k8s://c/ml", "name": "nightly"},
    }


def test_where_the_server_is_away_the_command_runs_and_a_warning_says_so() -> None:
    done = run("--", "echo", "done")
    assert (done.stdout, done.returncode) == ("done\n", 0)
    assert done.stderr.startswith("headwater: the end of this run is not reported yet: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_server_that_does_not_answer_holds_the_end_up_for_the_time_given(fake: FakeServer) -> None:
    fake.may_answer.clear()
    began = time.monotonic()
    done = run("--timeout", "1", "--", "true", address=fake.address)
    assert time.monotonic() - began < 15
    assert done.returncode == 0
    assert "not reported" in done.stderr


def test_a_signal_ends_the_wait_for_a_server_that_does_not_answer(fake: FakeServer) -> None:
    fake.may_answer.clear()
    with start("run", "--address", fake.address, "--timeout", "40", "--", "sh", "-c", "exit 4") as process:
        wait_until(lambda: len(fake.requests) == 2)
        began = time.monotonic()
        process.terminate()
        assert process.wait(30) == 4
    assert time.monotonic() - began < 10


def test_a_start_that_was_missed_is_told_at_the_end(fake: FakeServer) -> None:
    fake.failure = (grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE", "the store is away")
    words = ("run", "--address", fake.address, "--", "sh", "-c", "read line")
    with start(*words, stdin=subprocess.PIPE) as process:
        wait_until(lambda: len(fake.requests) == Settings().max_attempts)
        fake.failure = None
        _, problems = process.communicate("\n", timeout=30)
    assert (problems, process.returncode) == ("", 0)
    assert [event.event_type for event in told(fake)] == [START, COMPLETE]


def test_what_cannot_be_said_is_passed_over_with_a_warning(fake: FakeServer) -> None:
    done = run("--reads", "nonsense", "--writes", "s3://a/b", "--", "true", address=fake.address)
    assert done.returncode == 0
    assert "'nonsense' must hold a namespace and a name" in done.stderr
    assert [len(event.outputs) for event in told(fake)] == [1, 1]


def test_a_job_without_a_name_runs_unreported(fake: FakeServer) -> None:
    done = run("--job", "/x/", "--", "sh", "-c", "exit 5", address=fake.address)
    assert done.returncode == 5
    assert "the job '/x/'" in done.stderr
    assert fake.events == []


def test_a_broken_installation_does_not_keep_the_command_from_running(tmp_path: Path) -> None:
    (tmp_path / "grpc.py").write_text("raise ImportError('libstdc++ is missing')\n")
    done = run("--", "sh", "-c", "exit 6", env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert done.returncode == 6
    assert "libstdc++ is missing" in done.stderr


def test_a_strict_run_needs_the_server_to_begin() -> None:
    done = run("--strict", "--timeout", "1", "--", "echo", "ran")
    assert (done.stdout, done.returncode) == ("", 5)


def test_a_strict_run_needs_sense(fake: FakeServer) -> None:
    done = run("--strict", "--reads", "nonsense", "--", "echo", "ran", address=fake.address)
    assert (done.stdout, done.returncode) == ("", 2)


@pytest.mark.parametrize(("code", "ends_with"), [(0, 1), (7, 7)])
def test_a_strict_run_fails_where_its_end_is_not_told(fake: FakeServer, code: int, ends_with: int) -> None:
    script = f"echo ready; read line; exit {code}"
    words = ("run", "--strict", "--timeout", "1", "--address", fake.address, "--", "sh", "-c", script)
    with start(*words, stdin=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        fake.may_answer.clear()
        process.communicate("\n", timeout=30)
    assert process.returncode == ends_with


def test_what_the_server_refuses_is_told(fake: FakeServer) -> None:
    done = run("--job", "x/refused", "--", "true", address=fake.address)
    assert done.returncode == 0
    assert "job.name is refused: choose another (INVALID_EVENT)" in done.stderr
