"""Where the node keeps its files, and its name and addresses.

`HEADWATER_E2E_STATE` moves what a running node has; two nodes with states of their own can run side by side.
`HEADWATER_E2E_CACHE` moves what is kept from run to run: programs, images and the custom resources of others.
"""

from __future__ import annotations

import os
from pathlib import Path

STATE = Path(os.environ.get("HEADWATER_E2E_STATE", "/var/lib/headwater-e2e"))
CACHE = Path(
    os.environ.get("HEADWATER_E2E_CACHE")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "headwater-cluster"
)

NODE_NAME = "node"
NODE_ADDRESS = "10.91.0.1"
POD_ADDRESSES = "10.90.0.0/24"
SERVICE_ADDRESSES = "10.96.0.0/16"
API_SERVICE_ADDRESS = "10.96.0.1"
"""The first of the Services' addresses: Kubernetes gives it to the API server."""

KUBECONFIG = STATE / "admin.conf"
KEYS = STATE / "keys"
LOGS = STATE / "logs"
CONTAINERD_SOCKET = STATE / "containerd.sock"
