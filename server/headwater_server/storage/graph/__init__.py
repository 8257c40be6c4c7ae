"""Holds the graph in memory: reads all of it once, then what changed, and knows exactly which commits it holds."""
