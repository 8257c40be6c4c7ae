"""Answers questions about lineage: what leads on from nodes of the graph, and what there is to show of them."""
