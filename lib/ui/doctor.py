"""What is wrong with each server, worked out once for all the views that ask.

Two depths: `brief` looks at ten minutes, for lists (the feed has them in memory); `full` at half an
hour and more, for the server's own page. Both are remembered for some seconds. Brief ones are
worked out in rounds that take little time each, so that a list of fifty servers is never waited
for; after a while without anybody looking they reach as far back as a full one, to find when things
began. Decided here: a finding that is still there began when it was first seen, also when that is
longer ago than the readings that were looked at.
"""

import math
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from threading import Lock

from lib.diagnosis import Context, Diagnosis, Finding, diagnose
from lib.ui.board import Source

__all__ = ["FULL_SECONDS", "Doctor"]

BRIEF_SECONDS, FULL_SECONDS = 590.0, 1_860.0
REMEMBERED = (10.0, 18.0)
"""Seconds; drawn anew each time, so that fifty servers do not fall due in the same round."""
PAGE_REMEMBERED = (3.0, 4.0)
"""The same of a server's own page: what hangs is to be called so within half a minute."""
ROUND_SECONDS = 0.15
"""How long a round may take; the servers it does not reach come with the next."""
CONTINUES = 60.0
"""Seconds after which a finding that was away is a new one."""

_NOTHING = Diagnosis((), (), ())

Facts = Callable[[str, float], Context]
"""What else is known of a server (`Server.id`), for a diagnosis of so many seconds' depth."""


def _unknown(_server: str, _depth: float) -> Context:
    return Context()


class Doctor:
    """For any thread."""

    def __init__(self, source: Source, facts: Facts = _unknown) -> None:
        self._source = source
        self._facts = facts
        self._lock = Lock()
        self._walking = Lock()
        self._known: dict[tuple[str, float], tuple[float, Diagnosis]] = {}
        self._began: dict[tuple[str, str], tuple[float, float]] = {}

    def brief(self, server: str) -> Diagnosis:
        """From the last minutes, as of the last round; returns at once."""
        return self._known.get((server, BRIEF_SECONDS), (0.0, _NOTHING))[1]

    def full(self, server: str) -> Diagnosis:
        """From half an hour; worked out now if what is remembered is old."""
        return self._examined(server, FULL_SECONDS, FULL_SECONDS)

    def walk(self, servers: Iterable[str]) -> None:
        """One round: look at the servers whose brief diagnosis is old, as far as time allows."""
        if not self._walking.acquire(blocking=False):
            return  # another view walks already
        try:
            now = time.monotonic()
            for server in servers:
                due, _ = self._known.get((server, BRIEF_SECONDS), (-math.inf, _NOTHING))
                if now >= due:
                    over = BRIEF_SECONDS if now - due < CONTINUES else FULL_SECONDS
                    self._examined(server, BRIEF_SECONDS, over)
                    if time.monotonic() > now + ROUND_SECONDS:
                        break
        finally:
            self._walking.release()

    def _examined(self, server: str, depth: float, over: float) -> Diagnosis:
        """What is remembered of a depth while it is fresh; else what `over` seconds say now."""
        now, end = time.monotonic(), time.time()
        due, diagnosis = self._known.get((server, depth), (0.0, _NOTHING))
        if now < due:
            return diagnosis
        facts = self._facts(server, depth)
        made = diagnose(self._source.window(server, end - over, end), facts)
        findings = tuple(self._dated(server, finding, now) for finding in made.findings)
        diagnosis = replace(made, findings=findings)
        fresh = REMEMBERED if depth < FULL_SECONDS else PAGE_REMEMBERED
        self._known[server, depth] = (now + random.uniform(*fresh), diagnosis)
        return diagnosis

    def _dated(self, server: str, finding: Finding, now: float) -> Finding:
        with self._lock:
            since, seen = self._began.get((server, finding.rule), (finding.since, now))
            began = min(since, finding.since) if now - seen < CONTINUES else finding.since
            self._began[server, finding.rule] = (began, now)
        return replace(finding, since=began)
