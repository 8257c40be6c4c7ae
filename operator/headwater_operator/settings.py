"""The settings of the operator. Nothing else in it reads arguments or the environment.

Each is declared once: `object_store` is `--object-store` and `HEADWATER_OBJECT_STORE`; the flag goes first.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from headwater.program import settings as program
from headwater.program.connection import Connection, connection_mistakes
from headwater.program.settings import Mistake, SettingsError, flag_of, setting, variable_of
from headwater.program.values import Address, LogLevel, Unreadable, read_address, read_choice, read_path, read_whole

MIB = 2**20
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_CLUSTER = re.compile(r"[A-Za-z0-9]([-._A-Za-z0-9]{0,251}[A-Za-z0-9])?")


def read_cluster(text: str) -> str:
    """The name of a cluster; raises Unreadable."""
    if not _CLUSTER.fullmatch(text):
        raise Unreadable("is no name of a cluster", "use letters, digits, '-', '.' and '_', such as prod-eu-1")
    return text


def read_namespace(text: str) -> str:
    """The name of a Kubernetes namespace; raises Unreadable."""
    if not _DNS_LABEL.fullmatch(text):
        raise Unreadable("is no Kubernetes namespace", "write headwater")
    return text


def _read_namespaces(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    wrong = [name for name in names if not _DNS_LABEL.fullmatch(name)]
    if wrong:
        raise Unreadable(f"names {wrong[0]!r}, which is no Kubernetes namespace", "write team-a,team-b")
    return names


def _read_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Unreadable("is no URL", "write http://minio-service.kubeflow:9000")
    return text.rstrip("/")


def _read_endpoint(text: str) -> str:
    if not urlsplit(text if "://" in text else f"//{text}").hostname:
        raise Unreadable("is no endpoint", "write minio.example.com:9000 or a URL")
    return text.rstrip("/")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that can be set. The third argument of each declaration is its documentation."""

    cluster: str = setting("", read_cluster, "The cluster's name, part of every lineage namespace. Required.")
    namespaces: tuple[str, ...] = setting(
        (), _read_namespaces, "The Kubernetes namespaces to watch, separated by commas; all where not set."
    )
    connection: Connection = Connection()
    spool_dir: Path = setting(
        Path("/var/lib/headwater-operator"), read_path, "Where events wait on disk until the server has them."
    )
    spool_bytes: int = setting(512 * MIB, read_whole(MIB), "How many bytes of events may wait.")
    object_store: str = setting(
        "", _read_endpoint, "The endpoint behind minio:// URIs; without it they are named after the cluster."
    )
    kubeflow_api: str = setting(
        "", _read_url, "The API of Kubeflow Pipelines, which tells what no pod does, such as cached outputs."
    )
    kubeflow_token_file: Path | None = setting(
        None, read_path, "The file that holds the bearer token for the API of Kubeflow Pipelines."
    )
    http_address: Address = setting(
        Address("127.0.0.1", 4973), read_address, "Where /healthz, /readyz and /metrics are served."
    )
    artifact_wait_seconds: int = setting(
        30, read_whole(0), "How long a run waits for the producer of an artifact that it reads to be seen."
    )
    workloads_interval_seconds: int = setting(
        180, read_whole(1), "After how long the workloads of a namespace are told to the server again."
    )
    sweep_interval_seconds: int = setting(
        600, read_whole(1), "How often what was watched is compared with what the cluster still has."
    )
    deletion_wait_seconds: int = setting(
        60, read_whole(1), "How long a deleted LineagePipeline may wait for the server to take note of it."
    )
    log_level: LogLevel = setting(LogLevel.INFO, read_choice(LogLevel), "Least important messages that are logged.")


def settings_parser() -> argparse.ArgumentParser:
    """A flag for each setting, to be a parent of a command's own parser; the values stay text for read_settings."""
    return program.settings_parser(Settings)


def parse_settings(arguments: Sequence[str], environ: Mapping[str, str]) -> Settings:
    """The settings in arguments and environment. Raises SettingsError."""
    given, strangers = program.parse_arguments(Settings, arguments)
    return read_settings(given, environ, strangers)


def read_settings(
    given: Mapping[str, str | None], environ: Mapping[str, str], mistakes: Sequence[Mistake] = ()
) -> Settings:
    """The settings in the values of settings_parser's flags and the environment; an empty value is none.

    Raises SettingsError with all mistakes, those that the caller found among them.
    """
    values, found = program.read_values(Settings, given, environ)
    found = [*mistakes, *found, *_missing(values)]
    if found:
        raise SettingsError(found)
    return program.build(Settings, values)


def _missing(values: Mapping[str, Any]) -> Iterator[Mistake]:
    """What has to be set and is not, and what does not go together; what cannot be read is not in `values`."""
    if values.get("cluster") == "":
        yield Mistake(variable_of("cluster"), "", "is not set", "give this cluster a name that no other one has")
    if values.get("kubeflow_token_file") and values.get("kubeflow_api") == "":
        flag, other = flag_of("kubeflow_token_file"), flag_of("kubeflow_api")
        yield Mistake(flag, "", f"has no meaning without {other}", "set that too")
    yield from connection_mistakes(values)
