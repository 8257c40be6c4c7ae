"""`headwater pipelines explain` as a person types it, against an API server."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from headwater_operator.watching import PIPELINES
from headwater_operator.webhook.cluster_cache import NAMESPACES
from headwater_operator.webhook.explain import PODS

from . import shapes
from .api_server import ApiServer, api_server
from .examples import LOAD
from .test_server import KINDS


@pytest.fixture
async def api() -> AsyncIterator[ApiServer]:
    async with api_server() as found:
        await found.put(NAMESPACES, {"metadata": {"name": shapes.NAMESPACE, "labels": shapes.OPTED_IN}})
        await found.put(PIPELINES, shapes.pipeline_body(selector={"kinds": ["CronJob"]}))
        await found.put(KINDS["Job"], {"metadata": shapes.metadata("load", ("batch/v1", "CronJob", "nightly"))})
        await found.put(KINDS["CronJob"], {"metadata": shapes.metadata("nightly")})
        await found.put(PODS, shapes.pod("load-x", owner=LOAD))
        yield found


class Shell:
    """Runs `headwater pipelines explain` with a kubeconfig."""

    def __init__(self, api: ApiServer, folder: Path) -> None:
        self.config = folder / "kubeconfig"
        context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
        cluster = {"name": "c", "cluster": {"server": api.url}}
        users = [{"name": "u", "user": {"token": api.token}}]
        whole = {"current-context": "c", "contexts": [context], "clusters": [cluster], "users": users}
        self.config.write_text(yaml.safe_dump(whole))

    async def run(self, *words: str) -> tuple[int, str, str]:
        """The exit code, and what was written to stdout and stderr."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "headwater_cli.main", "pipelines", "explain", *words,
            env={**os.environ, "KUBECONFIG": str(self.config), "COLUMNS": "200", "NO_COLOR": "1"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()


@pytest.fixture
def shell(api: ApiServer, tmp_path: Path) -> Shell:
    return Shell(api, tmp_path)


async def test_every_gate_of_a_pod_is_told(api: ApiServer, shell: Shell) -> None:
    code, out, err = await shell.run("ml/load-x")
    assert (code, err) == (0, "owned by Job.batch load, CronJob.batch nightly\n")
    assert "gets the emitter for churn" in out
    assert "CLOSED" not in out
    assert "the LineagePipeline churn selects Job load" in out
    assert api.writes == []


async def test_what_stands_in_the_way_is_named(shell: Shell, api: ApiServer) -> None:
    await api.put(NAMESPACES, {"metadata": {"name": shapes.NAMESPACE}})
    code, out, _ = await shell.run("ml/load-x", "-o", "json")
    found = json.loads(out)
    assert code == 0
    assert found["isInjected"] is False
    assert [each["gate"] for each in found["gates"] if not each["isOpen"]] == ["opt-in"]


async def test_a_pod_in_a_file_is_decided_on_as_if_it_were_created(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "pod.yaml"
    pod = shapes.pod("mine", labels={"headwater.dev/inject": "true"})
    file.write_text(yaml.safe_dump(pod))
    code, out, err = await shell.run("--file", str(file))
    assert code == 0
    assert "does not get the emitter" in out
    assert "no LineagePipeline in ml selects Pod mine" in out
    assert "runs without the emitter" in err


async def test_what_cannot_be_explained_is_said(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "job.yaml"
    file.write_text("kind: Job\n")
    for words, status, message in (
        (("ml/none",), 3, "there is no pod none in ml"),
        (("ml",), 2, "write NAMESPACE/POD"),
        (("--file", str(file)), 2, "holds no Pod"),
        ((), 2, "name one NAMESPACE/POD"),
    ):
        code, _, err = await shell.run(*words)
        assert code == status
        assert message in err
    shell.config.write_text(shell.config.read_text().replace("127.0.0.1:", "127.0.0.1:1"))
    code, _, err = await shell.run("ml/load-x")
    assert code == 5
    assert "Traceback" not in err


async def test_without_the_operators_packages_the_way_out_is_told(shell: Shell) -> None:
    code = "import sys; sys.modules['kopf'] = None; from headwater_cli.main import main; sys.exit(main())"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, "pipelines", "explain", "ml/load-x", stderr=asyncio.subprocess.PIPE
    )
    _, err = await process.communicate()
    assert process.returncode == 1
    assert "pip install 'headwater[operator]'" in err.decode()
