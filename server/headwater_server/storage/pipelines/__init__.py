"""Pipelines and workloads in PostgreSQL."""
