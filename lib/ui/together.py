"""Asking several servers at once, while the page waits a moment and no longer.

Decided here: how long that moment is; that a server which hangs holds up nobody but itself; that
one which refused is not asked again for the same until a little later, and one which answered not
for some minutes, for it may be started again as another; and that a question which a newer one of
the same viewer has replaced is not asked any more. What is not there in time is there when the page
looks again.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future, wait
from typing import Generic, NamedTuple, TypeVar, cast

from lib.api import Refused
from lib.tokens import Unreadable
from lib.ui.workers import Workers

__all__ = ["Found", "Job", "Together"]

T = TypeVar("T")
MOMENT = 0.4
"""Seconds."""
_REFUSED_SECONDS, _KNOWN_SECONDS = 10.0, 300.0
_AT_ONCE = 2
"""Questions to one server."""
_KEPT, _KEPT_SIZE = 1_000, 8_000_000


class Found(NamedTuple, Generic[T]):
    """What came: a value, or a sentence why there is none; neither while it is not there yet."""

    value: T | None = None
    trouble: str = ""

    @property
    def is_waiting(self) -> bool:
        return self.value is None and not self.trouble


class Job(NamedTuple, Generic[T]):
    """A question: to whom, how large (characters), and what it replaces if that has not begun."""

    server: str
    size: int
    run: Callable[[], T]
    slot: Hashable = None


class _Asked(NamedTuple):
    begun: float
    size: int
    future: "Future[object]"


class Together:
    """For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pools: dict[str, Workers] = {}
        self._is_closed = False
        self._asked: OrderedDict[Hashable, _Asked] = OrderedDict()
        self._slots: OrderedDict[Hashable, Hashable] = OrderedDict()

    def ask(self, jobs: Mapping[Hashable, Job[T]], moment: float = MOMENT) -> list[Found[T]]:
        """What each of the jobs brought, in their order, as far as it is known after a moment."""
        futures = [self._begun(key, job) for key, job in jobs.items()]
        wait(futures, timeout=moment)
        return [_found(future) for future in futures]

    def close(self) -> None:
        """Begin nothing more."""
        with self._lock:
            self._is_closed = True
            for pool in self._pools.values():
                pool.close()

    def _begun(self, key: Hashable, job: Job[T]) -> "Future[T]":
        with self._lock:
            asked = self._asked.get(key)
            if asked is None or _is_over(asked):
                self._replace(key, job)
                future = cast("Future[object]", self._pool(job.server).submit(job.run))
                asked = self._asked[key] = _Asked(time.monotonic(), job.size, future)
            self._asked.move_to_end(key)
            self._forget()
            return cast("Future[T]", asked.future)

    def _replace(self, key: Hashable, job: Job[T]) -> None:
        if job.slot is None:
            return
        before = self._asked.get(self._slots.pop(job.slot, None))
        if before is not None:
            before.future.cancel()
        self._slots[job.slot] = key
        if len(self._slots) > _KEPT:
            self._slots.popitem(last=False)

    def _pool(self, server: str) -> Workers:
        if server not in self._pools:
            self._pools[server] = Workers(_AT_ONCE, "comparing")
            if self._is_closed:
                self._pools[server].close()
        return self._pools[server]

    def _forget(self) -> None:
        """Forget the oldest; what is under way is kept, or it would be asked again meanwhile."""
        size = sum(one.size for one in self._asked.values())
        for key in list(self._asked)[:-1]:
            if len(self._asked) <= _KEPT and size <= _KEPT_SIZE:
                break
            if self._asked[key].future.done():
                size -= self._asked.pop(key).size


def _is_over(asked: _Asked) -> bool:
    """Whether it must be asked again to be known."""
    if asked.future.cancelled():
        return True
    if not asked.future.done():
        return False
    failed = asked.future.exception() is not None
    most = _REFUSED_SECONDS if failed else _KNOWN_SECONDS
    return time.monotonic() - asked.begun > most


def _found(future: "Future[T]") -> Found[T]:
    if not future.done() or future.cancelled():
        return Found()
    try:
        return Found(future.result())
    except Refused as refused:
        return Found(trouble=refused.sentence)
    except Unreadable as unreadable:
        return Found(trouble=str(unreadable))
