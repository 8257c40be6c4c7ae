"""Runs of Kubeflow Pipelines that were captured, and pipelines that were compiled, where they are at hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
KFP_DATA = Path(os.environ.get("HEADWATER_SHARED_DATA") or ROOT.parent / "shared" / "data") / "kfp"


@pytest.fixture(scope="session")
def kfp_data() -> Path:
    """The folder with captured runs and compiled pipelines; skips where it is missing."""
    if not KFP_DATA.is_dir():
        pytest.skip(
            f"no data of Kubeflow Pipelines in {KFP_DATA}: set HEADWATER_SHARED_DATA to the folder that holds it"
        )
    return KFP_DATA
