"""What modules may import and read, where the layers' contracts cannot say it."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
CLIENT_NEEDS = {"google", "grpc", "grpc_status", "headwater"}
TRANSPORT = "openlineage.py"
"""The client's plugin for OpenLineage's own client: who uses it has that, so it alone may import it."""


def imported_by(file: Path) -> Iterator[str]:
    """The top-level packages that a file imports."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.split(".")[0]


def reads_environment(file: Path) -> bool:
    """Whether a file reads variables of the environment."""
    nodes = ast.walk(ast.parse(file.read_text()))
    return any(isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"} for node in nodes)


def test_the_client_needs_grpc_and_protobuf_only() -> None:
    allowed = CLIENT_NEEDS | sys.stdlib_module_names
    files = [file for file in sorted((ROOT / "client" / "headwater").rglob("*.py")) if "_pb2" not in file.name]
    found = {(file.name, name) for file in files for name in imported_by(file) if name not in allowed}
    assert found <= {(TRANSPORT, "openlineage")}


def test_the_client_works_without_its_plugin_for_openlineage() -> None:
    files = sorted((ROOT / "client" / "headwater").rglob("*.py"))
    users = [file.name for file in files if re.search(r"from \.+openlineage|import openlineage", file.read_text())]
    assert users == []


def test_the_server_reads_the_environment_where_it_starts_only() -> None:
    server = ROOT / "server" / "headwater_server"
    readers = {str(file.relative_to(server)) for file in server.rglob("*.py") if reads_environment(file)}
    assert readers <= {"cli.py", "__init__.py"}  # the latter says to gRPC what it reads when it is loaded
