"""A pipe before a server that notes when the first words of each answer pass."""

import asyncio
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

__all__ = ["Tap", "tapped"]

_WORDS = re.compile(rb'"content":\s*"[^"]')


class Tap:
    """`url` is where the pipe begins; `passed` are wall-clock seconds, one for each answer."""

    def __init__(self, port: int) -> None:
        self.url, self._port = "", port
        self.passed: list[float] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, both ways."""
        inner, outer = await asyncio.open_connection("127.0.0.1", self._port)
        ways = [self._pipe(reader, outer, b""), self._pipe(inner, writer, b"data: ")]
        tasks = [asyncio.create_task(way) for way in ways]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            outer.transport.abort()
            writer.transport.abort()

    async def _pipe(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sign: bytes
    ) -> None:
        is_new = True
        with suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                if b"HTTP/1.1 " in data[:9]:
                    is_new = True
                if sign and is_new and _WORDS.search(data):
                    self.passed.append(time.time())
                    is_new = False
                writer.write(data)
                await writer.drain()


@contextmanager
def tapped(port: int) -> Iterator[Tap]:
    """A pipe before a port of this machine, from a thread of its own."""
    tap, ready = Tap(port), threading.Event()
    ending: list[Callable[[], object]] = []

    async def run() -> None:
        loop, stopping = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(tap.serve, "127.0.0.1", 0)
        tap.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ending.append(lambda: loop.call_soon_threadsafe(stopping.set))
        ready.set()
        await stopping.wait()
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield tap
    finally:
        ending[0]()
        thread.join(5)
