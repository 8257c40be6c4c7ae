"""What Headwater's programs that run for long have in common: how they are set, and how they are told to stop.

Needs the standard library only.
"""
