"""The demonstration behind `make demo`: a server, a story told by real OpenLineage clients, and questions about it."""

from .program import main

__all__ = ["main"]
