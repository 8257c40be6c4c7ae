"""The command `headwater-server postgres`: the server's own PostgreSQL by itself, for servers on other machines."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from headwater.program.settings import Mistake, SettingsError, build, read_values, setting, settings_parser
from headwater.program.values import Address, LogLevel, Unreadable, read_address, read_choice, read_path

from .config import default_data_dir
from .storage.embedded import EmbeddedPostgres, NetworkDoor

POSTGRES = "Run the server's own PostgreSQL by itself, for servers on other machines, until SIGTERM or SIGINT."


def read_password(text: str) -> str:
    """The password in the file that the text names, without the end of its line; raises Unreadable."""
    try:
        password = read_path(text).read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(f"cannot be read: {error}", "name a file that can be read") from error
    if not password:
        raise Unreadable("is empty", "write a password into it")
    return password


@dataclass(frozen=True, kw_only=True)
class PostgresSettings:
    """What can be set of it."""

    data_dir: Path = field(metadata={"read": read_path, "meaning": "Where it keeps what is stored."})
    postgres_password_file: str = setting(
        "", read_password, "The file with the password of those who come in; there has to be one."
    )
    postgres_address: Address = setting(Address("127.0.0.1", 5432), read_address, "Where PostgreSQL listens.")
    pg_bin: Path | None = setting(
        None, read_path, "Folder of the PostgreSQL programs; without it the newest found is taken."
    )
    log_level: LogLevel = setting(LogLevel.INFO, read_choice(LogLevel), "Least important messages that are logged.")


def add_postgres_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Adds its parser, with a flag for each setting; the values stay text for `read_postgres_settings`."""
    parents = [settings_parser(PostgresSettings)]
    parser = commands.add_parser("postgres", parents=parents, help=POSTGRES, description=POSTGRES)
    parser.set_defaults(read=read_postgres_settings)
    return parser


def read_postgres_settings(given: Mapping[str, str | None], environ: Mapping[str, str]) -> PostgresSettings:
    """The settings in the values of the flags and the environment; raises SettingsError with all mistakes."""
    values, mistakes = read_values(PostgresSettings, given, environ, {"data_dir": default_data_dir(environ)})
    if values.get("postgres_password_file") == "":
        mistakes.append(Mistake("--postgres-password-file", "", "is not set", "name a file with a password in it"))
    if mistakes:
        raise SettingsError(mistakes)
    return build(PostgresSettings, values)


async def run_postgres(settings: PostgresSettings) -> None:
    """Runs it until cancelled; then it is shut down in order. Raises EmbeddedPostgresError."""
    address = settings.postgres_address
    door = NetworkDoor(address.host, address.port, settings.postgres_password_file)
    async with EmbeddedPostgres(settings.data_dir, pg_bin=settings.pg_bin, door=door):
        sys.stdout.write(f"headwater-server postgres ready address={address}\n")
        sys.stdout.flush()
        await asyncio.get_running_loop().create_future()
