"""How a batch of events is written: one transaction of few statements, whatever the size of the batch."""
