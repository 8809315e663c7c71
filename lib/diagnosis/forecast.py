"""What comes next if all goes on as in the last two minutes, as ranges, with how they were found.

Decided here: the formulas, how far back they look, and when nothing is said. A rise or fall that
may be noise gives no time; nor does one that is so slow that two minutes say nothing of its end.

- The KV cache: (1 − use) / slope of use, of the fullest engine, once half of it is used.
- The queue: the slope of the waiting requests. It drains at the pace at which waiting and running
  requests become fewer together: what is finished less what arrives, without knowing either.
- A new request waits until those before it are admitted: waiting / (finished + growth of running).
  Preempted requests stand in front of it again, so that their admissions serve nobody new. Where
  nothing waits nothing is said: there may be no room for it all the same.
- The oldest in the queue: of those that waited at a moment, one waits still if fewer were admitted
  since (finished + growth of running + preempted); and none was there when nothing waited.

Clients that leave without an answer are counted nowhere: the queue may then move faster.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from lib.diagnosis.slope import SURE, Slope, slope
from lib.metrics import BY_NAME, GAP_PERIODS, Grid, Window, gauge_curve
from lib.metrics.sample import Values

__all__ = ["BACK", "WAIT", "Forecast", "forecasts"]

BACK = 120.0
"""Seconds that all but the oldest wait look back."""
LEAST_SEEN = 60.0
STEP = 5.0
FRESH = 15.0
"""Seconds that the newest answer may be old."""
CEILING, HALF, LITTLE = 0.98, 0.5, 0.005
FARTHEST = 3_600.0
"""Seconds ahead; two minutes say nothing of what is farther."""
_HALF_WIDTH = 0.8225
"""Half of 1.645: nine in ten counts lie so far from their expectation, on the scale of its root."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """One thing that is to be expected, ready to read.

    `value` is it, `low` and `high` the range around it (None where there is no such end), in `unit`
    ("s" or "requests/min"); `words` say the same for people. `how` is one sentence on where it
    comes from. Where there is none, `refused` says why and all else is empty.
    """

    what: str
    value: float | None
    low: float | None
    high: float | None
    words: str
    how: str
    refused: str = ""
    unit: Literal["s", "requests/min"] = "s"


def forecasts(window: Window) -> tuple[Forecast, ...]:
    """All of them, as of the end of the window; those that can't be made say why."""
    recent = _Recent(window)
    return tuple(
        _refused(what, how, why) if (why := recent.hindrance(*needs)) else find(recent)
        for what, how, needs, find in _ALL
    )


class _Recent:
    """The end of a window, on a grid; nothing of before a restart."""

    def __init__(self, window: Window) -> None:
        self.whole = window
        self.window = window.since(max((window.end - BACK, *window.restarts)))
        step = max(STEP, window.period)
        self.grid = Grid.within(window.end - BACK, window.end, step)

    def hindrance(self, *quantities: str) -> str:
        """Why nothing can be said from these; "" if something can."""
        answers = self.window.times[self.window.answered]
        if not len(answers) or self.window.end - answers[-1] > self.patience:
            return "the server has not answered lately"
        for one in quantities:
            told = self.whole.times[np.isfinite(self.whole.gauge(one))]
            if not len(told):
                return f"this server does not report {BY_NAME[one].source}"
            if self.window.end - told[-1] > self.patience:
                return f"this server has not told {BY_NAME[one].source} lately"
        if answers[-1] - answers[0] < LEAST_SEEN or not self.window.is_single:
            return f"needs {LEAST_SEEN:.0f} s of readings"
        return ""

    @property
    def patience(self) -> float:
        """How old the newest answer may be, in seconds."""
        return max(FRESH, GAP_PERIODS * self.window.period)

    def slope(self, *quantities: str, how: str = "sum") -> Slope | None:
        """Of the sum of these gauges, per second."""
        curves = [gauge_curve(self.window, self.grid, one, how=how) for one in quantities]
        return slope(self.grid.moments, np.sum(curves, axis=0))

    def now(self, quantity: str, how: str = "sum") -> float:
        """The newest value of a gauge."""
        values = self.window.gauge(quantity, how=how)
        known = values[np.isfinite(values)]
        return float(known[-1]) if len(known) else math.nan

    @cached_property
    def admitted(self) -> float:
        """Requests that were admitted and stayed, in the recent time."""
        running = self.window.gauge("running")
        known = running[np.isfinite(running)]
        grown = float(known[-1] - known[0]) if len(known) else 0.0
        return max(0.0, (self.window.increase("finished") or 0.0) + grown)

    @property
    def seconds(self) -> float:
        """From the first to the last answer of the recent time."""
        answers = self.window.times[self.window.answered]
        return float(answers[-1] - answers[0])


