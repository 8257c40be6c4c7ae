"""Static tokens: made, listed and revoked by a command, and known to the server by their hashes."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from headwater.program.watched_files import UnusableFile
from headwater_server.access.token_hashes import create_token, read_tokens, revoke_token
from headwater_server.cli import main
from headwater_server.domain.callers import Role

from .conftest import Serving
from .doors import reason_of

Output = pytest.CaptureFixture[str]


async def test_a_token_that_the_command_made_is_let_in_until_the_command_revokes_it(
    serving: Serving, tmp_path: Path, capsys: Output
) -> None:
    place = ["--data-dir", str(tmp_path / "headwater")]
    assert main(["token", "create", "--role", "reader", "--name", "dashboards", *place]) == 0
    token = capsys.readouterr().out.strip()
    async with serving() as doors:  # the file is where the data is, so the server finds it
        assert await doors.ask(token) is None
        assert reason_of(await doors.ask(None)) == "UNAUTHENTICATED"
        assert main(["token", "revoke", "dashboards", *place]) == 0
        assert (refusal := await doors.ask(token))
        assert refusal.metadata["problem"].startswith("the token was revoked at 20")
        assert main(["token", "create", "--role", "reader", "--name", "dashboards", *place]) == 0
        renewed = capsys.readouterr().out.strip().splitlines()[-1]
        assert await doors.ask(renewed) is None


async def test_a_token_can_be_bound_to_more_than_its_own_role(
    serving: Serving, tmp_path: Path, access_file: Path
) -> None:
    file = tmp_path / "hashes"
    token, _ = create_token(file, "read-too", Role.EMITTER)
    async with serving("--token-hashes-file", str(file), "--access-file", str(access_file)) as doors:
        assert await doors.send(token) is None
        assert await doors.ask(token) is None


def test_a_token_is_shown_once_and_kept_as_a_hash_that_nobody_else_can_read(tmp_path: Path, capsys: Output) -> None:
    file = tmp_path / "folder" / "hashes"
    place = ["--token-hashes-file", str(file)]
    assert main(["token", "create", "--role", "emitter", "--name", "airflow-prod", *place]) == 0
    shown = capsys.readouterr()
    token = shown.out.strip()
    assert token.startswith("hwt_")
    assert len(token) == 47
    assert token not in shown.err
    assert token not in file.read_text()
    assert token[4:] not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in file.parent.iterdir()] == ["hashes"]
    assert main(["token", "list", *place]) == 0
    heading, line = capsys.readouterr().out.splitlines()
    assert heading.split() == ["NAME", "ROLE", "ID", "CREATED", "REVOKED"]
    assert line.split()[:2] == ["airflow-prod", "emitter"]
    assert line.endswith(" -")


def test_a_name_can_have_two_tokens_while_one_takes_over(tmp_path: Path, capsys: Output) -> None:
    file = tmp_path / "hashes"
    place = ["--token-hashes-file", str(file)]
    _, old = create_token(file, "airflow", Role.EMITTER)
    _, new = create_token(file, "airflow", Role.EMITTER)
    assert main(["token", "revoke", "airflow", *place]) == 1
    error = capsys.readouterr().err
    assert "airflow has 2 tokens: revoke one of them by its id" in error
    assert old.id in error
    assert main(["token", "revoke", old.id, *place]) == 0
    assert [(each.id, bool(each.revoked)) for each in read_tokens(file)] == [(old.id, True), (new.id, False)]
    assert revoke_token(file, "airflow").id == new.id


@pytest.mark.parametrize("arguments", [["revoke", "nobody"], ["create", "--role", "emitter", "--name", "a b"]])
def test_what_cannot_be_done_is_said_in_a_line(arguments: list[str], tmp_path: Path, capsys: Output) -> None:
    assert main(["token", *arguments, "--token-hashes-file", str(tmp_path / "hashes")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("headwater-server: ")
    assert len(error.splitlines()) == 1


def test_a_file_that_is_none_of_tokens_is_named_with_its_lines_and_left_alone(tmp_path: Path, capsys: Output) -> None:
    file = tmp_path / "hashes"
    file.write_text("# mine\n\nairflow emitter\nreader now - x\n")
    with pytest.raises(UnusableFile, match=r"line 3 is not NAME.*line 4"):
        read_tokens(file)
    for arguments in (["list"], ["create", "--role", "emitter", "--name", "a"]):
        assert main(["token", *arguments, "--token-hashes-file", str(file)]) == 1
    assert "line 3 is not NAME ROLE CREATED REVOKED SHA256" in capsys.readouterr().err
    assert file.read_text().startswith("# mine")


def _create(arguments: tuple[Path, str]) -> None:
    create_token(*arguments, Role.EMITTER)


def test_tokens_that_are_made_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    names = [f"n{number}" for number in range(20)]
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        pool.map(_create, [(tmp_path / "hashes", name) for name in names], chunksize=1)
    assert sorted(each.name for each in read_tokens(tmp_path / "hashes")) == sorted(names)
