"""The `LineagePipeline` resource: what a platform team declares, and which workloads it covers."""
