"""The settings of the emitter. Nothing else in it reads arguments or the environment.

Each is declared once: `drain_seconds` is `--drain-seconds` and `HEADWATER_DRAIN_SECONDS`; the flag goes first. The
webhook sets those of the pod, and where the server is.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from headwater.program import settings as program
from headwater.program.connection import Connection, connection_mistakes
from headwater.program.settings import Mistake, SettingsError, setting
from headwater.program.values import Address, LogLevel, read_address, read_choice, read_path, read_switch, read_whole

from .pod import Pod

MIB = 2**20


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that can be set. The third argument of each declaration is its documentation."""

    connection: Connection = Connection()
    http_address: Address = setting(
        Address("127.0.0.1", 4974), read_address, "Where OpenLineage is taken over HTTP, at /api/v1/lineage."
    )
    grpc_address: Address = setting(
        Address("127.0.0.1", 4975), read_address, "Where events are taken over gRPC, as the server takes them."
    )
    health_address: Address = setting(
        Address("127.0.0.1", 4976), read_address, "Where /healthz and /metrics are served."
    )
    spool_dir: Path = setting(
        Path("/var/lib/headwater-emitter"), read_path, "Where events wait on disk until the server has them."
    )
    spool_ends_with_pod: bool = setting(
        False, read_switch, "Whether what waits there is lost with the pod, as in an emptyDir; said at the end."
    )
    spool_bytes: int = setting(256 * MIB, read_whole(MIB), "How many bytes of events may wait.")
    block_seconds: int = setting(
        5, read_whole(0, 3_600), "How long a sender waits for room where the spool is full, before events are dropped."
    )
    droppable: bool = setting(
        False, read_switch, "Whether the newest events may be dropped when the spool is full; else they are refused."
    )
    max_event_bytes: int = setting(8 * MIB, read_whole(1024), "Bytes of the largest event that is accepted.")
    max_request_bytes: int = setting(
        32 * MIB, read_whole(1024), "Bytes of the largest request that is read, after decompression."
    )
    drain_seconds: int = setting(
        5, read_whole(0, 3_600), "How long it may still deliver when it has been told to stop."
    )
    termination_log: Path | None = setting(
        None, read_path, "Where is written what could not be delivered before the end; /dev/termination-log in a pod."
    )
    pod: Pod = Pod()
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
    settings, found = read_leniently(given, environ)
    if found := [*mistakes, *found]:
        raise SettingsError(found)
    return settings


def read_leniently(given: Mapping[str, str | None], environ: Mapping[str, str]) -> tuple[Settings, list[Mistake]]:
    """The settings, with the default of each that cannot be read; and what is wrong."""
    values, mistakes = program.read_values(Settings, given, environ)
    mistakes += connection_mistakes(values)
    defaults = {each.name: each.default for each in program.declared(Settings)}
    return program.build(Settings, {**defaults, **values}), mistakes
