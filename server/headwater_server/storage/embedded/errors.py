"""What keeps the server's own PostgreSQL from running."""


class EmbeddedPostgresError(Exception):
    """The server's own PostgreSQL cannot run; the message says why, and the way out."""