# ── The cache ──

_CACHE = "KV cache full in"
_CACHE_HOW = (
    "(1 − use) / slope of {source} of the fullest engine; the slope is the median of those between"
    " all pairs of steps in the last 2 min{figures}"
)


def _cache(recent: _Recent) -> Forecast:
    use = recent.now("kv_usage", "max")
    found = recent.slope("kv_usage", how="max")
    how = _how(_CACHE_HOW, "kv_usage", _share_slope(found))
    if use >= CEILING:
        return Forecast(_CACHE, 0.0, 0.0, 0.0, "already at the ceiling", how)
    if found is None:
        return _refused(_CACHE, how, "too few readings in the last 2 min")
    if use <= HALF:
        used = f"only {use:.0%}" if use >= LITTLE else "hardly any"
        return _refused(_CACHE, how, f"{used} of it is used")
    if not found.rises:
        return _refused(_CACHE, how, "it falls" if found.falls else "no clear rise")
    left = 1 - use
    return _time(_CACHE, how, left / found.value, left / found.high, left / found.low)


def _share_slope(found: Slope | None) -> str:
    if found is None:
        return ""
    value, low, high = (6_000 * one for one in found)
    return f" ({value:+.1f} points / min, {SURE:.0%} interval {low:+.1f} to {high:+.1f})"


# ── The queue ──

_QUEUE = "Queue grows by"
_QUEUE_HOW = "slope of {source} in the last 2 min, the median of those between all pairs of"
_QUEUE_HOW += " steps{figures}"


def _queue(recent: _Recent) -> Forecast:
    found = recent.slope("waiting")
    how = _how(_QUEUE_HOW, "waiting", f", with its {SURE:.0%} interval")
    if found is None:
        return _refused(_QUEUE, how, "too few readings in the last 2 min", "requests/min")
    value, low, high = (60 * one for one in found)
    if not found.rises and not found.falls:
        why = f"no clear trend ({_signed(low)} to {_signed(high)} / min)" if high > low else "level"
        return _refused(_QUEUE, how, why, "requests/min")
    words = f"{_signed(value)} / min ({_signed(low)} to {_signed(high)})"
    return Forecast(_QUEUE, value, low, high, words, how, unit="requests/min")


def _signed(value: float) -> str:
    """A figure with its sign, a real minus, and one digit behind the point below ten."""
    written = f"{value:+.0f}" if abs(value) >= 9.95 else f"{value:+.1f}"
    return written.replace("-", "\N{MINUS SIGN}")


_DRAIN = "Queue empty in"
_DRAIN_HOW = "waiting requests / pace at which {source} and the running ones become fewer together"
_DRAIN_HOW += " in the last 2 min (finished less arrived){figures}"


def _drain(recent: _Recent) -> Forecast:
    waiting = recent.now("waiting")
    found = recent.slope("waiting", "running")
    how = _how(_DRAIN_HOW, "waiting", "")
    if not waiting:
        return _refused(_DRAIN, how, "nothing waits")
    if found is None:
        return _refused(_DRAIN, how, "too few readings in the last 2 min")
    if found.low >= 0:
        return Forecast(_DRAIN, math.inf, None, None, "does not drain", how)
    if not found.falls:
        low, high = _signed(60 * found.low), _signed(60 * found.high)
        return _refused(_DRAIN, how, f"no clear trend ({low} to {high} requests / min)")
    times = (waiting / -one for one in (found.value, found.low, found.high))
    return _time(_DRAIN, how, *times)


WAIT = "A new request waits"
_WAIT_HOW = (
    "{source} / pace of admissions (finished + growth of running) in the last 2 min{figures}"
)


