"""What the emitter needs: a sidecar's image and memory are paid for with every pod."""

from __future__ import annotations

import json
import subprocess
import sys

NEEDED = {"google", "grpc", "headwater", "headwater_emitter"}
"""What `headwater` alone needs. gRPC loads what else there is of its own (`grpc_*`)."""

EXTRA = {"anyio", "click", "h11", "idna", "msgspec", "prometheus_client", "starlette", "typing_extensions", "uvicorn"}
"""What the extra `emitter` brings, with what that needs."""


def test_it_loads_nothing_but_its_extra() -> None:
    code = (
        "import json, sys, headwater_emitter.cli, headwater_emitter.program\n"
        "files = {name.partition('.')[0]: getattr(each, '__file__', '') or '' for name, each in sys.modules.items()}\n"
        "print(json.dumps([name for name, file in files.items() if 'site-packages' in file]))\n"
    )
    said = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    loaded = {name for name in json.loads(said.stdout) if not name.startswith(("_", "grpc_"))}
    assert loaded - NEEDED - EXTRA == set()
