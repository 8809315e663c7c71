"""Answers that models are writing: streams that belong to no page.

They live in one event loop of their own, so that an answer goes on while its page is drawn again,
reloaded or left for a while. Decided here: how many there are, how much of one is kept, that a
double click sends once, and that one which nobody reads any more is stopped: it costs GPU time.
"""

import asyncio
import logging
import re
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping
from concurrent.futures import Future, wait
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeGuard, TypeVar

from lib.api import AsyncVllmClient, Refused
from lib.api.deltas import Delta, Event, Reply
from lib.api.generation import Generation
from lib.servers import AddressPolicy, Server, setting
from lib.ui.bell import Bell
from lib.ui.plain import plain

__all__ = ["AT_ONCE", "Answers", "Full", "Run", "is_name"]

T = TypeVar("T")
log = logging.getLogger(__name__)
AT_ONCE = 64
_KEPT = 256
_LONGEST = 4_000_000
"""Characters of one answer, its log included."""
_TIMEOUT = 20.0
"""Seconds for a connection, and for an answer that comes whole."""
_UNREAD_SECONDS = 120.0
"""A tab that was closed does not come back; one that is loaded again does at once."""
_CLOSING_SECONDS = 2.0
_CLOSING_TURNS = 20
"""A process that stands still loses the turn in which it does, and not all of that time."""
_SENTENCE = 600
_NAME = re.compile(r"[\w-]{1,64}", re.ASCII)

UNREAD = "Stopped: nobody was looking at it any more."
TOO_MUCH = "Stopped here: the answer is longer than this page keeps."
LOST = "The answer could not be read to its end."


class Full(Exception):  # noqa: N818 - the page says it in its own words
    """As much is under way as may be at once; once all is closed, nothing may."""


def is_name(told: object) -> TypeGuard[str]:
    """Whether this can be the name of a run: browsers make them up, so that a run begins once."""
    return isinstance(told, str) and bool(_NAME.fullmatch(told))


@dataclass(eq=False)
class Run:
    """One answer. Written in the loop of `Answers`, read in any thread; times are wall-clock.

    `state` is waiting, streaming, done, stopped or failed; `sentence` says why it is not done.
    `is_over` once it has found its place in the conversation, too.
    `parts` are what a browser draws, in the order in which they came; `reply` is whole when it is
    over, and may be read in other threads only then.
    """

    id: str
    server: Server
    request: Generation
    started: float
    reply: Reply = field(default_factory=Reply)
    state: str = "waiting"
    sentence: str = ""
    refused: Refused | None = None
    finished: float | None = None
    is_over: bool = False
    parts: list[Mapping[str, object]] = field(default_factory=list)
    bell: Bell = field(default_factory=Bell)
    readers: int = 0
    read_at: float = field(default_factory=time.monotonic)
    size: int = 0
    work: "asyncio.Task[None] | None" = None
    is_halted: bool = False

    @property
    def has_output(self) -> bool:
        """Whether the model has written anything."""
        return bool(self.parts)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[None]:
        """Be one who reads it."""
        self.readers += 1
        try:
            yield
        finally:
            self.readers -= 1
            self.read_at = time.monotonic()

    def hear(self, event: Event) -> bool:
        """Take over what came; whether there is room for more."""
        for delta in event.deltas:
            if delta.index == 0 and (part := _part(event, delta)):
                self.state = "streaming"
                self.parts.append(part)
        self.size += max(len(event.raw), _written(event))
        self.bell.ring()
        return self.size <= _LONGEST

    def halt(self) -> None:
        """End it, in the loop."""
        self.is_halted = True
        if self.work:
            self.work.cancel()

    def end(self, state: str, sentence: str = "") -> None:
        """Nothing more comes; only the first word on why counts."""
        if self.finished is None:
            self.state, self.sentence = state, sentence
            self.finished = time.time()

    def close(self) -> None:
        """All that is to be done with it is done."""
        self.is_over = True
        self.bell.ring()


Then = Callable[[Run], None]


