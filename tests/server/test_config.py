"""Settings from arguments and environment."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from headwater_server.config import Address, Dsn, LogLevel, Settings, SettingsError, parse_settings, settings_parser
from headwater_server.config.processes import usable_cores

HOME = {"XDG_DATA_HOME": "/var/data"}


def mistakes_of(arguments: list[str], environ: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        parse_settings(arguments, environ)
    return [f"{mistake.name}: {mistake.reason}" for mistake in caught.value.mistakes]


def names_of(kind: Any) -> list[str]:
    groups = [type(each.default) for each in dataclasses.fields(kind) if "read" not in each.metadata]
    own = [each.name for each in dataclasses.fields(kind) if "read" in each.metadata]
    return own + [name for group in groups for name in names_of(group)]


def test_nothing_set_gives_the_defaults() -> None:
    settings = parse_settings([], HOME)
    assert settings == Settings(data_dir=Path("/var/data/headwater"))
    assert str(settings.grpc_address) == "127.0.0.1:4970"
    assert str(settings.http_address) == "127.0.0.1:4971"
    assert settings.dsn is None


def test_the_data_lies_in_the_home_without_xdg() -> None:
    assert parse_settings([], {}).data_dir == Path.home() / ".local/share/headwater"


def test_a_flag_goes_before_the_environment() -> None:
    environ = {"HEADWATER_GRPC_ADDRESS": "[::1]:1", "HEADWATER_HTTP_ADDRESS": "localhost:2"}
    settings = parse_settings(["--grpc-address", "127.0.0.1:3"], environ)
    assert (settings.grpc_address, settings.http_address) == (Address("127.0.0.1", 3), Address("localhost", 2))


def test_an_empty_value_is_none() -> None:
    assert parse_settings([], {**HOME, "HEADWATER_DSN": ""}) == parse_settings([], HOME)


def test_settings_of_groups_are_set_alike() -> None:
    settings = parse_settings(["--max-nodes=5"], {"HEADWATER_LINGER_MILLISECONDS": "0", "HEADWATER_LOG_LEVEL": "DEBUG"})
    assert (settings.query.max_nodes, settings.ingest.linger_milliseconds) == (5, 0)
    assert settings.log_level is LogLevel.DEBUG


def test_no_two_settings_share_a_name() -> None:
    names = names_of(Settings)
    assert len(names) == len(set(names))


def test_all_mistakes_are_reported_together() -> None:
    arguments = ["--grpc-address=nowhere", "--max-event-bytes=many", "--unknown"]
    assert mistakes_of(arguments, {"HEADWATER_LOG_LEVEL": "loud", "HEADWATER_READ_DSN": "postgresql://replica/db"}) == [
        "--unknown: is no setting",
        "--grpc-address: is not of the form host:port",
        "--max-event-bytes: is no whole number",
        "HEADWATER_LOG_LEVEL: is not one of the known values",
        "--read-dsn: has no meaning without --dsn",
    ]


@pytest.mark.parametrize(
    ("arguments", "mistake"),
    [
        pytest.param(["--max-event-bytes=67108865"], "must fit in --max-request-bytes=67108864", id="event"),
        pytest.param(["--max-bytes-in-flight=1024"], "must fit in --max-bytes-in-flight=1024", id="request"),
        pytest.param(["--max-events-in-flight=9"], "must fit in --max-events-in-flight=9", id="batch and flight"),
        pytest.param(
            ["--http-address=127.0.0.1:4970"], "must differ from --grpc-address=127.0.0.1:4970", id="port taken"
        ),
        pytest.param(["--max-nodes=0"], "is out of range", id="too small"),
        pytest.param(["--linger-milliseconds=1001"], "is out of range", id="too large"),
        pytest.param(["--grpc-address=127.0.0.1:65536"], "has a port above 65535", id="port"),
        pytest.param(["--grpc-address=:4970"], "is not of the form host:port", id="no host"),
        pytest.param(["--dsn=mysql://host/db"], "is no PostgreSQL URI", id="other database"),
        pytest.param(["--dsn=host=a"], "is no PostgreSQL URI", id="keywords"),
        pytest.param(["--dsn"], "expected one argument", id="no value"),
        pytest.param(["--grpc-addr=127.0.0.1:1"], "is no setting", id="abbreviation"),
        pytest.param(["--data-dir=~nobody-here/x"], "names a home that is not known", id="unknown home"),
    ],
)
def test_a_mistake_has_a_reason(arguments: list[str], mistake: str) -> None:
    assert [text.split(": ", 1)[1] for text in mistakes_of(arguments, HOME)] == [mistake]


def test_two_servers_may_let_the_system_choose_their_ports() -> None:
    parse_settings(["--grpc-address=127.0.0.1:0", "--http-address=127.0.0.1:0"], HOME)


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://u:hush@host/db",
        "postgresql://u:hu/sh?@host:5432/db",
        "postgres://u:hu@hush@a:1,b:2/db?target_session_attrs=primary",
        "postgresql://host/db?user=u&password=hush&ssl=off",
        "postgresql:///db?sslpassword=hush",
    ],
)
def test_passwords_are_not_shown(dsn: str) -> None:
    settings = parse_settings([], {**HOME, "HEADWATER_DSN": dsn})
    assert "hu" not in repr(settings)
    assert settings.dsn == dsn
    unusable = parse_failure(["--dsn", dsn.replace("postgres", "mysql", 1)]) + parse_failure(["--read-dsn", dsn])
    assert "hu" not in unusable


def parse_failure(arguments: list[str]) -> str:
    with pytest.raises(SettingsError) as caught:
        parse_settings(arguments, HOME)
    return str(caught.value)


def test_a_dsn_without_password_is_shown_whole() -> None:
    assert repr(Dsn("postgresql://u@host:5432/db?ssl=on")) == "'postgresql://u@host:5432/db?ssl=on'"


@pytest.mark.parametrize(
    ("text", "is_loopback"),
    [
        pytest.param("127.0.0.1:1", True, id="IPv4"),
        pytest.param("[::1]:1", True, id="IPv6"),
        pytest.param("localhost:1", True, id="name"),
        pytest.param("0.0.0.0:1", False, id="all of IPv4"),
        pytest.param("[::]:1", False, id="all of IPv6"),
        pytest.param("host.example:1", False, id="other host"),
    ],
)
def test_an_address_is_read_and_written_alike(text: str, is_loopback: bool) -> None:
    address = parse_settings(["--grpc-address", text], HOME).grpc_address
    assert (str(address), address.is_loopback) == (text, is_loopback)


def test_help_tells_each_setting_with_its_variable_and_default() -> None:
    text = argparse.ArgumentParser(parents=[settings_parser()], add_help=False).format_help()
    flat = " ".join(text.split())
    for name in names_of(Settings):
        assert f"--{name.replace('_', '-')} VALUE" in flat
        assert f"HEADWATER_{name.upper()}" in flat
    assert "Where gRPC is served. [HEADWATER_GRPC_ADDRESS; 127.0.0.1:4970 unless set]" in flat


@pytest.mark.parametrize(
    ("told", "cores"),
    [
        pytest.param({"cpu.max": "max 100000"}, 3, id="no bound"),
        pytest.param({"cpu.max": "150000 100000"}, 2, id="one and a half"),
        pytest.param({"cpu.max": "50000 100000"}, 1, id="half of one"),
        pytest.param({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 3, id="no bound, version 1"),
        pytest.param({"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000"}, 2, id="two, version 1"),
    ],
)
def test_a_core_counts_where_process_and_container_may_use_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, told: dict[str, str], cores: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 5})
    for name, text in told.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{text}\n")
    assert usable_cores(tmp_path) == cores


def test_processes_are_a_number_or_as_many_as_there_are_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    assert parse_settings([], HOME).processes == 1
    assert parse_settings(["--processes", "3"], HOME).processes == 3
    assert parse_settings([], {"HEADWATER_PROCESSES": "auto"}).processes == usable_cores()
    assert mistakes_of(["--processes=many"], {}) == ["--processes: is no whole number"]
    assert mistakes_of(["--processes=0"], {}) == ["--processes: is out of range"]
    monkeypatch.setattr("sys.platform", "darwin")
    assert mistakes_of(["--processes=2"], {}) == ["--processes: several processes share a port on Linux only"]
