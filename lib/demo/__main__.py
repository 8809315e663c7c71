"""`python -m lib.demo`: all demo servers in one process, on loopback.

Prints one line `demo-chat=http://127.0.0.1:PORT,…` when all of them answer, and runs until it is
told to stop: by a signal, or with `--child` by the end of its standard input (its parent has
gone).
"""

import argparse
import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Iterator

import uvicorn

from lib.demo.demo import Demo
from lib.demo.roles import ROLES
from lib.demo.server import application

HOST = "127.0.0.1"
TICK = 0.25
"""Seconds between two looks at the engines when nobody scrapes them."""


class Server(uvicorn.Server):
    """A uvicorn server that tells when it is `ready` and leaves the signals to this module."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lib.demo", description=__doc__)
    parser.add_argument(
        "--ports",
        default=",".join(str(role.port) for role in ROLES),
        help="preferred ports, one per server, or one for all; 0 picks a free one",
    )
    parser.add_argument("--child", action="store_true", help="stop at the end of standard input")
    options = parser.parse_args()
    try:
        ports = [int(port) for port in options.ports.split(",")]
    except ValueError:
        parser.error("--ports takes numbers separated by commas")
    options.ports = ports * len(ROLES) if len(ports) == 1 else ports
    if len(options.ports) != len(ROLES):
        parser.error(f"--ports takes one port, or {len(ROLES)}")
    return options


def _listen(port: int) -> socket.socket:
    """A listening socket on the port, or on a free one where it is taken."""
    # asyncio sends small answers at once only through sockets that call themselves TCP
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError:
        listener.bind((HOST, 0))
    listener.listen()
    listener.setblocking(False)
    return listener


def _server(demo: Demo) -> Server:
    config = uvicorn.Config(
        application(demo),
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=1,
    )
    return Server(config)


async def _tick(demos: list[Demo]) -> None:
    while True:
        for demo in demos:
            demo.poll()
        await asyncio.sleep(TICK)


async def _stdin_ends() -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(4096):
        pass


async def _told_to_stop(*, child: bool) -> None:
    stop = asyncio.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)
    parent = asyncio.create_task(_stdin_ends()) if child else None
    if parent:
        parent.add_done_callback(lambda _: stop.set())
    await stop.wait()


async def _run(ports: list[int], *, child: bool) -> None:
    demos = [Demo(role, seed=number) for number, role in enumerate(ROLES, start=1)]
    for demo in demos:
        demo.count_from_now()
    servers = [_server(demo) for demo in demos]
    listeners = [_listen(port) for port in ports]
    stopping = asyncio.create_task(_told_to_stop(child=child))
    serving = [
        asyncio.create_task(server.serve(sockets=[listener]))
        for server, listener in zip(servers, listeners, strict=True)
    ]
    ticking = asyncio.create_task(_tick(demos))
    await asyncio.gather(*(server.ready.wait() for server in servers))
    pairs = zip(demos, listeners, strict=True)
    places = (f"{demo.role.name}=http://{HOST}:{one.getsockname()[1]}" for demo, one in pairs)
    print(",".join(places), flush=True)
    await asyncio.wait([stopping, ticking, *serving], return_when=asyncio.FIRST_COMPLETED)
    ticking.cancel()
    for server in servers:
        server.should_exit = True
    await asyncio.gather(*serving)


def main() -> None:
    """Run the demo servers until told to stop."""
    options = _arguments()
    asyncio.run(_run(options.ports, child=options.child))


if __name__ == "__main__":
    main()
