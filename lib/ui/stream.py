"""The live stream: an event is built once per tick and view, and fanned out to all who watch.

This module alone decides how events travel: one channel per (page, server, window) with one task
that builds, in a worker thread, first the whole view for those who come and then what each tick
adds; a viewer is a bounded queue. A viewer that does not keep up is dropped: its browser connects
again and gets the view whole. Server-sent events carry them (`text/event-stream`): the browser
reconnects by itself and no Streamlit script runs for a tick.
"""

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import NamedTuple, Protocol

from starlette.types import Receive, Send

from lib.watch.record import Tick

__all__ = ["HEADERS", "SEND_SECONDS", "Hub", "View", "Wish", "event"]

_BACKLOG = 8
"""Events a viewer may lag behind before it is dropped."""
SEND_SECONDS = 20.0
"""How long one event may take to leave for a browser that has stopped reading."""
_BEAT_SECONDS = 1.0

HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


def event(kind: str, data: str) -> bytes:
    """One server-sent event; `data` is one line."""
    return f"event: {kind}\ndata: {data}\n\n".encode()


class Wish(NamedTuple):
    """What a viewer wants to see: a page, of servers (by name, none for all), over a window."""

    page: str
    servers: tuple[str, ...]
    window: str


class View(Protocol):
    """What a channel shows. Both methods run in a worker thread, one at a time."""

    servers: frozenset[str] | None
    """Whose ticks make it due; None: it is built once a beat."""

    def opening(self) -> bytes:
        """The whole view, as an event."""

    def tick(self) -> bytes:
        """What is new since the last call, as an event."""


class _Viewer:
    """One browser's queue. `closed` ends its response."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue(_BACKLOG)
        self.closed = False

    def put(self, event: bytes | None) -> None:
        if self.closed:
            return
        try:
            self.queue.put_nowait(event)
        except asyncio.QueueFull:
            self.close()

    def close(self) -> None:
        """End the response at its next turn, without the events that wait."""
        self.closed = True
        while not self.queue.empty():
            self.queue.get_nowait()
        self.queue.put_nowait(None)


class _Channel:
    """One view, which a worker thread owns, and its viewers, which the event loop owns."""

    def __init__(self, view: View, workers: ThreadPoolExecutor) -> None:
        self.view = view
        self.built = 0.0
        self._workers = workers
        self._viewers: set[_Viewer] = set()
        self._arrivals: list[_Viewer] = []
        self._wake = asyncio.Event()
        self._due = False

    @property
    def size(self) -> int:
        return len(self._viewers) + len(self._arrivals)

    def join(self, viewer: _Viewer) -> None:
        self._arrivals.append(viewer)
        self._wake.set()

    def leave(self, viewer: _Viewer) -> None:
        self._viewers.discard(viewer)
        if viewer in self._arrivals:
            self._arrivals.remove(viewer)
        self._wake.set()

    def mark_due(self) -> None:
        self._due = True
        self._wake.set()

    def close(self) -> None:
        for viewer in (*self._viewers, *self._arrivals):
            viewer.close()

    async def run(self) -> None:
        """Build and fan out until nobody is left. Ticks that come while one is built become one."""
        loop = asyncio.get_running_loop()
        whole: bytes | None = None
        while self.size:
            await self._wake.wait()
            self._wake.clear()
            if self._arrivals:
                if whole is None:
                    whole = await loop.run_in_executor(self._workers, self.view.opening)
                arrivals, self._arrivals = self._arrivals, []
                self._viewers.update(arrivals)
                self._fan_out(whole, arrivals)
            if self._due and self._viewers:
                self._due, whole = False, None
                self.built = time.monotonic()
                new = await loop.run_in_executor(self._workers, self.view.tick)
                self._fan_out(new, self._viewers)
                if self._arrivals:
                    self._wake.set()

    @staticmethod
    def _fan_out(data: bytes, viewers: "set[_Viewer] | list[_Viewer]") -> None:
        for viewer in viewers:
            viewer.put(data)


class Hub:
    """All channels of the process. `make(wish)` makes the view of a new channel."""

    def __init__(self, make: Callable[[Wish], View]) -> None:
        self._make = make
        self._workers = ThreadPoolExecutor(2, thread_name_prefix="frames")
        self._channels: dict[Wish, _Channel] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing = False

    @property
    def viewers(self) -> int:
        """How many streams are open."""
        return sum(channel.size for channel in self._channels.values())

    @property
    def is_closing(self) -> bool:
        """Whether every stream is to end, so that the server may stop."""
        return self._closing

    def start(self) -> None:
        """Take the running event loop as home."""
        self._loop = asyncio.get_running_loop()
        self._keep(self._beat())
        if threading.current_thread() is threading.main_thread():
            self._close_before_shutdown(signal.SIGINT)
            self._close_before_shutdown(signal.SIGTERM)

    def ticked(self, ticks: Sequence[Tick]) -> None:
        """New ticks have come (any thread)."""
        if self._loop and not self._closing:
            self._loop.call_soon_threadsafe(self._mark, {tick.server for tick in ticks})

    async def stream(self, wish: Wish, receive: Receive, send: Send) -> None:
        """Serve one viewer until it leaves, falls behind, or the dashboard stops."""
        viewer = _Viewer()
        self._join(wish, viewer)
        leaving = asyncio.create_task(_until_gone(receive, viewer))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            while (data := await viewer.queue.get()) is not None:
                async with asyncio.timeout(SEND_SECONDS):
                    await send({"type": "http.response.body", "body": data, "more_body": True})
            if not leaving.done():
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            pass  # a browser that does not read is not told either
        finally:
            leaving.cancel()
            self._leave(wish, viewer)

    def close(self) -> None:
        """End every stream, so that the server may stop."""
        self._closing = True
        for channel in self._channels.values():
            channel.close()

    async def stop(self) -> None:
        """End every stream and every task."""
        self.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _join(self, wish: Wish, viewer: _Viewer) -> None:
        channel = self._channels.get(wish)
        if channel is None:
            channel = self._channels[wish] = _Channel(self._make(wish), self._workers)
            channel.join(viewer)
            self._keep(self._run(wish, channel))
        else:
            channel.join(viewer)
        if self._closing:
            viewer.close()

    def _leave(self, wish: Wish, viewer: _Viewer) -> None:
        channel = self._channels.get(wish)
        if channel:
            channel.leave(viewer)

    async def _run(self, wish: Wish, channel: _Channel) -> None:
        try:
            await channel.run()
        finally:
            channel.close()
            if self._channels.get(wish) is channel:
                del self._channels[wish]

    async def _beat(self) -> None:
        while not self._closing:
            await asyncio.sleep(_BEAT_SECONDS)
            late = time.monotonic() - 1.5 * _BEAT_SECONDS
            for channel in self._channels.values():
                if channel.view.servers is None or channel.built < late:
                    channel.mark_due()

    def _mark(self, servers: set[str]) -> None:
        for channel in self._channels.values():
            if channel.view.servers and not servers.isdisjoint(channel.view.servers):
                channel.mark_due()

    def _keep(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _close_before_shutdown(self, number: signal.Signals) -> None:
        """Uvicorn waits for open responses before it stops, and a stream never ends by itself."""
        previous = signal.getsignal(number)

        def handle(received: int, frame: FrameType | None) -> None:
            if self._loop:
                self._loop.call_soon_threadsafe(self.close)
            if callable(previous):
                previous(received, frame)

        signal.signal(number, handle)


async def _until_gone(receive: Receive, viewer: _Viewer) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    viewer.close()
