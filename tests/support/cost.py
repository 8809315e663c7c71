"""What work costs, in the time of the thread that does it: what runs beside it is not counted.

A limit on it is another work's cost in the same test: a machine with a slow clock is slow at both.
"""

import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["cost"]

T = TypeVar("T")


def cost(work: Callable[[], T]) -> tuple[float, T]:
    """The seconds that this thread was at work, and what came of it."""
    begun = time.thread_time()
    result = work()
    return time.thread_time() - begun, result
