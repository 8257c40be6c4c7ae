"""PostgreSQL behind the domain's ports. SQL stops here."""
