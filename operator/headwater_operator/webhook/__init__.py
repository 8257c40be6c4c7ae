"""The admission webhook: puts the emitter into the pods of the workloads that pipelines cover.

A process of its own, without state. What is decided and what is patched is pure; `door`, `cluster_cache` and
`app` are its edges.
"""
