"""Waking those who wait in an event loop when a worker has something new.

Decided here: nothing is lost between looking and waiting, and a ring costs nothing where nobody
waits.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress

__all__ = ["Bell"]


class Bell:
    """Rung from any thread, heard in any event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def ring(self) -> None:
        """Wake all who wait now."""
        if not self._waiting:
            return
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for loop, event in waiting:
            with suppress(RuntimeError):  # a loop that has ended meanwhile
                loop.call_soon_threadsafe(event.set)

    async def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until it holds, `seconds` at most; whether it does."""
        end = time.monotonic() + seconds
        while True:
            event = asyncio.Event()
            mine = (asyncio.get_running_loop(), event)
            with self._lock:
                self._waiting.append(mine)
            try:
                # Looked at after the place in the queue is taken: a ring in between is heard.
                left = end - time.monotonic()
                if condition() or left <= 0:
                    return condition()
                async with asyncio.timeout(left):
                    await event.wait()
            except TimeoutError:
                return condition()
            finally:
                with self._lock, suppress(ValueError):
                    self._waiting.remove(mine)
