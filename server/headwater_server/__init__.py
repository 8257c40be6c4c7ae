"""The lineage service: gRPC and HTTP in front of PostgreSQL."""