def _wait(recent: _Recent) -> Forecast:
    waiting, admitted, seconds = recent.now("waiting"), recent.admitted, recent.seconds
    figures = f": {admitted:.0f} in {seconds:.0f} s"
    how = _how(_WAIT_HOW, "waiting", figures)
    if not waiting:
        return _refused(WAIT, how, "nothing waits")
    if not admitted:
        least = waiting * seconds / (2 * _HALF_WIDTH) ** 2
        words = f"more than {_long(least)}: none was admitted"
        return Forecast(WAIT, math.inf, least, None, words, how)
    root = math.sqrt(admitted)
    slow, fast = max(0.0, root - _HALF_WIDTH) ** 2, (root + _HALF_WIDTH) ** 2
    value, low = (waiting * seconds / count for count in (admitted, fast))
    high = waiting * seconds / slow if slow else math.inf
    return _time(WAIT, how, value, low, high, farthest=math.inf)


_OLDEST = "The oldest waits"
_OLDEST_HOW = "since the first moment at which more waited ({source}) than were admitted after it"
_OLDEST_HOW += " (finished + growth of running + preempted){figures}"


def _oldest(recent: _Recent) -> Forecast:
    how = _how(_OLDEST_HOW, "waiting", ", if nobody gave up")
    window = recent.whole
    waiting = window.gauge("waiting")
    known = np.isfinite(waiting)
    if not recent.now("waiting"):
        return _refused(_OLDEST, how, "nothing waits")
    began = window.restarts[-1] if window.restarts else -math.inf
    still = known & (_admitted_after(window) < waiting) & (window.times >= began)
    if not still.any():  # it was told before the newest answers, and all is different since
        return _refused(_OLDEST, how, "too few readings in the last 2 min")
    none = window.times[known & (waiting == 0)]
    low = float(window.end - window.times[still][0])
    high = float(window.end - none[-1]) if len(none) else None
    return Forecast(_OLDEST, low, low, high, f"at least {_long(low)}", how)


def _admitted_after(window: Window) -> Values:
    """Admissions after each row until the end, also such as were admitted for the second time."""
    running = window.gauge("running")
    known = np.flatnonzero(np.isfinite(running))
    if len(known):  # an unknown moment counts as the one before it
        at = np.maximum(np.searchsorted(known, np.arange(len(running)), "right") - 1, 0)
        running = running[known[at]]
    counted = [np.nan_to_num(window.growth(one)) for one in ("finished", "preemptions")]
    total = np.cumsum(np.sum(counted, axis=0)) + np.nan_to_num(running)
    after: Values = total[-1] - total
    return after


# ── Words ──


def _refused(what: str, how: str, why: str, unit: Literal["s", "requests/min"] = "s") -> Forecast:
    return Forecast(what, None, None, None, "", how, why, unit)


def _how(template: str, quantity: str, figures: str) -> str:
    return template.format(source=BY_NAME[quantity].source, figures=figures)


def _time(
    what: str, how: str, value: float, low: float, high: float, *, farthest: float = FARTHEST
) -> Forecast:
    """A time ahead as a range; refused if it is too far."""
    if value > farthest:
        return _refused(what, how, "more than an hour away, if ever")
    return Forecast(what, value, low, high, between(low, high), how)


def between(low: float, high: float) -> str:
    """Two times as one range, in the unit of the greater: 3 – 6 min."""
    if high > max(FARTHEST, 10 * low):
        return f"{_long(low)} or more"
    size, unit = _unit(high)
    one, other = (f"{_digits(value / size)}" for value in (low, high))
    return f"about {other} {unit}" if one == other else f"{one} – {other} {unit}"


def _long(seconds: float) -> str:
    size, unit = _unit(seconds)
    return f"{_digits(seconds / size)} {unit}"


def _unit(seconds: float) -> tuple[float, str]:
    """Seconds up to two minutes, minutes up to two hours, then hours."""
    for size, unit in ((3_600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size:
            return size, unit
    return 1.0, "s"


def _digits(value: float) -> str:
    return f"{value:.0f}" if value >= 9.5 or value == 0 else f"{value:.1f}".removesuffix(".0")


_ALL: tuple[tuple[str, str, tuple[str, ...], Callable[[_Recent], Forecast]], ...] = (
    (_CACHE, _how(_CACHE_HOW, "kv_usage", ""), ("kv_usage",), _cache),
    (_QUEUE, _how(_QUEUE_HOW, "waiting", ""), ("waiting",), _queue),
    (_DRAIN, _how(_DRAIN_HOW, "waiting", ""), ("waiting", "running"), _drain),
    (WAIT, _how(_WAIT_HOW, "waiting", ""), ("waiting", "running", "finished"), _wait),
    (_OLDEST, _how(_OLDEST_HOW, "waiting", ""), ("waiting", "running", "finished"), _oldest),
)
