"""What a check finds."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

State: TypeAlias = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True)
class Finding:
    """Says how one thing is, and what to do where it is not well."""

    check: str
    state: State
    detail: str
    remedy: str = ""
