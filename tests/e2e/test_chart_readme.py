"""The README's chapter about Helm: its commands are typed in as they stand there, one after the other."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kubernetes.dynamic import DynamicClient

from .kubernetes_access import Namespace, kubectl
from .release import CHART, Release, helm, image_values, need_helm, taking_over

README = CHART.parents[1] / "README.md"
CHAPTER = re.compile(r"^### With Helm$(.*?)^#", re.DOTALL | re.MULTILINE)
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
INSTALL = "helm install headwater helm/headwater"
IMAGE = "python:3.13-slim"
NAMESPACES = ("headwater", "ml")


@pytest.fixture
def typed(client: DynamicClient, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Types commands in, in a folder like that of the repository; what they made goes afterwards."""
    need_helm()
    (tmp_path / "helm").symlink_to(CHART.parent)
    yield lambda commands: Release(Namespace("headwater", client), ()).type_in([commands], tmp_path)
    helm("uninstall", "headwater", "--namespace", "headwater", "--ignore-not-found", "--wait")
    kubectl("delete", "namespace", *NAMESPACES, "--ignore-not-found", "--wait=false")


def blocks(language: str) -> list[str]:
    """What the chapter has of a language."""
    chapter = CHAPTER.search(README.read_text())
    assert chapter
    return [text for name, text in BLOCK.findall(chapter[1]) if name == language]


@pytest.mark.timeout(540)
def test_the_commands_of_the_readme_lead_from_nothing_to_lineage(
    typed: Callable[[str], str], load_image: Callable[[str], str], headwater_image: str
) -> None:
    commands = "\n".join(blocks("sh"))
    assert commands.count(INSTALL) == commands.count(IMAGE) == 1
    options = shlex.join([*image_values(load_image), *taking_over("helm")])
    printed = typed(commands.replace(INSTALL, f"{INSTALL} {options}").replace(IMAGE, headwater_image))
    (answer,) = blocks("text")
    assert answer in printed
    assert 'release "headwater" uninstalled' in printed
    (pod,) = json.loads(kubectl("get", "pods", "--namespace", "ml", "--output", "json"))["items"]
    assert [each["name"] for each in pod["spec"]["initContainers"]] == ["headwater-emitter"]
