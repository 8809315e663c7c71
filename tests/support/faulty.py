"""A server that misbehaves on purpose, over real sockets: one behaviour per path.

    with FaultServer({"/health": hang(), "/metrics": recorded("metrics.txt")}) as server:
        server["/version"] = answer_json({"version": "0.32.0"})   # may change while it runs
        … server.url … server.seen … server.connections …

A key is a path, `METHOD path`, or a prefix that ends in `*`; else the answer is vLLM's 404.
Many servers in one: give each a base path ("/s17*"). `MODES` holds every fault by name.
"""

import asyncio
import contextlib
import functools
import gzip
import itertools
import json
import socket
import ssl
import struct
import threading
import time
import zlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

__all__ = [
    "MODES",
    "Behaviour",
    "Exchange",
    "FaultServer",
    "Seen",
    "answer",
    "answer_json",
    "big",
    "black_hole",
    "close_at_once",
    "closed_port",
    "drip_body",
    "drip_headers",
    "empty",
    "endless",
    "garbage",
    "gzip_bomb",
    "half_body",
    "hang",
    "header_flood",
    "html",
    "in_turn",
    "recorded",
    "redirect",
    "reset",
    "slow",
    "stream",
]

RECORDINGS = Path(__file__).parents[1] / "recordings"


@dataclass(frozen=True)
class Seen:
    """A request as it arrived; header names in lower case."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Exchange:
    """A request and the connection to misbehave on."""

    seen: Seen
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """End with RST instead of FIN."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Behaviour = Callable[[Exchange], Awaitable[None]]


