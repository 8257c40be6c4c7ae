"""What a server refuses to start without, and that all mistakes are told at once and without a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater_server.access.token_hashes import create_token
from headwater_server.app import post_guard
from headwater_server.cli import main
from headwater_server.config import SettingsError, parse_settings
from headwater_server.domain.callers import Role

from .authority import LOOPBACK, Authority

OPEN_WIDE = ["--grpc-address=0.0.0.0:0", "--http-address=127.0.0.1:0"]


@pytest.fixture
def tls(tmp_path: Path) -> list[str]:
    """The settings of a server with a certificate."""
    pair = Authority(tmp_path).issue("server", "headwater", LOOPBACK)
    return [f"--tls-certificate-file={pair.certificate}", f"--tls-key-file={pair.key}"]


@pytest.fixture
def tokens(tmp_path: Path) -> list[str]:
    """The settings of a server with a token."""
    create_token(tmp_path / "hashes", "a", Role.EMITTER)
    return [f"--token-hashes-file={tmp_path / 'hashes'}"]


def refusals(home: Path, *settings: str) -> list[str]:
    """Why a server does not start; nothing where it does."""
    try:
        post_guard(parse_settings(settings, {"XDG_DATA_HOME": str(home)}))
    except SettingsError as error:
        return [mistake.reason.removeprefix("can be reached from other machines, and ") for mistake in error.mistakes]
    return []


NO_TLS, NOBODY_ASKED = "there is no TLS", "nobody would be asked who calls"


def test_what_other_machines_can_reach_has_tls_and_asks_who_calls_or_is_told_not_to(
    tmp_path: Path, tls: list[str], tokens: list[str]
) -> None:
    anyone, plain = "--allow-anonymous=true", "--allow-plaintext=true"
    table = [
        ([], [NO_TLS, NOBODY_ASKED]),
        (tls, [NOBODY_ASKED]),
        (tokens, [NO_TLS]),
        ([anyone], [NO_TLS]),
        ([plain], [NOBODY_ASKED]),
        ([*tls, *tokens], []),
        ([*tls, anyone], []),
        ([plain, *tokens], []),
        ([plain, anyone], []),
        ([*tls, f"--client-ca-file={tmp_path / 'ca.pem'}"], []),
    ]
    for settings, expected in table:
        assert refusals(tmp_path, *OPEN_WIDE, *settings) == expected, settings
        assert refusals(tmp_path, "--grpc-address=127.0.0.1:0", *settings) == []


def test_a_file_of_roles_alone_asks_nobody(tmp_path: Path, tls: list[str]) -> None:
    file = tmp_path / "roles.toml"
    file.write_text("[[roles]]\nrole = 'reader'\nsubjects = ['*']\n")
    assert refusals(tmp_path, *OPEN_WIDE, *tls, f"--access-file={file}") == [NOBODY_ASKED]


def test_tokens_in_the_data_dir_are_found(tmp_path: Path, tls: list[str]) -> None:
    create_token(tmp_path / "headwater" / "token-hashes", "a", Role.EMITTER)
    assert refusals(tmp_path, *OPEN_WIDE, *tls) == []


def test_all_mistakes_are_told_at_once_and_no_secret_is(
    tmp_path: Path, tls: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "access.toml").write_text("[[issuers]]\nname = 'x'\n[[roles]]\nrole = 'king'\nsubjects = []\n")
    (tmp_path / "server.key").write_text("-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----\n")
    (tmp_path / "hashes").write_text("hwt_hush\n")
    files = [f"--access-file={tmp_path / 'access.toml'}", f"--token-hashes-file={tmp_path / 'hashes'}"]
    for command in ("serve", "check"):
        dsn = "--dsn=postgresql://me:hush@127.0.0.1:1/db"
        assert main([command, dsn, "--http-address=0.0.0.0:0", *tls, *files]) == 1
        error = capsys.readouterr().err
        assert "hush" not in error.replace("server.key", "")
        lines = error.splitlines()
        assert [line.removeprefix("headwater-server: ").split("=")[0] for line in lines] == [
            "--token-hashes-file",
            "--access-file",
            "--access-file",
            "--tls-certificate-file",
        ]


@pytest.mark.parametrize(
    ("setting", "mistake"),
    [
        ("--tls-key-file=/k", "--tls-key-file: has no meaning without --tls-certificate-file"),
        ("--tls-certificate-file=/c", "--tls-certificate-file: has no meaning without --tls-key-file"),
        ("--client-ca-file=/c", "--client-ca-file: has no meaning without --tls-certificate-file"),
        ("--grpc-mtls-address=127.0.0.1:0", "--grpc-mtls-address: has no meaning without --client-ca-file"),
    ],
)
def test_settings_that_need_each_other_are_set_together(setting: str, mistake: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_settings([setting], {})
    assert [f"{each.name}: {each.reason}" for each in caught.value.mistakes] == [mistake]


def test_a_file_that_is_named_must_be_there(tmp_path: Path) -> None:
    missing = f"--token-hashes-file={tmp_path / 'missing'}"
    assert refusals(tmp_path, missing) == ["cannot be read (No such file or directory)"]
