"""The watcher's voice: a unix socket that tells every dashboard each tick as it comes.

A frame is built once and written to all. Nobody is waited for: a dashboard that does not read is
dropped when `BACKLOG_BYTES` wait for it, and may come back. The last two minutes stay in memory, so
that a dashboard that begins, or comes back, can draw without any store.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from lib.watch.record import Tick, checks_of, pack
from lib.watch.wire import Beat, Hello, Kind, frame, layout_frame

__all__ = ["Beacon"]

RING_SECONDS = 120.0
BACKLOG_BYTES = 8_000_000
CATCH_UP_SECONDS = 15.0
LAYOUTS_TOLD = 500
"""After so many layouts a dashboard is told each again: it remembers only some thousands."""
LAYOUT_BYTES = 64_000_000
"""Frames of layouts that are kept ready; a server may make each of them a megabyte."""


@dataclass(frozen=True, slots=True)
class _Said:
    """A tick as it was told: its number, when (monotonic), its record and its layout's frame."""

    number: int
    mono: float
    record: bytes
    layout_key: str
    layout: bytes


@dataclass(eq=False)
class _Listener:
    """One dashboard."""

    writer: asyncio.StreamWriter
    told: set[str] = field(default_factory=set)

    def tell(self, said: _Said, ready: bytes) -> None:
        """Write one tick, its layout before it where it is new to this dashboard."""
        if said.layout and said.layout_key not in self.told:
            if len(self.told) >= LAYOUTS_TOLD:
                self.told.clear()
            self.told.add(said.layout_key)
            self.writer.write(said.layout)
        self.write(ready)

    def write(self, data: bytes) -> None:
        """Write, or drop the dashboard when too much waits for it."""
        if self.writer.transport.get_write_buffer_size() > BACKLOG_BYTES:
            self.writer.transport.abort()
        else:
            self.writer.write(data)


class Beacon:
    """Listens at `path`. All methods belong to the event loop's thread."""

    def __init__(self, path: Path, hello: Callable[[], Hello]) -> None:
        self._path = path
        self._hello = hello
        self._ring: deque[_Said] = deque()
        self._newest: dict[str, _Said] = {}
        self._layouts: dict[str, bytes] = {}
        self._listeners: set[_Listener] = set()
        self._talks: dict[asyncio.Task[None] | None, _Listener] = {}
        self._server: asyncio.Server | None = None
        self._number = 0

    async def start(self) -> None:
        """Begin to listen. A socket file that is there is left over: the caller holds the lock."""
        self._path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._talk, self._path)
        self._path.chmod(0o600)  # its folder already keeps others out

    async def close(self) -> None:
        """End every conversation and remove the socket."""
        if self._server is not None:
            self._server.close()
        for listener in self._talks.values():
            listener.writer.transport.abort()  # its talk ends by that, without a cancellation
        await asyncio.gather(*filter(None, self._talks), return_exceptions=True)
        self._path.unlink(missing_ok=True)

    def publish(self, tick: Tick) -> None:
        """Tell a tick to all, and remember it."""
        said = self._said(tick)
        ready = frame(Kind.TICK, said.record)
        for listener in self._listeners:
            listener.tell(said, ready)
        self._ring.append(said)
        self._newest[tick.server] = said
        while self._ring[0].mono < tick.mono - RING_SECONDS:
            self._ring.popleft()

    def beat(self, beat: Beat) -> None:
        """Tell all that the watcher lives."""
        ready = beat.frame()
        for listener in self._listeners:
            listener.write(ready)

    def greet(self) -> None:
        """Say again who is watched; servers that no longer are, are forgotten."""
        hello = self._hello()
        watched = {*hello.servers, *map(checks_of, hello.servers)}
        self._newest = {name: said for name, said in self._newest.items() if name in watched}
        for listener in self._listeners:
            listener.write(hello.frame())

    def _said(self, tick: Tick) -> _Said:
        self._number += 1
        if tick.sample is None:
            return _Said(self._number, tick.mono, pack(tick), "", b"")
        layout = tick.sample.layout
        if layout.key not in self._layouts:
            ready = sum(map(len, self._layouts.values()))
            if len(self._layouts) >= LAYOUTS_TOLD or ready > LAYOUT_BYTES:
                self._layouts.clear()
            self._layouts[layout.key] = layout_frame(layout)
        told = self._layouts[layout.key]
        return _Said(self._number, tick.mono, pack(tick), layout.key, told)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        listener = _Listener(writer)
        self._talks[asyncio.current_task()] = listener
        try:
            async with asyncio.timeout(CATCH_UP_SECONDS):
                await self._catch_up(listener)
            self._listeners.add(listener)
            await reader.read(1)  # dashboards say nothing: this ends when one leaves
        except (OSError, TimeoutError):
            pass  # it left, or does not read: it may come back
        finally:
            self._listeners.discard(listener)
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()
            del self._talks[asyncio.current_task()]

    async def _catch_up(self, listener: _Listener) -> None:
        """Everything up to now. Nothing can be told between its last look and its return."""
        listener.write(self._hello().frame())
        for said in list(self._newest.values()):
            listener.tell(said, frame(Kind.NEWEST, said.record))
        told = 0
        while fresh := [said for said in self._ring if said.number > told]:
            for said in fresh:
                listener.tell(said, frame(Kind.TICK, said.record))
                if said.number % 100 == 0:
                    await listener.writer.drain()
            told = fresh[-1].number
            await listener.writer.drain()
