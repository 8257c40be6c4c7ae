"""What lineage means: pure functions on frozen data, with no I/O, no proto and no SQL."""
