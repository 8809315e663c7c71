"""What is wrong with each server, worked out once for all the views that ask.

Two depths: `brief` looks at ten minutes, for lists (the feed has them in memory); `full` at half an
hour and more, for the server's own page. Both are remembered for about ten seconds. Decided here: a
finding that is still there began when it was first seen, also when that is longer ago than the
readings that were looked at.
"""

import random
import time
from dataclasses import replace
from threading import Lock

from lib.diagnosis import Diagnosis, Finding, diagnose
from lib.ui.board import Source

__all__ = ["Doctor"]

BRIEF_SECONDS, FULL_SECONDS = 590.0, 1_860.0
REMEMBERED = (8.0, 12.0)
"""Seconds; drawn anew each time, so that fifty servers do not fall due in the same tick."""
CONTINUES = 60.0
"""Seconds after which a finding that was away is a new one."""

_NOTHING = Diagnosis((), (), ())


class Doctor:
    """For any thread."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._lock = Lock()
        self._known: dict[tuple[str, float], tuple[float, Diagnosis]] = {}
        self._began: dict[tuple[str, str], tuple[float, float]] = {}

    def brief(self, server: str) -> Diagnosis:
        """From the last minutes."""
        return self._recalled(server, BRIEF_SECONDS)

    def full(self, server: str) -> Diagnosis:
        """From half an hour."""
        return self._recalled(server, FULL_SECONDS)

    def _recalled(self, server: str, seconds: float) -> Diagnosis:
        now, end = time.monotonic(), time.time()
        due, diagnosis = self._known.get((server, seconds), (0.0, _NOTHING))
        if now < due:
            return diagnosis
        made = diagnose(self._source.window(server, end - seconds, end))
        findings = tuple(self._dated(server, finding, now) for finding in made.findings)
        diagnosis = replace(made, findings=findings)
        self._known[server, seconds] = (now + random.uniform(*REMEMBERED), diagnosis)
        return diagnosis

    def _dated(self, server: str, finding: Finding, now: float) -> Finding:
        with self._lock:
            since, seen = self._began.get((server, finding.rule), (finding.since, now))
            began = min(since, finding.since) if now - seen < CONTINUES else finding.since
            self._began[server, finding.rule] = (began, now)
        return replace(finding, since=began)
