"""The command as a whole: how it starts, how it ends, and what it says when something goes wrong."""

import json
import os
import pty
import signal
import subprocess
from importlib.metadata import version
from pathlib import Path

import click
import grpc
import pytest

from headwater_cli.main import SECTIONS, headwater

from .conftest import NOWHERE, PROGRAM, Headwater, start, wait_until
from .fake_server import FakeServer

COMMANDS = [name for section in SECTIONS.values() for name in section]
ABSENT_FROM_HELP = ("grpc", "google.protobuf", "rich", "yaml", "headwater.client")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_can_be_loaded_and_has_help(name: str) -> None:
    command = headwater.get_command(click.Context(headwater), name)
    assert command is not None
    assert command.name == name
    assert command.help


@pytest.mark.parametrize("name", COMMANDS)
def test_every_argument_and_option_is_explained(name: str) -> None:
    command = headwater.get_command(click.Context(headwater), name)
    assert command is not None
    assert [each.name for each in command.params if not each.help] == []


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, headwater_cli.main as m; m.main(['--help']); "
        f"sys.exit(', '.join(set(sys.modules) & set({ABSENT_FROM_HELP})) or 0)"
    )
    done = subprocess.run([PROGRAM[0], "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_wrapped_command_waits_for_nothing_heavy() -> None:
    heavy = "', '.join(set(sys.modules) & {'grpc', 'google.protobuf', 'rich'}) or 0"
    code = f"import sys, headwater_cli.commands.run; sys.exit({heavy})"
    done = subprocess.run([PROGRAM[0], "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_it_tells_its_version(headwater: Headwater) -> None:
    assert headwater("--version").out == f"headwater {version('headwater')}\n"


def test_options_may_stand_before_the_command_too(headwater: Headwater) -> None:
    assert headwater("-o", "json", "namespaces").out == headwater("namespaces", "-o", "json").out


def test_an_option_holds_over_the_environment(headwater: Headwater) -> None:
    outcome = headwater("namespaces", "--address", NOWHERE, "--timeout", "0.2")
    assert outcome.code == 5


@pytest.mark.parametrize(
    ("status", "reason", "code"),
    [
        (grpc.StatusCode.INTERNAL, "INTERNAL", 1),
        (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD", 1),
        (grpc.StatusCode.NOT_FOUND, "NOT_FOUND", 3),
        (grpc.StatusCode.FAILED_PRECONDITION, "AMBIGUOUS_ADDRESS", 4),
        (grpc.StatusCode.UNAVAILABLE, "STORE_UNAVAILABLE", 5),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "QUERY_TIMEOUT", 5),
        (grpc.StatusCode.UNAUTHENTICATED, "", 1),
    ],
)
def test_each_error_has_its_exit_code(
    fake: FakeServer, headwater: Headwater, status: grpc.StatusCode, reason: str, code: int
) -> None:
    fake.failure = (status, reason, "it went wrong")
    outcome = headwater("show", "churn")
    assert outcome.code == code
    assert outcome.err.startswith("headwater: it went wrong")
    assert reason in outcome.err
    assert "Traceback" not in outcome.err


def test_where_no_server_is_it_says_so_and_what_to_do(headwater: Headwater) -> None:
    outcome = headwater("search", "x", "--address", NOWHERE)
    assert outcome.code == 5
    assert "Connection refused" in outcome.err
    assert "HEADWATER_ADDRESS" in outcome.err
    assert "headwater doctor" in outcome.err


def test_settings_without_sense_are_wrong_usage(headwater: Headwater, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_TOKEN_FILE", "/run/token")
    outcome = headwater("namespaces", "--address", "headwater.example:4970")
    assert outcome.code == 2
    assert "HEADWATER_CA_FILE" in outcome.err


def test_a_mistake_of_its_own_is_told_without_a_trace(headwater: Headwater, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headwater_cli.commands.namespaces.show_table", lambda *_: 1 / 0)
    outcome = headwater("namespaces")
    assert outcome.code == 1
    assert outcome.err.startswith("headwater: ZeroDivisionError: division by zero\n")
    assert "HEADWATER_DEBUG=1" in outcome.err
    monkeypatch.setenv("HEADWATER_DEBUG", "1")
    assert "Traceback" in headwater("namespaces").err


def test_an_installation_that_is_not_whole_is_told(tmp_path: Path) -> None:
    (tmp_path / "grpc.py").write_text("raise ImportError('libstdc++ is missing')\n")
    with start("namespaces", env={**os.environ, "PYTHONPATH": str(tmp_path)}) as process:
        _, told = process.communicate(timeout=20)
    assert (process.returncode, told) == (1, "headwater: this installation is not whole: libstdc++ is missing\n")


def test_an_unknown_command_is_wrong_usage(headwater: Headwater) -> None:
    outcome = headwater("upstraem", "x")
    assert outcome.code == 2
    assert "upstraem" in outcome.err


def test_it_ends_quietly_when_its_reader_has_had_enough(fake: FakeServer) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with start("namespaces", "--address", fake.address, stdout=writer) as process:
        os.close(writer)
        _, told = process.communicate(timeout=20)
    assert (process.returncode, told) == (141, "")


def test_it_ends_quietly_when_it_is_interrupted(fake: FakeServer) -> None:
    fake.may_answer.clear()
    with start("namespaces", "--address", fake.address) as process:
        wait_until(lambda: fake.requests)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=20)
    assert (process.returncode, told.strip()) == (130, "")


@pytest.mark.parametrize(("variable", "has_colours"), [("HEADWATER_UNUSED", True), ("NO_COLOR", False)])
def test_on_a_terminal_lineage_is_a_tree_with_colours(fake: FakeServer, variable: str, has_colours: bool) -> None:
    terminal, end = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", variable: "1"}
    with start("upstream", "churn", "--address", fake.address, stdout=end, env=environment) as process:
        os.close(end)
        written = _read_all(terminal)
        assert process.wait(20) == 0
    assert "├── " in written
    assert ("\x1b[36m" in written) == has_colours


def test_a_tree_deeper_than_the_terminal_is_wide_is_whole(
    headwater: Headwater, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "5")
    assert "postgres://db:5432/shop.public.orders" in headwater("upstream", "churn").out


def test_in_a_pipe_nothing_is_coloured_or_cut(headwater: Headwater, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    outcome = headwater("upstream", "churn")
    assert "\x1b" not in outcome.out
    assert "postgres://db:5432/shop.public.orders" in outcome.out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_can_complete_the_command(shell: str, headwater: Headwater) -> None:
    assert "_HEADWATER_COMPLETE" in headwater("completion", shell).out


def test_names_of_commands_are_completed_without_loading_them() -> None:
    environment = {**os.environ, "_HEADWATER_COMPLETE": "bash_complete", "COMP_WORDS": "headwater n", "COMP_CWORD": "1"}
    done = subprocess.run([*PROGRAM], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "plain,namespaces"


def test_data_reads_back_as_it_was_answered(headwater: Headwater) -> None:
    answer = json.loads(headwater("namespaces", "-o", "json").out)
    assert [each["displayName"] for each in answer["namespaces"]] == ["postgres://db:5432", "team"]


def _read_all(terminal: int) -> str:
    written = b""
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            part = b""
        if not part:
            os.close(terminal)
            return written.decode()
        written += part
