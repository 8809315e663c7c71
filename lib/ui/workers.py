"""Threads that ask servers beside the pages, until they are closed for good.

Decided here: what is begun after that is a future that was cancelled, and no error: a page that is
being drawn while the dashboard ends needs no sentence about it.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["Workers"]

T = TypeVar("T")


class Workers:
    """So many threads of one name. For any thread."""

    def __init__(self, number: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(number, thread_name_prefix=name)

    def submit(self, work: Callable[[], T]) -> "Future[T]":
        """Do something beside the pages."""
        try:
            return self._pool.submit(work)
        except RuntimeError:  # it was closed
            late = Future[T]()
            late.cancel()
            late.set_running_or_notify_cancel()
            return late

    def close(self) -> None:
        """Begin nothing more; what is under way goes on to its end."""
        self._pool.shutdown(wait=False, cancel_futures=True)
