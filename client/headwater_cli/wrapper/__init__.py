"""Runs a command for `headwater run`, and reports it.

`child` runs it and knows nothing of lineage; it needs the standard library only, so that a job runs whatever becomes of
its lineage. `report` tells the server, `origin` finds out what is run, `surroundings` is what the command is told.
"""
