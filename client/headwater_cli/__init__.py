"""The `headwater` command: asks a Headwater server, sends it events, and wraps jobs that know nothing of lineage.

`main` starts it; `commands` holds a module for each command, loaded when it is called; the other modules are what the
commands share. It meets the server only through the client library.
"""
