"""A server that speaks piece by piece, over a real socket, for tests of what is made of it."""

import asyncio
import json
import threading

__all__ = ["Speaker", "chunk", "server_at"]

from lib.servers import Server, Source

HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"connection: close\r\n\r\n"
)


def server_at(url, name="chat"):
    return Server(name, url, None, Source.ADDED)


def chunk(finish=None, **delta):
    return {
        "id": "x",
        "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }


class Speaker:
    """Says its pieces; `go` lets it go on after each of them where `is_held`."""

    def __init__(self, pieces, *, is_held=False, done=True):
        self.pieces, self.is_held, self.done = pieces, is_held, done
        self.go = threading.Semaphore(0)
        self.left = threading.Event()
        self.asked = []

    async def __call__(self, exchange):
        self.asked.append(exchange.seen.json)
        gone = asyncio.create_task(exchange.reader.read())
        try:
            await exchange.send(HEAD)
            for piece in self.pieces:
                if self.is_held:
                    await self._until_let(gone)
                await exchange.send(f"data: {json.dumps(piece)}\n\n".encode())
            if self.done:
                await exchange.send(b"data: [DONE]\n\n")
            exchange.writer.close()
        finally:
            gone.cancel()

    async def _until_let(self, gone):
        while not self.go.acquire(blocking=False):
            if gone.done():
                self.left.set()
                raise ConnectionError
            await asyncio.sleep(0.005)
