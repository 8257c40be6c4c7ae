"""Kubeflow Pipelines: what its pods, Workflows and API say of runs, tasks and artifacts.

Everything but `api` is pure. What is known of Kubeflow Pipelines 2.x and later was read in runs of it.
"""
