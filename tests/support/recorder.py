"""A real HTTP proxy in front of a server: it writes down what it is asked, and passes it on."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode, urlsplit

from tests.support.faulty import Behaviour, Exchange, FaultServer

__all__ = ["recorder"]


@contextmanager
def recorder(url: str) -> Iterator[FaultServer]:
    """`seen` of what is given has every request, in order; `url` is where the proxy listens."""
    with FaultServer({"*": _forward(url)}) as server:
        yield server


def _forward(url: str) -> Behaviour:
    port = urlsplit(url).port

    async def behave(exchange: Exchange) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        seen = exchange.seen
        query = f"?{urlencode(seen.query)}" if seen.query else ""
        headers = {**seen.headers, "connection": "close"}
        lines = [f"{seen.method} {seen.path}{query} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + seen.body)
        try:
            while data := await reader.read(1 << 16):
                await exchange.send(data)
        finally:
            writer.transport.abort()
        exchange.writer.close()

    return behave
