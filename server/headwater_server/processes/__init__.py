"""Several processes that serve at the same addresses, and the one that starts, watches and ends them.

The parent serves nothing. It holds the ports, runs the server's own PostgreSQL where there is no DSN, and starts each
process anew from the program, for gRPC does not outlive a fork.
"""

from .assignment import Assignment, read_assignment, report_ready, stop_with_parent
from .parent import ProcessEnded, Serving, serving

__all__ = [
    "Assignment",
    "ProcessEnded",
    "Serving",
    "read_assignment",
    "report_ready",
    "serving",
    "stop_with_parent",
]
