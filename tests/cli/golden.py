"""Golden files: what was written once and looked at by a person. HEADWATER_GOLDEN=write writes them anew."""

import os
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "golden" / "cli"


def check_golden(name: str, text: str) -> None:
    """Compares a text with the golden file of a name."""
    file = FOLDER / f"{name}.txt"
    # Read once at import: the tests take such variables out of the environment.
    if IS_WRITING:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert file.read_text() == text, (
        "after a change that is meant, run with HEADWATER_GOLDEN=write and look at the files"
    )


IS_WRITING = os.environ.get("HEADWATER_GOLDEN") == "write"
