"""The settings of the operator. Nothing else in it reads arguments or the environment.

Each is declared once: `object_store` is `--object-store` and `HEADWATER_OBJECT_STORE`; the flag goes first.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from headwater.errors import InvalidSettings
from headwater.settings import Settings as ClientSettings

T = TypeVar("T")
MIB = 2**20
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_CLUSTER = re.compile(r"[A-Za-z0-9]([-._A-Za-z0-9]{0,251}[A-Za-z0-9])?")


class SettingsError(Exception):
    """Settings that cannot be used; the message has a line for each mistake, with the way out."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the operator listens. Port 0 lets the system choose one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class _Unreadable(ValueError):
    """A text that is no such value; says why, and what to write instead."""


def _setting(default: T, read: Callable[[str], Any], meaning: str) -> T:
    value: T = field(default=default, metadata={"read": read, "meaning": meaning})
    return value


def _read_text(text: str) -> str:
    return text


def _read_cluster(text: str) -> str:
    if not _CLUSTER.fullmatch(text):
        raise _Unreadable("is no name of a cluster; use letters, digits, '-', '.' and '_', such as prod-eu-1")
    return text


def _read_namespaces(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    wrong = [name for name in names if not _DNS_LABEL.fullmatch(name)]
    if wrong:
        raise _Unreadable(f"names {wrong[0]!r}, which is no Kubernetes namespace; write team-a,team-b")
    return names


def _read_path(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _read_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise _Unreadable("is no URL; write http://minio-service.kubeflow:9000")
    return text.rstrip("/")


def _read_endpoint(text: str) -> str:
    if not urlsplit(text if "://" in text else f"//{text}").hostname:
        raise _Unreadable("is no endpoint; write minio.example.com:9000 or a URL")
    return text.rstrip("/")


def _read_address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdecimal() or int(port) > 65535:
        raise _Unreadable("is not of the form host:port; write 127.0.0.1:4973, or [::1]:4973 for IPv6")
    return Address(host.removeprefix("[").removesuffix("]"), int(port))


def _read_whole(least: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isascii() or not text.isdecimal() or int(text) < least:
            raise _Unreadable(f"is no whole number from {least} on")
        return int(text)

    return read


def _read_level(text: str) -> str:
    if text.lower() not in ("debug", "info", "warning", "error"):
        raise _Unreadable("is no level; choose from debug, info, warning, error")
    return text.upper()


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that can be set. The third argument of each declaration is its documentation."""

    cluster: str = _setting("", _read_cluster, "The cluster's name, part of every lineage namespace. Required.")
    namespaces: tuple[str, ...] = _setting(
        (), _read_namespaces, "The Kubernetes namespaces to watch, separated by commas; all where not set."
    )
    address: str = _setting(ClientSettings.address, _read_text, "The Headwater server, a gRPC target.")
    token_file: Path | None = _setting(None, _read_path, "The file that holds the bearer token for the server.")
    ca_file: Path | None = _setting(None, _read_path, "The CA certificates (PEM) for the server; with it, TLS is used.")
    spool_dir: Path = _setting(
        Path("/var/lib/headwater-operator"), _read_path, "Where events wait on disk until the server has them."
    )
    spool_bytes: int = _setting(512 * MIB, _read_whole(MIB), "How many bytes of events may wait.")
    object_store: str = _setting(
        "", _read_endpoint, "The endpoint behind minio:// URIs; without it they are named after the cluster."
    )
    kubeflow_api: str = _setting(
        "", _read_url, "The API of Kubeflow Pipelines, which tells what no pod does, such as cached outputs."
    )
    kubeflow_token_file: Path | None = _setting(
        None, _read_path, "The file that holds the bearer token for the API of Kubeflow Pipelines."
    )
    http_address: Address = _setting(
        Address("127.0.0.1", 4973), _read_address, "Where /healthz, /readyz and /metrics are served."
    )
    artifact_wait_seconds: int = _setting(
        30, _read_whole(0), "How long a run waits for the producer of an artifact that it reads to be seen."
    )
    workloads_interval_seconds: int = _setting(
        180, _read_whole(1), "After how long the workloads of a namespace are told to the server again."
    )
    sweep_interval_seconds: int = _setting(
        600, _read_whole(1), "How often what was watched is compared with what the cluster still has."
    )
    deletion_wait_seconds: int = _setting(
        60, _read_whole(1), "How long a deleted LineagePipeline may wait for the server to take note of it."
    )
    log_level: str = _setting("INFO", _read_level, "The least important messages that are logged.")

    def client(self) -> ClientSettings:
        """How the server is reached. Raises InvalidSettings."""
        return ClientSettings(address=self.address, token_file=self.token_file, ca_file=self.ca_file)


def settings_parser() -> argparse.ArgumentParser:
    """A flag for each setting, to be a parent of a command's own parser; the values stay text for read_settings."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    group = parser.add_argument_group("settings")
    for each in dataclasses.fields(Settings):
        shown = f"; {_shown(each.default)} unless set" if each.default not in ("", None, ()) else ""
        meaning = f"{each.metadata['meaning']} [{_variable(each.name)}{shown}]"
        group.add_argument(_flag(each.name), dest=each.name, metavar="VALUE", help=meaning.replace("%", "%%"))
    return parser


def read_settings(given: Mapping[str, str | None], environ: Mapping[str, str]) -> Settings:
    """The settings in the values of settings_parser's flags and the environment; an empty value is none.

    Raises SettingsError with all mistakes.
    """
    values: dict[str, Any] = {}
    mistakes: list[str] = []
    for each in dataclasses.fields(Settings):
        flag, variable = given.get(each.name), environ.get(_variable(each.name))
        text = flag or variable
        if not text:
            continue
        try:
            values[each.name] = each.metadata["read"](text)
        except (_Unreadable, RuntimeError) as error:
            mistakes.append(f"{_flag(each.name) if flag else _variable(each.name)}={text}: {error}")
    settings = Settings(**values)
    mistakes += _missing(settings, mistakes)
    if mistakes:
        raise SettingsError("\n".join(mistakes))
    return settings


def parse_settings(arguments: Sequence[str], environ: Mapping[str, str]) -> Settings:
    """The settings in arguments and environment. Raises SettingsError."""
    parser = argparse.ArgumentParser(parents=[settings_parser()], add_help=False, exit_on_error=False)
    try:
        known, strangers = parser.parse_known_args(arguments)
    except argparse.ArgumentError as error:
        raise SettingsError(f"{error.argument_name}: {error.message}; give it one value") from error
    if strangers:
        raise SettingsError("\n".join(f"{each}: is no setting; see --help for those there are" for each in strangers))
    return read_settings(vars(known), environ)


def _missing(settings: Settings, mistakes: Sequence[str]) -> Iterator[str]:
    """What has to be set and is not, and what does not go together."""
    is_wrong = any(_variable("cluster") in each or _flag("cluster") in each for each in mistakes)
    if not settings.cluster and not is_wrong:
        yield (f"{_variable('cluster')}: is not set; give this cluster a name that no other one has")
    if settings.kubeflow_token_file and not settings.kubeflow_api:
        yield f"{_flag('kubeflow_token_file')}: has no meaning without {_flag('kubeflow_api')}; set that too"
    try:
        settings.client()
    except InvalidSettings as error:
        yield str(error)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _variable(name: str) -> str:
    return "HEADWATER_" + name.upper()


def _shown(value: object) -> str:
    return value.lower() if value == "INFO" else str(value)
