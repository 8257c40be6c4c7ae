"""The lineage service: gRPC and HTTP in front of PostgreSQL."""

import os

# gRPC reads it when it is loaded, so before anything else of the server is. A process with gRPC may fork only to become
# another program, as that which starts its PostgreSQL again: gRPC's handlers would wake threads in the child, for which
# threads are missing that the parent has, and now and then it dies of SIGSEGV before it is that program.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
