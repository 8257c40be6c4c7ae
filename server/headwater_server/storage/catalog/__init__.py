"""Answers the catalogue's questions: a module for each kind, a function for few queries about many assets."""
