"""The `headwater-server` command: from arguments to settings, and to what they ask for."""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib
import logging
import os
import sys
from collections.abc import Callable, Coroutine, Sequence
from importlib.metadata import version
from typing import Any, TypeVar

try:
    from uvloop import new_event_loop
except ImportError:  # it is not made for every system
    from asyncio import new_event_loop  # type: ignore[assignment]

from headwater.program.running import configure_logging, until_signalled
from headwater.program.watched_files import UnusableFile

from .access.token_hashes import TokenChangeRefused
from .app import Addresses, post_guard, running, store
from .config import LogLevel, Settings, SettingsError, read_settings, settings_parser
from .domain.errors import HeadwaterError, StoreUnavailable
from .postgres_command import PostgresSettings, add_postgres_command, run_postgres
from .processes import Assignment, ProcessEnded, read_assignment, report_ready, serving, stop_with_parent
from .storage.embedded import EmbeddedPostgresError
from .storage.migrate import IncompatibleSchema, upgrade
from .storage.probe import PostgresProbe
from .token_commands import TOKEN_WORDS, TOKENS, add_token_commands

T = TypeVar("T")
USAGE_ERROR = 2
GC_THRESHOLDS = (20_000, 20, 20)
"""After how many new containers a young collection runs, and after how many of each the next older one."""
FAILURES = (
    *(EmbeddedPostgresError, HeadwaterError, IncompatibleSchema, OSError, SettingsError),
    *(ProcessEnded, TokenChangeRefused, UnusableFile),
)
"""What a person is told without a trace."""

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; the exit status."""
    parser = _parser()
    given = vars(parser.parse_args(arguments))
    command: Callable[..., int] = given.pop("command")
    read: Callable[..., Settings | PostgresSettings | Assignment] = given.pop("read", read_settings)
    words = {name: given.pop(name) for name in TOKEN_WORDS if name in given}
    try:
        settings = read(given, os.environ)
    except SettingsError as error:
        return _fail(str(error), USAGE_ERROR)
    origin = f"process {settings.place.number}" if isinstance(settings, Assignment) else ""
    _configure_logging(settings.log_level, origin)
    try:
        return command(settings, **words)
    except FAILURES as error:
        return _fail(str(error))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="headwater-server", description="Serves the lineage of data and models.")
    parser.add_argument("--version", action="version", version=f"headwater-server {version('headwater')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (serve, migrate, check, demo):
        words = (command.__doc__ or "").strip()
        own = commands.add_parser(command.__name__, parents=[settings_parser()], help=words, description=words)
        own.set_defaults(command=command)
    add_postgres_command(commands).set_defaults(command=postgres)
    # Nobody types it, so it is not listed.
    commands.add_parser(process.__name__, description=process.__doc__).set_defaults(
        command=process, read=read_assignment
    )
    add_token_commands(commands.add_parser("token", help=TOKENS, description=TOKENS))
    return parser


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT, then finish what was taken."""
    work = _serve(settings) if settings.processes == 1 else _serve_with_processes(settings)
    _run(until_signalled(work, "server", logger))
    return 0


def process(assignment: Assignment) -> int:
    """Serve as one of several processes: `serve --processes` starts it, and says how."""
    _run(until_signalled(_serve_as_one(assignment), "process", logger))
    return 0


def migrate(settings: Settings) -> int:
    """Bring the store's schema to that of this build; a later one that fits this build stays as it is."""
    _run(_migrate(settings))
    return _say("the schema fits this build")


def check(settings: Settings) -> int:
    """Say whether the settings are right, and whether the store can be used; change nothing."""
    post_guard(settings)
    if not settings.dsn:
        return _say(f"without a DSN, the server runs a PostgreSQL of its own in {settings.data_dir}")
    problem = _run(_check(settings.dsn))
    return _fail(problem) if problem else _say("the store fits this build")


def demo(settings: Settings) -> int:
    """Serve with an example graph."""
    status: int = importlib.import_module("headwater_server.demo").main(settings, os.environ)
    return status


def postgres(settings: PostgresSettings) -> int:
    """Run PostgreSQL until SIGTERM or SIGINT."""
    _run(until_signalled(run_postgres(settings), "database", logger))
    return 0


async def _serve(settings: Settings) -> None:
    async with running(settings) as addresses:
        _calm_collector()
        _say_ready(addresses)
        await asyncio.get_running_loop().create_future()


async def _serve_with_processes(settings: Settings) -> None:
    async with serving(settings) as processes:
        _say_ready(processes.addresses)
        await processes.failed()


async def _serve_as_one(assignment: Assignment) -> None:
    stop_with_parent()
    async with running(assignment.settings, assignment.place):
        _calm_collector()
        report_ready()
        await asyncio.get_running_loop().create_future()


def _say_ready(addresses: Addresses) -> None:
    mtls = f" grpc-mtls={addresses.grpc_mtls}" if addresses.grpc_mtls else ""
    metrics = f" metrics={addresses.metrics}" if addresses.metrics else ""
    _say(f"headwater-server ready grpc={addresses.grpc} http={addresses.http}{mtls}{metrics}")


def _calm_collector() -> None:
    """Has the collector of cycles look less often, and never at what was built so far and lives as long as the server.

    What a call makes is nearly all gone with the call, without the collector.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


async def _migrate(settings: Settings) -> None:
    async with store(settings) as dsn:
        await upgrade(dsn)


async def _check(dsn: str) -> str | None:
    probe = PostgresProbe(dsn)
    try:
        return await probe.check()
    except StoreUnavailable as error:
        return f"the store does not answer: {error.__cause__}"
    finally:
        probe.close()


def _run(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(work)


def _configure_logging(level: LogLevel, origin: str) -> None:
    configure_logging(level.name, origin)
    # Both speak of themselves at length; what matters of it is said here.
    for chatty in ("uvicorn", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _say(text: str) -> int:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
    return 0


def _fail(text: str, status: int = 1) -> int:
    sys.stderr.write(f"headwater-server: {text}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
