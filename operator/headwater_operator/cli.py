"""The `headwater-operator` command: from arguments to settings, and to what they ask for."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version

import yaml

from headwater.program.running import configure_logging, until_signalled
from headwater.program.settings import SettingsError
from headwater.program.values import LogLevel
from headwater.program.watched_files import UnusableFile
from headwater.spool import SpoolError

from .app import running
from .kubernetes_api import KubernetesApiError
from .rbac import make_rbac, make_webhook_rbac
from .settings import Settings, read_settings, settings_parser
from .webhook import app as webhook_app
from .webhook import settings as webhook_settings

USAGE_ERROR = 2

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; the exit status."""
    given = vars(_parser().parse_args(arguments))
    command: Callable[..., int] = given.pop("command")
    return command(**given)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="headwater-operator",
        description="Reports the runs of a cluster's workloads to Headwater, and puts the emitter into pods.",
    )
    parser.add_argument("--version", action="version", version=f"headwater-operator {version('headwater')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command, parents in ((run, [settings_parser()]), (webhook, [webhook_settings.settings_parser()]), (rbac, [])):
        words = (command.__doc__ or "").strip()
        own = commands.add_parser(command.__name__, parents=parents, help=words, description=words)
        own.set_defaults(command=command)
        if command is rbac:
            own.add_argument("--program", choices=("operator", "webhook"), default="operator", help="which one's")
            own.add_argument("--service-account", default="", help="whose; headwater-operator or headwater-webhook")
            own.add_argument("--service-account-namespace", default="headwater", help="where it is")
            own.add_argument("--namespaces", default="", help="the namespaces to watch, separated by commas; else all")
    return parser


def run(**given: str | None) -> int:
    """Watch the cluster and report until SIGTERM or SIGINT."""
    try:
        settings = read_settings(given, os.environ)
    except SettingsError as error:
        return _fail(str(error), USAGE_ERROR)
    _configure_logging(settings)
    try:
        asyncio.run(until_signalled(_run(settings), "operator", logger))
    except (KubernetesApiError, SpoolError, OSError) as error:
        return _fail(str(error))
    return 0


def webhook(**given: str | None) -> int:
    """Answer the API server's question whether a pod gets the emitter until SIGTERM or SIGINT."""
    try:
        settings = webhook_settings.read_settings(given, os.environ)
    except SettingsError as error:
        return _fail(str(error), USAGE_ERROR)
    configure_logging(settings.log_level.name)
    try:
        asyncio.run(until_signalled(_answer(settings), "webhook", logger))
    except (KubernetesApiError, UnusableFile, OSError) as error:
        return _fail(str(error))
    return 0


def rbac(*, program: str, service_account: str, service_account_namespace: str, namespaces: str) -> int:
    """Print the permissions that the operator or the webhook needs, as YAML for kubectl apply."""
    scope = tuple(filter(None, (each.strip() for each in namespaces.split(","))))
    account = service_account or f"headwater-{program}"
    if program == "operator":
        documents = make_rbac(account, service_account_namespace, scope)
    elif scope:
        return _fail("the webhook is asked for every namespace: --namespaces goes with the operator", USAGE_ERROR)
    else:
        documents = make_webhook_rbac(account, service_account_namespace)
    yaml.safe_dump_all(documents, sys.stdout, sort_keys=False)
    return 0


async def _run(settings: Settings) -> None:
    async with running(settings) as operator:
        gc.collect()
        gc.freeze()
        sys.stdout.write(f"headwater-operator ready http={operator.http}\n")
        sys.stdout.flush()
        await operator.failed()


async def _answer(settings: webhook_settings.Settings) -> None:
    async with webhook_app.running(settings) as found:
        sys.stdout.write(f"headwater-operator webhook ready https={found.https} http={found.http}\n")
        sys.stdout.flush()
        await found.cache.filled()
        # What is known now stays for long: a collection that looks at all of it would hold up a pod.
        gc.collect()
        gc.freeze()
        await asyncio.get_running_loop().create_future()


def _configure_logging(settings: Settings) -> None:
    configure_logging(settings.log_level.name)
    # What it says of handlers and retries is about itself; what matters of it is said here.
    logging.getLogger("kopf").setLevel(logging.ERROR if settings.log_level != LogLevel.DEBUG else logging.DEBUG)


def _fail(text: str, status: int = 1) -> int:
    sys.stderr.write(f"headwater-operator: {text}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
