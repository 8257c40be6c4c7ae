"""How PostgreSQL is set up for this store, on a machine that it shares with others."""

from __future__ import annotations

import os
from pathlib import Path

MIB = 1 << 20


LEAST_CONNECTIONS = 100
SPARE_CONNECTIONS = 40
"""For people, tools, and those of a server that was killed and are not noticed yet."""


def server_settings(memory_bytes: int, *, durable: bool, connections: int = 0) -> dict[str, str]:
    """PostgreSQL's settings for so much memory and servers with so many connections.

    Without durability a crash of the machine loses the data.
    """
    mebibytes = memory_bytes // MIB
    settings = {
        "shared_buffers": f"{_bounded(mebibytes // 8, 64, 4096)}MB",
        "effective_cache_size": f"{_bounded(mebibytes // 2, 256, 65536)}MB",
        "maintenance_work_mem": f"{_bounded(mebibytes // 32, 64, 512)}MB",
        "work_mem": f"{_bounded(mebibytes // 512, 4, 32)}MB",
        "max_connections": str(max(LEAST_CONNECTIONS, connections + SPARE_CONNECTIONS)),
        # Ingestion appends and upserts all day: few, spread checkpoints, and page images that take less room (not every
        # build has lz4).
        "max_wal_size": "4GB",
        "min_wal_size": "256MB",
        "checkpoint_timeout": "15min",
        "wal_compression": "pglz",
        "random_page_cost": "1.1",
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        # An error of a statement is its caller's to log; what remains is little, so that the file needs no rotation.
        "log_min_messages": "log",
        "log_checkpoints": "off",
        "log_line_prefix": "%m [%p] ",
        "cluster_name": "headwater",
    }
    if not durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "128MB"}
    return settings


def usable_memory_bytes() -> int:
    """The memory of this machine or, where it is less, of this container."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            memory = min(memory, int(Path(limit).read_text()))
        except (OSError, ValueError):
            continue
    return memory


def _bounded(value: int, least: int, most: int) -> int:
    return max(least, min(value, most))
