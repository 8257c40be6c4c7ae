"""The package: light to import, whole when it is used, and the files that belong to it."""

import subprocess
import sys

import pytest

import headwater


def modules_after(statement: str) -> set[str]:
    code = f"{statement}; import sys; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(run.stdout.split())


@pytest.mark.parametrize("statement", ["import headwater", "import headwater.names"])
def test_importing_is_light(statement: str) -> None:
    modules = modules_after(statement)
    assert "headwater" in modules
    assert not {"grpc", "google.protobuf", "asyncio", "openlineage", "headwater.v1"} & modules


def test_events_need_no_grpc() -> None:
    assert "grpc" not in modules_after("import headwater.events")


@pytest.mark.parametrize("name", headwater.__all__)
def test_everything_that_is_promised_is_there(name: str) -> None:
    assert getattr(headwater, name).__name__ == name
    assert name in dir(headwater)


def test_what_is_not_promised_is_not_there() -> None:
    with pytest.raises(AttributeError, match="Cleint"):
        headwater.Cleint  # type: ignore[attr-defined]  # noqa: B018
