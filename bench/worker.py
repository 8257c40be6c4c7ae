"""One workload in a process: reads a task from standard input and writes its measure to standard output, as JSON.

A process of its own, so that the load has its own interpreter and a heap that no other workload has touched.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys

from bench.measure import Task
from bench.workloads import WORKLOADS


def main() -> None:
    """Does the task; an error ends the process with its traceback on standard error."""
    task = Task(**json.load(sys.stdin))
    try:
        measure = asyncio.run(WORKLOADS[task.workload].run(task))
    except ExceptionGroup as group:  # the requests under way fail together; one of them says why
        raise group.exceptions[0] from None
    json.dump(dataclasses.asdict(measure), sys.stdout)


if __name__ == "__main__":
    main()