class FaultServer:
    """Serves on a free port of this machine until the `with` block ends, from one thread."""

    def __init__(
        self, behaviours: Mapping[str, Behaviour] | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self.behaviours = dict(behaviours or {})
        self.seen: list[Seen] = []
        self.connections = 0  # open now
        self.opened = 0  # since the start
        self.port = 0
        self._tls = tls
        self._thread = threading.Thread(target=self._run, name="fault server", daemon=True)
        self._ready = threading.Event()
        self._stop = lambda: None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def __setitem__(self, key: str, behaviour: Behaviour) -> None:
        self.behaviours[key] = behaviour

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(60), "the fault server did not start"
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._thread.join(60)

    def _run(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        loop, stopping = asyncio.get_running_loop(), asyncio.Event()
        self._stop = lambda: loop.call_soon_threadsafe(stopping.set)
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls, backlog=512)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await stopping.wait()
        await asyncio.sleep(0.01)  # asyncio loses a connection that it accepts while closing
        server.close()
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)
        await asyncio.sleep(0.01)  # aborted transports close their sockets in the next turn

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        self.connections += 1
        self.opened += 1
        try:
            while (seen := await _request(reader, writer)) is not None:
                self.seen.append(seen)
                await self._behaviour(seen)(Exchange(seen, reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError, ValueError, ssl.SSLError):
            pass  # the client went away, or sent what is no request
        except asyncio.CancelledError:
            pass  # the server stops; asyncio's streams would log the cancellation as an error
        finally:
            self.connections -= 1
            self._tasks.discard(task)
            writer.transport.abort()

    def _behaviour(self, seen: Seen) -> Behaviour:
        prefixes = sorted((key for key in self.behaviours if key.endswith("*")), key=len)
        matching = [key for key in prefixes if seen.path.startswith(key[:-1])]
        for key in (f"{seen.method} {seen.path}", seen.path, *reversed(matching)):
            if key in self.behaviours:
                return self.behaviours[key]
        return answer_json({"detail": "Not Found"}, 404)


async def _request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Seen | None:
    start = await reader.read(1)
    if not start.isalpha():
        if start:  # a TLS hello, say: uvicorn answers so
            writer.write(_head(400, {"content-length": "0"}))
            await writer.drain()
        return None
    head = (start + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    parts = urlsplit(target)
    return Seen(method, parts.path, tuple(parse_qsl(parts.query)), headers, body)


# ── What a server may do ──────────────────────────────────────────────────────────────────────────


def answer(
    body: bytes | str,
    status: int = 200,
    kind: str = "application/json",
    *,
    headers: Mapping[str, str] | None = None,
    zipped: bool = False,
) -> Behaviour:
    """A whole answer; the connection stays open. `zipped`: where the client accepts gzip."""
    plain = body.encode() if isinstance(body, str) else body

    async def behave(exchange: Exchange) -> None:
        sent, extra = plain, dict(headers or {})
        if zipped and "gzip" in exchange.seen.headers.get("accept-encoding", ""):
            sent, extra["content-encoding"] = gzip.compress(plain), "gzip"
        if exchange.seen.method == "HEAD":
            sent = b""
        extra = {"content-type": kind, "content-length": str(len(sent))} | extra
        await exchange.send(_head(status, extra) + sent)

    return behave


def answer_json(value: object, status: int = 200) -> Behaviour:
    """A whole answer in JSON."""
    return answer(json.dumps(value), status)


def recorded(name: str, status: int = 200, *, zipped: bool = False) -> Behaviour:
    """A recorded answer of real vLLM, from `tests/recordings`."""
    kind = "application/json" if name.endswith(".json") else "text/plain; version=0.0.4"
    return answer((RECORDINGS / name).read_bytes(), status, kind, zipped=zipped)


def redirect(to: str) -> Behaviour:
    """302 to another address."""
    return answer("", 302, headers={"location": to})


def html() -> Behaviour:
    """200 with a page, as a proxy or a login wall sends it."""
    return answer("<!doctype html><title>Sign in</title><p>Please sign in.", kind="text/html")


def empty(status: int = 200) -> Behaviour:
    """A whole answer without a body."""
    return answer("", status)


def big(megabytes: int = 10) -> Behaviour:
    """A valid JSON text of that size, with its length announced."""
    return answer(b'"' + b"x" * (megabytes << 20) + b'"')


def hang() -> Behaviour:
    """Take the request and never answer."""

    async def behave(exchange: Exchange) -> None:
        await exchange.reader.read()  # until the client goes away

    return behave


def slow(seconds: float, then: Behaviour) -> Behaviour:
    """Do something else after a while."""

    async def behave(exchange: Exchange) -> None:
        await asyncio.sleep(seconds)
        await then(exchange)

    return behave


def close_at_once() -> Behaviour:
    """Close the connection without a byte."""

    async def behave(exchange: Exchange) -> None:
        exchange.writer.close()

    return behave


def reset(after: bytes = b"") -> Behaviour:
    """RST, perhaps after some bytes."""

    async def behave(exchange: Exchange) -> None:
        await exchange.send(after)
        exchange.reset()

    return behave


def drip_headers(every: float = 0.02) -> Behaviour:
    """Header bytes one by one, without end."""
    return _drip(b"HTTP/1.1 200 OK\r\nx: ", every)


def drip_body(every: float = 0.02) -> Behaviour:
    """Body bytes one by one, without end."""
    return _drip(_head(200, {"content-type": "text/plain", "content-length": "100000"}), every)


def half_body(kind: str = "application/json") -> Behaviour:
    """Announce 1,000 bytes, send 20, close."""

    async def behave(exchange: Exchange) -> None:
        await exchange.send(_head(200, {"content-type": kind, "content-length": "1000"}))
        await exchange.send(b'{"version": "0.32.0"')
        exchange.writer.close()

    return behave


def endless(kind: str = "text/plain") -> Behaviour:
    """A chunked body without end, as fast as it is taken."""
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"

    async def behave(exchange: Exchange) -> None:
        await exchange.send(_head(200, {"content-type": kind, "transfer-encoding": "chunked"}))
        while True:
            await exchange.send(chunk)

    return behave


def gzip_bomb(megabytes: int = 64) -> Behaviour:
    """A few kilobytes on the wire that inflate to so many megabytes."""
    headers = {"content-encoding": "gzip"}
    return answer(_packed_zeros(megabytes), kind="text/plain", headers=headers)


def header_flood(count: int = 20_000) -> Behaviour:
    """More header lines than anybody reads."""
    return answer("{}", headers={f"x-{number}": "y" * 40 for number in range(count)})


def garbage(first: bytes = b"\x15\x03\x03\x00\x02\x02\x16") -> Behaviour:
    """Bytes that are no HTTP (a TLS alert, unless others are given), then close."""

    async def behave(exchange: Exchange) -> None:
        await exchange.send(first)
        exchange.writer.close()

    return behave


def stream(
    *parts: bytes | str | float,
    then: Behaviour | None = None,
    headers: Mapping[str, str] | None = None,
) -> Behaviour:
    """A chunked event stream of these parts, with pauses of so many seconds; then its end.

    `then` is what happens instead of the end: `hang()`, `close_at_once()`, `reset()`.
    """
    kind = {"content-type": "text/event-stream; charset=utf-8", "transfer-encoding": "chunked"}

    async def behave(exchange: Exchange) -> None:
        await exchange.send(_head(200, kind | dict(headers or {})))
        for part in parts:
            if isinstance(part, float):
                await asyncio.sleep(part)
            else:
                await exchange.send(_chunk(part))
        await (exchange.send(b"0\r\n\r\n") if then is None else then(exchange))

    return behave


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """The first for the first request, and so on; the last one stays."""
    turns = itertools.chain(behaviours, itertools.repeat(behaviours[-1]))

    async def behave(exchange: Exchange) -> None:
        await next(turns)(exchange)

    return behave


@functools.cache
def _packed_zeros(megabytes: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = bytes(1 << 20)
    return b"".join([*(packer.compress(zeros) for _ in range(megabytes)), packer.flush()])


def _drip(start: bytes, every: float) -> Behaviour:
    async def behave(exchange: Exchange) -> None:
        await exchange.send(start)
        while True:
            await exchange.send(b"x")
            await asyncio.sleep(every)

    return behave


def _chunk(part: bytes | str) -> bytes:
    data = part.encode() if isinstance(part, str) else part
    return b"%x\r\n%b\r\n" % (len(data), data)


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{lines}\r\n".encode("latin-1")


def _error(status: int, message: str, kind: str) -> Behaviour:
    return answer_json({"error": {"message": message, "type": kind, "code": status}}, status)


MODES: Mapping[str, Callable[[], Behaviour]] = {
    "hang": hang,
    "drip headers": drip_headers,
    "drip body": drip_body,
    "half body": half_body,
    "close at once": close_at_once,
    "reset": reset,
    "reset in the middle": lambda: reset(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nhalf"),
    "garbage": garbage,
    "redirect": lambda: redirect("http://169.254.169.254/latest/meta-data/"),
    "html": html,
    "empty": empty,
    "401": lambda: answer_json({"error": "Unauthorized"}, 401),
    "403": lambda: answer_json({"error": "Forbidden"}, 403),
    "404": lambda: answer_json({"detail": "Not Found"}, 404),
    "405": lambda: answer_json({"detail": "Method Not Allowed"}, 405),
    "429": lambda: answer("{}", 429, headers={"retry-after": "7"}),
    "500": lambda: answer("Internal Server Error", 500, "text/plain"),
    "501": lambda: _error(501, "The model does not support it", "NotImplementedError"),
    "502": lambda: answer("<html><h1>502 Bad Gateway</h1></html>", 502, "text/html"),
    "503": lambda: empty(503),
    "503 scaling": lambda: answer_json({"error": "The model is currently scaling."}, 503),
    "503 full": lambda: _error(503, "The queue is full", "Service Unavailable"),
    "error inside 200": lambda: answer_json(
        {"object": "error", "message": "The model does not support Embeddings API", "code": 400}
    ),
    "10 MB": big,
    "endless": endless,
    "gzip bomb": gzip_bomb,
    "bad gzip": lambda: answer(b"no gzip", headers={"content-encoding": "gzip"}),
    "cut gzip": lambda: answer(gzip.compress(b'"x"')[:-9], headers={"content-encoding": "gzip"}),
    "unknown encoding": lambda: answer(b"{}", headers={"content-encoding": "br"}),
    "double gzip": lambda: answer(b"{}", headers={"content-encoding": "gzip, gzip"}),
    "header flood": header_flood,
    "bad json": lambda: answer('{"version": '),
    "bad utf-8": lambda: answer(b'{"version": "\xff\xfe"}'),
    "deep json": lambda: answer("[" * 100_000 + "]" * 100_000),
    "NaN": lambda: answer('{"version": NaN, "server_load": NaN, "data": NaN, "tokens": [NaN]}'),
    "infinity": lambda: answer('{"server_load": 1e999, "tokens": [1e999], "data": 1e999}'),
    "long integer": lambda: answer('{"server_load": ' + "9" * 5000 + "}"),
    "null": lambda: answer("null"),
    "list": lambda: answer("[1, 2]"),
    "wrong nesting": lambda: answer('{"data": [[1]], "version": {"a": 1}, "tokens": "x"}'),
}


@contextlib.contextmanager
def closed_port() -> Iterator[str]:
    """The address of a port on which nobody listens, kept free of others meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound but not listening: connecting is refused
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


@contextlib.contextmanager
def black_hole() -> Iterator[str]:
    """The address of a port whose backlog is full: connecting neither succeeds nor fails."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.socket())
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(8):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
