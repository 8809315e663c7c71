"""When a server is asked next. Pure: the moments come as arguments (monotonic clock, seconds).

Decided here:

- Each server has a phase of its own within the period, made of its name, so that a fleet is asked
  evenly. Its moments are `phase + k · period`, whatever happens in between.
- A moment that has passed is skipped and counted, never made up for.
- After `BACK_OFF_AFTER` failures in a row the pause is drawn from 0 up to 2, 4, 8 … 15 s (full
  jitter: a fleet that failed together does not return together); the first answer ends it. A closed
  port costs nothing to ask and is where a restarted server comes back: there the pause stays short.
"""

import math
import random
import zlib
from collections.abc import Callable

__all__ = ["BACK_OFF_AFTER", "LONGEST_PAUSE", "SHORT_PAUSE", "Pace", "phase_of"]

BACK_OFF_AFTER = 5
LONGEST_PAUSE = 15.0
SHORT_PAUSE = 2.0
TOO_LATE = 0.5
"""A moment missed by more than this share of the period is skipped."""


def phase_of(server: str, period: float) -> float:
    """Where in the period a server is asked, in seconds; the same in every process."""
    return period * zlib.crc32(server.encode()) / 2**32


class Pace:
    """The moments of one server. `missed` counts those that were skipped for being late."""

    def __init__(
        self, period: float, phase: float, *, draw: Callable[[float, float], float] = random.uniform
    ) -> None:
        self.period = period
        self.missed = 0
        self._phase = phase
        self._draw = draw
        self._failures = 0

    def after(self, now: float) -> float:
        """The first moment after `now`."""
        turns = math.floor((now - self._phase) / self.period)
        following = self._phase + self.period * (turns + 1)
        # Rounding may give the present moment once more.
        return following if following > now + 1e-6 * self.period else following + self.period

    def is_too_late(self, due: float, now: float) -> bool:
        """Whether the moment `due` is no longer worth asking at."""
        return now - due > TOO_LATE * self.period

    def skip(self, due: float, now: float) -> float:
        """Let `due` pass; the next moment."""
        following = self.after(now)
        self.missed += round((following - due) / self.period)
        return following

    def answered(self, due: float, now: float) -> float:
        """The moment after an answer to the request of `due`."""
        self._failures = 0
        return self._next(due, now)

    def failed(
        self, due: float, now: float, *, longest: float = LONGEST_PAUSE, at_least: float = 0.0
    ) -> float:
        """The moment after a failure; `at_least` is a pause that the server asked for."""
        self._failures += 1
        pause = at_least
        if self._failures >= BACK_OFF_AFTER:
            cap = min(longest, 2.0 ** (self._failures - BACK_OFF_AFTER + 1))
            pause = max(pause, self._draw(0.0, cap))
        return self.after(now + pause) if pause > 0 else self._next(due, now)

    def _next(self, due: float, now: float) -> float:
        following = self.after(now)
        self.missed += round((following - due) / self.period) - 1
        return following
