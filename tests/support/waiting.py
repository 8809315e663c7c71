"""Waiting for something to become true, the only way a test waits: a sleep hides a race."""

import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["PATIENCE", "until"]

T = TypeVar("T")
PATIENCE = 3.0
"""How much slower a shared machine may be than the one on which a limit was thought out.

A limit only ends the waiting; what must be fast is measured.
"""


def until(condition: Callable[[], T], timeout: float = 10.0, *, every: float = 0.02) -> T:
    """The first true value of `condition`, asked every `every` seconds.

    After `timeout` seconds, on a fast machine, an AssertionError tells what was waited for and the
    last value seen.
    """
    seconds = PATIENCE * timeout
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            what = getattr(condition, "__qualname__", repr(condition))
            raise AssertionError(f"not within {seconds:g} s: {what}; last seen: {value!r}")
        time.sleep(every)
