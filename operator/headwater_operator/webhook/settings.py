"""The settings of the webhook. Nothing else in it reads arguments or the environment.

Each is declared once: `emitter_image` is `--emitter-image` and `HEADWATER_EMITTER_IMAGE`; the flag goes first.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from headwater.program import settings as program
from headwater.program.settings import Mistake, SettingsError, flag_of, setting, variable_of
from headwater.program.values import Address, LogLevel, Unreadable, read_address, read_choice, read_path, read_whole

from ..settings import read_cluster, read_namespace

MIB = 2**20
_QUANTITY = re.compile(r"(\d+(\.\d*)?|\.\d+)([mkMGTPE]|[KMGTPE]i|)")


class PullPolicy(Enum):
    """When a node pulls the emitter's image."""

    IF_NOT_PRESENT = "ifnotpresent"
    ALWAYS = "always"
    NEVER = "never"

    @property
    def word(self) -> str:
        """As Kubernetes writes it."""
        return {"ifnotpresent": "IfNotPresent", "always": "Always", "never": "Never"}[self.value]


def _read_quantity(text: str) -> str:
    if not _QUANTITY.fullmatch(text):
        raise Unreadable("is no quantity of Kubernetes", "write 100m for a tenth of a processor, 64Mi for memory")
    return text


@dataclass(frozen=True, kw_only=True)
class EmitterSettings:
    """What the emitter in each pod is given. Its server and its CA are not the webhook's own, which calls no server."""

    address: str = setting("", str, "The Headwater server that emitters send to, a gRPC target. Required.")
    ca_file: Path | None = setting(
        None, read_path, "The CA certificates (PEM) for that server; emitters get the text, as it is at that moment."
    )
    emitter_image: str = setting("", str, "The image of the emitter. Required.")
    emitter_pull_policy: PullPolicy = setting(
        PullPolicy.IF_NOT_PRESENT, read_choice(PullPolicy), "When it is pulled: ifnotpresent, always or never."
    )
    emitter_spool_bytes: int = setting(
        256 * MIB, read_whole(MIB), "How many bytes of events may wait in a pod; the volume may hold twice as much."
    )
    emitter_drain_seconds: int = setting(
        5, read_whole(0, 3_600), "How long an emitter may still deliver at the end of its pod."
    )
    emitter_cpu_request: str = setting("10m", _read_quantity, "The processor that an emitter requests.")
    emitter_cpu_limit: str = setting("500m", _read_quantity, "The processor that it gets at most.")
    emitter_memory_request: str = setting("64Mi", _read_quantity, "The memory that it requests.")
    emitter_memory_limit: str = setting("256Mi", _read_quantity, "The memory that it gets at most.")
    token_audience: str = setting("headwater", str, "The audience of the emitters' tokens, as the server expects it.")
    token_seconds: int = setting(3_600, read_whole(600, 2**32), "How long such a token is valid; it is renewed before.")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that can be set. The third argument of each declaration is its documentation."""

    cluster: str = setting("", read_cluster, "The cluster's name, as the operator has it. Required.")
    own_namespace: str = setting("headwater", read_namespace, "The namespace of Headwater itself: never injected.")
    https_address: Address = setting(
        Address("127.0.0.1", 4977), read_address, "Where the API server asks, at /inject, over TLS."
    )
    http_address: Address = setting(
        Address("127.0.0.1", 4978), read_address, "Where /healthz, /readyz and /metrics are served."
    )
    tls_certificate_file: Path | None = setting(
        None, read_path, "The webhook's certificate and those of its issuers (PEM). Required."
    )
    tls_key_file: Path | None = setting(None, read_path, "The private key of the certificate (PEM). Required.")
    emitter: EmitterSettings = EmitterSettings()
    log_level: LogLevel = setting(LogLevel.INFO, read_choice(LogLevel), "Least important messages that are logged.")


_REQUIRED = {
    "cluster": "give this cluster the name that the operator has for it",
    "address": "name the server, such as headwater.headwater.svc:4970",
    "emitter_image": "name the image, such as registry.example.com/headwater:0.1.0",
    "tls_certificate_file": "the API server calls nothing without TLS",
    "tls_key_file": "the API server calls nothing without TLS",
}


def settings_parser() -> argparse.ArgumentParser:
    """A flag for each setting, to be a parent of a command's own parser; the values stay text for read_settings."""
    return program.settings_parser(Settings)


def read_settings(given: Mapping[str, str | None], environ: Mapping[str, str]) -> Settings:
    """The settings in the values of settings_parser's flags and the environment; an empty value is none.

    Raises SettingsError with all mistakes.
    """
    values, found = program.read_values(Settings, given, environ)
    found = [*found, *_missing(values)]
    if found:
        raise SettingsError(found)
    return program.build(Settings, values)


def _missing(values: Mapping[str, Any]) -> Iterator[Mistake]:
    for name, way_out in _REQUIRED.items():
        if name in values and not values[name]:
            yield Mistake(f"{flag_of(name)} or {variable_of(name)}", "", "is not set", way_out)
