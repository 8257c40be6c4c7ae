"""HTTP in front of the same use cases: OpenLineage, JSON and the web page."""
