"""Waiting for something to become true, the only way a test waits: a sleep hides a race."""

import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["until"]

T = TypeVar("T")


def until(condition: Callable[[], T], timeout: float = 10.0, *, every: float = 0.02) -> T:
    """The first true value of `condition`, asked every `every` seconds.

    After `timeout` seconds an AssertionError tells what was waited for and the last value seen.
    """
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            what = getattr(condition, "__qualname__", repr(condition))
            raise AssertionError(f"not within {timeout:g} s: {what}; last seen: {value!r}")
        time.sleep(every)
