"""The `headwater-server` command: from arguments to settings, and to what they ask for."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import importlib
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from importlib.metadata import version
from typing import Any, TypeVar

try:
    from uvloop import new_event_loop
except ImportError:  # it is not made for every system
    from asyncio import new_event_loop  # type: ignore[assignment]

from .access.token_hashes import TokenChangeRefused, create_token, read_tokens, revoke_token
from .access.watched_files import UnusableFile
from .app import post_guard, running, store
from .config import Settings, SettingsError, read_settings, settings_parser
from .domain.callers import Role
from .domain.errors import HeadwaterError, StoreUnavailable
from .storage.embedded import EmbeddedPostgresError
from .storage.migrate import upgrade
from .storage.probe import PostgresProbe

T = TypeVar("T")
TOKENS = "Make, list and revoke tokens, for callers whom no issuer knows."
USAGE_ERROR = 2
GC_THRESHOLDS = (20_000, 20, 20)
"""After how many new containers a young collection runs, and after how many of each the next older one."""
FAILURES = (EmbeddedPostgresError, HeadwaterError, OSError, SettingsError, TokenChangeRefused, UnusableFile)
"""What a person is told without a trace."""
TOKEN_WORDS = ("name", "role")
"""What the commands about tokens are given beside settings."""
TOKEN_SETTINGS = ("data_dir", "token_hashes_file")
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; the exit status."""
    parser = _parser()
    given = vars(parser.parse_args(arguments))
    command: Callable[..., int] = given.pop("command")
    words = {name: given.pop(name) for name in TOKEN_WORDS if name in given}
    try:
        settings = read_settings(given, os.environ)
    except SettingsError as error:
        return _fail(str(error), USAGE_ERROR)
    _configure_logging(settings)
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
    _add_token_commands(commands.add_parser("token", help=TOKENS, description=TOKENS))
    return parser


def _add_token_commands(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    made: dict[str, argparse.ArgumentParser] = {}
    for name, command in (("create", create), ("list", list_all), ("revoke", revoke)):
        words = (command.__doc__ or "").strip()
        parents = [settings_parser(only=TOKEN_SETTINGS)]
        made[name] = commands.add_parser(name, parents=parents, help=words, description=words)
        made[name].set_defaults(command=command)
    roles = [role.value for role in Role]
    made["create"].add_argument("--role", required=True, choices=roles, help="what its bearer may do")
    made["create"].add_argument("--name", required=True, help="who its bearer is, kept with each event that it sends")
    made["revoke"].add_argument("name", metavar="NAME", help="its name, or its id where several have that name")


def create(settings: Settings, *, name: str, role: str) -> int:
    """Make a token and write it to standard output, once; only its hash is kept."""
    path = settings.token_hashes_file
    token, made = create_token(path, name, Role(role))
    told = f"token:{made.name} is {_with_article(made.role)} (id {made.id}). Keep the token: it is not shown again."
    sys.stderr.write(f"{told}\nIts hash is in {path}; a server that is started with this file asks who calls.\n")
    return _say(token)


def list_all(settings: Settings) -> int:
    """List the tokens, with when they were made and revoked; the tokens themselves are not known."""
    tokens = read_tokens(settings.token_hashes_file)
    rows = [("NAME", "ROLE", "ID", "CREATED", "REVOKED")]
    rows += [
        (each.name, each.role.value, each.id, f"{each.created:%F %R}", f"{each.revoked:%F %R}" if each.revoked else "-")
        for each in tokens
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return _say("\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows))


def revoke(settings: Settings, *, name: str) -> int:
    """Have a token refused from now on."""
    revoked = revoke_token(settings.token_hashes_file, name)
    return _say(f"the token {revoked.id} of {revoked.name} is refused from now on")


def _with_article(role: Role) -> str:
    return f"{'a' if role is Role.READER else 'an'} {role.value}"


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT, then finish what was taken."""
    _run(_serve(settings))
    return 0


def migrate(settings: Settings) -> int:
    """Bring the store's schema to that of this build."""
    _run(_migrate(settings))
    return _say("the schema is that of this build")


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


async def _serve(settings: Settings) -> None:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def stop(sign: signal.Signals) -> None:
        logger.info("stopping on %s; a second one ends the server at once", sign.name)
        for each in STOP_SIGNALS:
            loop.remove_signal_handler(each)
        task.cancel()

    for sign in STOP_SIGNALS:
        loop.add_signal_handler(sign, stop, sign)
    with contextlib.suppress(asyncio.CancelledError):
        async with running(settings) as addresses:
            _calm_collector()
            mtls = f" grpc-mtls={addresses.grpc_mtls}" if addresses.grpc_mtls else ""
            _say(f"headwater-server ready grpc={addresses.grpc} http={addresses.http}{mtls}")
            await loop.create_future()


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


def _configure_logging(settings: Settings) -> None:
    form = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    form.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(form)
    logging.basicConfig(level=settings.log_level.name, handlers=[handler])
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
