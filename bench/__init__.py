"""Benchmarks: the real server against hand-written baselines on the same PostgreSQL, side by side in one run.

`python bench/run.py` runs them all. Nothing of the server is imported here: it is started as a process and spoken to
through its contract.
"""
