"""A PostgreSQL of the server's own, where nobody has set one up. Knows nothing of what is stored in it."""

from .errors import EmbeddedPostgresError
from .network_door import NetworkDoor
from .supervisor import EmbeddedPostgres

__all__ = ["EmbeddedPostgres", "EmbeddedPostgresError", "NetworkDoor"]