class Answers:
    """All of them. For any thread; the loop begins with the first."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._allowed = setting(environ, "INSPECTOR_ALLOW_HOSTS")
        self._lock = threading.RLock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._runs: OrderedDict[str, Run] = OrderedDict()
        self._clients: dict[Server, AsyncVllmClient] = {}
        self._closed = False
        self.bell = Bell()

    def begin(
        self,
        run: str,
        server: Server,
        request: Generation,
        then: Then | None = None,
        *,
        is_read: bool = True,
    ) -> Run:
        """Send a request, unless there is a run of that name.

        `then` is called in a worker thread when it has ended. `is_read`: it is stopped when no
        browser reads it any more.

        Raises:
            Full: as many are being written as may be at once.
        """
        with self._lock:
            if known := self._runs.get(run):
                return known
            if self._closed or sum(not one.is_over for one in self._runs.values()) >= AT_ONCE:
                raise Full
            made = self._runs[run] = Run(run, server, request, time.time())
            self._forget()
            self.spawn(self._write(made, then, is_read=is_read))
        self.bell.ring()
        return made

    def get(self, run: str) -> Run | None:
        """A run by its name."""
        return self._runs.get(run)

    async def awaited(self, run: str, seconds: float) -> Run | None:
        """A run that may be about to begin; None if it does not in time."""
        await self.bell.until(lambda: run in self._runs, seconds)
        return self._runs.get(run)

    def stop(self, run: str) -> None:
        """End an answer here and on the server; what came is kept."""
        with self._lock:
            if self._loop and (known := self._runs.get(run)):
                self._loop.call_soon_threadsafe(known.halt)

    def spawn(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        """Run something in the loop; to cancel what is returned ends it.

        Raises:
            Full: it was closed.
        """
        with self._lock:
            if self._closed:
                work.close()
                raise Full
            return asyncio.run_coroutine_threadsafe(self._listed(work), self._home())

    def client(self, server: Server) -> AsyncVllmClient:
        """The client of a server, to be used in the loop only."""
        client = self._clients.get(server)
        if client is None:
            policy = AddressPolicy.of(server, self._allowed)
            client = AsyncVllmClient.of(server, policy, timeout=_TIMEOUT)
            self._clients[server] = client
        return client

    def close(self) -> None:
        """Stop all of them, now."""
        with self._lock:
            self._closed = True
            loop, self._loop, thread = self._loop, None, self._thread
        if loop and thread:
            ending = asyncio.run_coroutine_threadsafe(self._end(), loop)
            _in_turns(lambda seconds: wait([ending], seconds), ending.done)
            with suppress(TimeoutError):
                ending.result(0)
            loop.call_soon_threadsafe(loop.stop)
            _in_turns(thread.join, lambda: not thread.is_alive())
            if not thread.is_alive():
                loop.close()

    async def _end(self) -> None:
        """Cancel what was begun, then close the connections, then what clings to a slow thread."""
        for task in self._tasks:
            task.cancel()
        await _over(self._tasks)
        await asyncio.gather(*(one.close() for one in self._clients.values()))
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await _over(left)

    async def _listed(self, work: Coroutine[Any, Any, T]) -> T:
        """The same work, known to be under way."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in one
        self._tasks.add(task)
        try:
            return await work
        finally:
            self._tasks.discard(task)

    def _home(self) -> asyncio.AbstractEventLoop:
        """The loop, for who holds the lock."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(
                target=self._loop.run_forever, name="answers", daemon=True
            )
            self._thread.start()
        return self._loop

    def _forget(self) -> None:
        """Forget the oldest that are over."""
        over = [name for name, one in self._runs.items() if one.is_over]
        for name in over[: max(0, len(self._runs) - _KEPT)]:
            del self._runs[name]

    async def _write(self, run: Run, then: Then | None, *, is_read: bool) -> None:
        run.work = asyncio.create_task(self._stream(run))
        if run.is_halted:
            run.work.cancel()
        guard = asyncio.create_task(_halt_unread(run)) if is_read else None
        try:
            await run.work
        except Refused as refused:
            run.refused = refused
            run.end("failed", plain(refused.sentence, _SENTENCE))
        except asyncio.CancelledError:
            run.end("stopped", UNREAD if guard and guard.done() else "")
        except Exception:
            log.exception("An answer ended in a way that was not thought of.")
        finally:
            if guard:
                guard.cancel()
            run.end("failed", LOST)  # where nothing above has ended it
            await _conclude(run, then)

    async def _stream(self, run: Run) -> None:
        async with self.client(run.server).stream(run.request) as stream:
            run.reply = stream.reply
            async for event in stream:
                if not run.hear(event):
                    run.end("stopped", TOO_MUCH)
                    return
        run.end("done")


def _in_turns(wait_for: Callable[[float], object], is_over: Callable[[], bool]) -> None:
    """Wait for an end, but not for ever."""
    for _ in range(_CLOSING_TURNS):
        if is_over():
            return
        wait_for(_CLOSING_SECONDS / _CLOSING_TURNS)


async def _over(tasks: Collection["asyncio.Task[Any]"]) -> None:
    """Wait for their end, but not for ever."""
    if tasks:
        await asyncio.wait(tasks, timeout=_CLOSING_SECONDS / 4)


async def _conclude(run: Run, then: Then | None) -> None:
    """What is to be done with it takes a moment: the other answers go on meanwhile."""
    try:
        if then:
            await asyncio.to_thread(then, run)
    except Exception:
        log.exception("An answer could not be put in its place.")
    finally:
        run.close()


async def _halt_unread(run: Run) -> None:
    """Stop what nobody reads any more."""
    while run.readers or time.monotonic() - run.read_at < _UNREAD_SECONDS:
        await run.bell.until(lambda: run.is_over, _UNREAD_SECONDS / 10)
    run.halt()


def _part(event: Event, delta: Delta) -> Mapping[str, object] | None:
    """What a browser draws of a delta; None where it tells nothing."""
    part: dict[str, object] = {}
    if delta.content:
        part["c"] = delta.content
    if delta.reasoning:
        part["r"] = delta.reasoning
    if delta.tools:
        part["t"] = [[one.index, one.id, one.name, one.arguments] for one in delta.tools]
    if not part:
        return None
    if event.usage and event.usage.completion is not None:
        part["k"] = event.usage.completion
    if delta.choices:
        part["p"] = [[one.chosen.token, one.chosen.logprob] for one in delta.choices]
    return {"at": round(event.at, 4), **part}


def _written(event: Event) -> int:
    """Characters that a model wrote in an event, whose line is kept in part only."""
    texts = (
        len(delta.content) + len(delta.reasoning) + sum(len(one.arguments) for one in delta.tools)
        for delta in event.deltas
    )
    return sum(texts)
