"""The environment variables by which tests that run learn of the cluster that they were started against."""

TARGET = "HEADWATER_E2E_TARGET"
"""Which of the targets it is."""
REGISTRY = "HEADWATER_E2E_REGISTRY"
"""A registry that the cluster pulls from, with this project's images as headwater/NAME:e2e."""
HOST = "HEADWATER_E2E_HOST"
"""An address of this machine that the cluster's pods reach."""
