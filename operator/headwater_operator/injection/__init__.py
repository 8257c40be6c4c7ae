"""Which pods get the emitter: decided here, from the pod and what is known of the cluster. Pure.

The webhook acts on it, the operator compares what runs with it, and `headwater pipelines explain` tells it.
"""
