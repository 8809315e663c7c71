"""A clock that moves only while everybody waits: timed code runs at once, and always the same."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["Clock"]

T = TypeVar("T")
SINCE_1970 = 1.7e9


class Clock:
    """Stands for the module `time` where that is only read, and runs what waits by it.

    For code that waits for nothing outside its own event loop.
    """

    def __init__(self) -> None:
        self._now = 1_000.0

    def monotonic(self) -> float:
        return self._now

    def time(self) -> float:
        return SINCE_1970 + self._now

    def advance(self, seconds: float) -> None:
        """Let time pass in which nothing runs, as when the process is kept from its core."""
        self._now += seconds

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """As `asyncio.run`, without waiting."""
        with asyncio.Runner(loop_factory=lambda: _Loop(self)) as runner:
            return runner.run(main)


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, clock: Clock) -> None:
        super().__init__(_Selector(clock))
        self._clock = clock

    def time(self) -> float:
        return self._clock.monotonic()


class _Selector(selectors.DefaultSelector):
    """Passes the time that it is told to wait; a loop in which nobody will wake up is an error."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "everybody waits for something that never comes"
            self._clock.advance(timeout)
        return ready
