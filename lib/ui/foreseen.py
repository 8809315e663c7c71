"""What comes next for each server, worked out once for all the views that ask.

Decided here: how far back it looks (ten minutes, which the feed has in memory) and how long it is
remembered.
"""

import time
from collections.abc import Callable
from threading import Lock

from lib.diagnosis import Diagnosis, Outlook, outlook
from lib.ui.board import Source

__all__ = ["Foreseen"]

BACK = 590.0
REMEMBERED = 5.0


class Foreseen:
    """For any thread. `diagnosis` tells what is wrong with a server (`Server.id`)."""

    def __init__(self, source: Source, diagnosis: Callable[[str], Diagnosis]) -> None:
        self._source = source
        self._diagnosis = diagnosis
        self._lock = Lock()
        self._known: dict[str, tuple[float, Outlook]] = {}

    def of(self, server: str) -> Outlook:
        """As of now, or a few seconds ago."""
        with self._lock:
            due, known = self._known.get(server, (0.0, Outlook()))
            if time.monotonic() < due:
                return known
            # until the new one is made, others get the old one
            self._known[server] = (time.monotonic() + REMEMBERED, known)
        end = time.time()
        window = self._source.window(server, end - BACK, end)
        made = outlook(window, self._diagnosis(server).findings)
        self._known[server] = (time.monotonic() + REMEMBERED, made)
        return made
