"""Migrations of the schema, forward only.

A file is named after its number and `pre` (run before the new build is deployed) or `post` (run after the old one is
gone).
"""
