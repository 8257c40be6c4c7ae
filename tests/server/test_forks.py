"""A server starts programs while gRPC works in it."""

from __future__ import annotations

import subprocess
import sys

FORKS = 40
PROGRAM = f"""
import headwater_server
import asyncio, collections, os
import grpc


async def ask(channel):
    call = channel.unary_unary("/no/Method", bytes, bytes)
    while True:
        try:
            await call(b"")
        except grpc.aio.AioRpcError:
            await asyncio.sleep(0.001)


async def main():
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{{port}}") as channel:
        asking = [asyncio.create_task(ask(channel)) for _ in range(3)]
        ends = collections.Counter()
        for _ in range({FORKS}):
            await asyncio.sleep(0.003)
            child = os.fork()  # as uvloop does for a subprocess
            if child == 0:
                os.execvp("true", ["true"])
            ends[os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])] += 1
        for task in asking:
            task.cancel()
    await server.stop(0)
    print(dict(ends))


asyncio.run(main())
"""


def test_each_fork_becomes_the_program_that_it_was_made_for() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{{0: {FORKS}}}", done.stderr
