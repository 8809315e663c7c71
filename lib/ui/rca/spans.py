"""The two spans that "What changed" holds against each other, and the readings of them.

Decided here: a moment is the end of its span. Without a wish of the viewer they are the time before
and since the first finding began; without a finding, now and half an hour ago, or what there is.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lib.diagnosis import Finding
from lib.metrics import Window
from lib.servers import Server
from lib.ui.board import Source
from lib.watch.checker import RELEASE, TURNED
from lib.watch.store import Event

__all__ = ["MINUTES", "Spans", "around", "by_default", "window_of"]

MINUTES = (1, 2, 5, 10, 30, 60, 180)
_USUAL, _BACK = 5, 1_800.0
_WHOLE = 6 * 3_600.0
"""Seconds between two moments beyond which nobody looks for when something crossed."""
_KNOWN = 0.5
"""The share of the time before an onset that must have been seen."""


class Spans(NamedTuple):
    """What is asked: two moments (wall-clock seconds), the minutes before each, and whose.

    With an `other` server it is held against this one at moment `b`, and `a` says nothing.
    """

    server: Server
    a: float
    b: float
    minutes: int
    other: Server | None = None

    @property
    def seconds(self) -> float:
        """How long each span is."""
        return 60.0 * self.minutes

    def before(self, source: Source) -> Window:
        """The readings of the first span: of this server then, or of the other one now."""
        whose, end = (self.other, self.b) if self.other else (self.server, self.a)
        return window_of(source, whose, end - self.seconds, end)

    def after(self, source: Source) -> Window:
        """The readings of the second span."""
        return window_of(source, self.server, self.b - self.seconds, self.b)

    def whole(self, source: Source) -> Window | None:
        """The time in which something may have crossed; None where that is not looked for."""
        if self.other or not self.a < self.b <= self.a + _WHOLE:
            return None
        return source.window(self.server.id, self.a, self.b)

    def happened(self, source: Source) -> list[Event]:
        """What happened to the server from the first span to the end of the second."""
        if self.other:
            return []
        return list(source.events(self.a - self.seconds, self.b, self.server.id))

    def releases(self, source: Source, now: float, running: Sequence[str]) -> tuple[str, str]:
        """The release in each span, "" where it is not known.

        `running` are those of this server and of the other one at this moment, `now`.
        """
        if self.other:
            return running[1], _release(source, self.server, self.b, now, running[0])
        return (
            _release(source, self.server, self.a, now, running[0]),
            _release(source, self.server, self.b, now, running[0]),
        )


def window_of(source: Source, server: Server, start: float, end: float) -> Window:
    """The readings of a span; by the minute where nothing finer is kept any more."""
    window = source.window(server.id, start, end)
    if window.answered.any():
        return window
    longer = source.window(server.id, min(start, end - 3_700.0), end)
    return longer.since(start, end)


def _release(source: Source, server: Server, moment: float, now: float, running: str) -> str:
    """The release that ran at a moment: what the next change was from, else what runs now."""
    if moment >= now - 60.0:
        return running
    turned = [one for one in source.events(moment, now, server.id) if one.kind == RELEASE]
    if turned:
        return turned[0].text.partition(TURNED)[0]
    began = [one for one in source.events(moment, now, server.id) if one.kind == "restarted"]
    # Another release may have come with a start that nobody saw the release before.
    return "" if began else running


def around(onset: float, now: float) -> tuple[float, float, int]:
    """Moments and minutes that hold the time before something began against the time since."""
    since = min((now - onset) / 60.0, 10.0)
    return onset, now, max((one for one in MINUTES if one <= since), default=1)


def by_default(
    source: Source, server: Server, findings: Sequence[Finding], now: float
) -> tuple[float, float, int]:
    """What is looked at before anybody chose."""
    if findings:
        a, b, minutes = around(findings[0].since, now)
        before = window_of(source, server, a - 60.0 * minutes, a)
        if np.nansum(before.elapsed) >= _KNOWN * 60.0 * minutes:
            return a, b, minutes
    seen = source.window(server.id, now - _BACK - 60.0 * _USUAL, now)
    answers = seen.times[np.flatnonzero(seen.answered)]
    known = float(now - answers[0]) if len(answers) else 0.0
    fitting = [one for one in MINUTES if one <= _USUAL and 2 * 60.0 * one <= known]
    minutes = max(fitting, default=1)
    return max(now - _BACK, now - known + 60.0 * minutes), now, minutes
