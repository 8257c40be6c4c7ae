"""Runs the demonstration, and leaves the server running until Ctrl-C."""

# ruff: noqa: T201 - it talks to a person

from __future__ import annotations

import contextlib
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from openlineage.client import OpenLineageClient

from ..config import Settings
from .story import tell

READY = re.compile(r"headwater-server ready grpc=(\S+) http=(\S+)")


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs as a process of its own."""

    process: subprocess.Popen[str]
    grpc_address: str
    http_address: str


def main(settings: Settings, environ: Mapping[str, str]) -> int:
    """Starts a server on an empty store, tells the story, asks the questions, and waits for Ctrl-C."""
    with contextlib.suppress(KeyboardInterrupt):
        return _show(settings, environ)
    return 0


def _show(settings: Settings, environ: Mapping[str, str]) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    clean = {key: value for key, value in environ.items() if not key.startswith(("HEADWATER_", "OPENLINEAGE_"))}
    with tempfile.TemporaryDirectory(prefix="headwater-demo-") as folder, _serving(settings, folder, clean) as server:
        count = _send(server)
        print(f"Sent {count} events of two nights with openlineage-python, one night over HTTP and one over gRPC.\n")
        for why, words in _questions():
            _ask(clean | {"HEADWATER_ADDRESS": server.grpc_address}, why, words)
        print(f"The service is running: gRPC {server.grpc_address}, HTTP http://{server.http_address}")
        print(f"Ask it yourself:  HEADWATER_ADDRESS={server.grpc_address} .venv/bin/headwater --help")
        print("Ctrl-C ends it; what it holds goes with it.", flush=True)
        return server.process.wait()


@contextlib.contextmanager
def _serving(settings: Settings, folder: str, environ: Mapping[str, str]) -> Iterator[Server]:
    print("Starting a server on an empty PostgreSQL of its own …", flush=True)
    command = [sys.executable, "-m", "headwater_server.cli", "serve", "--data-dir", folder]
    command += ["--grpc-address", str(settings.grpc_address), "--http-address", str(settings.http_address)]
    process = subprocess.Popen(  # noqa: S603
        command, stdout=subprocess.PIPE, text=True, env=environ, start_new_session=True
    )
    try:
        assert process.stdout is not None
        ready = next((found for line in process.stdout if (found := READY.search(line))), None)
        if ready is None:
            raise SystemExit(f"the server did not start (exit status {process.wait()}); its log is above")
        yield Server(process, ready[1], ready[2])
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _send(server: Server) -> int:
    """Sends the story: the first half over HTTP, the second over gRPC; how many events that were."""
    over_http = OpenLineageClient(config={"transport": {"type": "http", "url": f"http://{server.http_address}"}})
    grpc = {"type": "headwater.openlineage.GrpcTransport", "address": server.grpc_address}
    over_grpc = OpenLineageClient(config={"transport": grpc})
    events = list(tell(datetime.now(UTC)))
    for index, event in enumerate(events):
        (over_http if index < len(events) // 2 else over_grpc).emit(event)
    over_grpc.close()
    over_http.close()
    return len(events)


def _questions() -> list[tuple[str, str]]:
    nights = sorted({event.eventTime[:10] for event in tell(datetime.now(UTC))})
    first, second = nights[0], nights[-1]
    return [
        ("What is the model made of?", "upstream churn_prediction_model_v2"),
        ("What depends on the source?", "downstream user_behavior"),
        ("Which versions trained it, night by night?", "show churn_prediction_model_v2 --writes"),
        ("Exactly what did the last training read?", "upstream churn_prediction_model_v2@latest --level run"),
        ("Why is it stale? The features were not refreshed:", "runs build_features"),
        ("What changed at the source?", f"diff user_behavior@{first} user_behavior@{second}"),
    ]


def _ask(environ: Mapping[str, str], why: str, words: str) -> None:
    print(f"{why}\n$ headwater {words}", flush=True)
    command = [sys.executable, "-m", "headwater_cli.main", *shlex.split(words)]
    finished = subprocess.run(command, env=environ, check=False)  # noqa: S603
    if finished.returncode:
        raise SystemExit(f"`headwater {words}` failed with exit status {finished.returncode}")
    print(flush=True)
