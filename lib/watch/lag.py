"""How late the watcher's own loop is: what tells a slow server from a slow machine.

A task sleeps for a twentieth of a second again and again and notes how late it wakes. Where the
loop was late for a good part of an exchange, running out of time says nothing about the server.
"""

import asyncio
import time
from collections import deque

__all__ = ["Lag"]

STEP_SECONDS = 0.05
REMEMBERED = 200
"""Steps: ten seconds and more."""


class Lag:
    """Lateness of the loop in which `run` runs, in seconds."""

    def __init__(self) -> None:
        self._steps: deque[tuple[float, float]] = deque(maxlen=REMEMBERED)

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            due = time.monotonic() + STEP_SECONDS
            await asyncio.sleep(STEP_SECONDS)
            now = time.monotonic()
            self._steps.append((now, now - due))

    def since(self, moment: float) -> float:
        """All lateness since a moment of the monotonic clock, added up."""
        return sum(self._late(moment))

    def mean(self, moment: float) -> float:
        """How late one step was on average since a moment: what each turn of the loop costs."""
        late = self._late(moment)
        return sum(late) / len(late) if late else 0.0

    def _late(self, moment: float) -> list[float]:
        """The step under way counts: while the loop stands still none is finished."""
        if not self._steps:
            return []
        under_way = time.monotonic() - self._steps[-1][0] - STEP_SECONDS
        finished = [late for ended, late in self._steps if ended > moment]
        return [*finished, under_way] if under_way > 0 else finished
