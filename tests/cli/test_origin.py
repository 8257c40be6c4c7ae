"""What a command line runs, and what of it is a secret."""

from pathlib import Path

import pytest

from headwater_cli.wrapper.origin import _web_address, script_of, without_secrets


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["./load.sh", "--day", "2026-11-20"], ["./load.sh", "--day", "2026-11-20"]),
        (["x", "--password=a=b", "DB_PASSWORD=c"], ["x", "--password=***", "DB_PASSWORD=***"]),
        (["x", "--api-key", "k", "--next"], ["x", "--api-key", "***", "--next"]),
        (["x", "--secret", "--verbose"], ["x", "--secret", "--verbose"]),
        (["x", "tokens.csv", "y"], ["x", "tokens.csv", "y"]),
        (["psql", "postgres://me:pw@db/shop?x=1"], ["psql", "postgres://me:***@db/shop?x=1"]),
        (["curl", "https://host:8080/a@b"], ["curl", "https://host:8080/a@b"]),
    ],
)
def test_secrets_are_left_out(words: list[str], shown: list[str]) -> None:
    assert list(without_secrets(words)) == shown


@pytest.mark.parametrize(
    ("words", "script"),
    [
        (["python3", "-u", "train.py", "other.py"], "train.py"),
        (["bash", "train.py"], "train.py"),
        (["./train.py", "other.py"], "train.py"),
        (["python3", "-m", "train.py"], None),
        (["sh", "-c", "train.py"], None),
        (["python3", "missing.py"], None),
        (["python3"], None),
        (["no-such-program"], None),
    ],
)
def test_the_script_is_found(
    words: list[str], script: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("train.py", "other.py"):
        (tmp_path / name).touch(mode=0o755)
    assert script_of(words) == (tmp_path / script if script else None)


@pytest.mark.parametrize(
    "repository",
    [
        "https://git.example/team/etl.git",
        "https://git.example/team/etl",
        "https://me@git.example/team/etl.git",
        "git@git.example:team/etl.git",
        "ssh://git@git.example/team/etl.git",
    ],
)
def test_a_repository_has_an_address_on_the_web(repository: str) -> None:
    assert _web_address(repository, "c0ffee", "a.py") == "https://git.example/team/etl/blob/c0ffee/a.py"


def test_a_repository_in_a_folder_has_none() -> None:
    assert _web_address("/srv/git/etl", "c0ffee", "a.py") == ""
