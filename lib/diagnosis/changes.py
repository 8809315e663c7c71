"""What changed between two spans: of one server, or of two at the same time.

Decided here: what counts as a change. Each span is cut into about a dozen slices, none of which
shares a reading with another, and a figure has one value in each. Its middle is the median of them;
of a rate the mean, for what comes in bursts counts as well. It has changed where the middle moved
by three times the usual spread before (the median absolute deviation), by a fifth of what it was,
and by more than too little to matter; else it is as before. A figure with few known slices on
either side says nothing.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from lib.diagnosis.finding import How
from lib.diagnosis.measures import Measure, measures_of
from lib.diagnosis.points import points
from lib.metrics import Grid, Layout, Window
from lib.metrics.sample import Values

__all__ = [
    "LEAST_SLICES",
    "Difference",
    "Shift",
    "Side",
    "Verdict",
    "differences",
    "is_restarted",
    "shifts",
]

SLICES = 12
LEAST_SLICES = 4
SPREADS, SHARE = 3.0, 0.2
FINE = 5.0
"""Seconds between the moments at which a crossing is looked for."""
TRAIL = 30.0
"""Seconds that each of them looks back, and for which it must hold."""


class Verdict(Enum):
    """What became of a figure."""

    CHANGED = "changed"
    STEADY = "as before"
    FEW = "too few readings"
    NEW = "not reported before"
    GONE = "not reported since"


@dataclass(frozen=True, slots=True)
class Side:
    """A figure over one span: its middle and spread over the slices, None where it has none.

    `slices` of it are known; `counted` is how many values a histogram counted, else None.
    """

    middle: float | None
    spread: float | None
    slices: int
    counted: float | None = None


@dataclass(frozen=True, slots=True)
class Shift:
    """One figure in both spans. `since` is when it first left its usual range (wall-clock s)."""

    measure: Measure
    before: Side
    after: Side
    verdict: Verdict
    since: float | None = None

    @property
    def times(self) -> float | None:
        """How many times what it was; None where it was nothing, or is not known."""
        was, now = self.before.middle, self.after.middle
        return None if was is None or now is None or was <= 0 else now / was

    @property
    def size(self) -> float:
        """How large the change is, the same up or down: 1 is twice or half.

        What is too little to matter is added to both, so that a change from nothing has a size too.
        """
        was, now, least = self.before.middle, self.after.middle, self.measure.least
        if was is None or now is None:
            return 0.0
        return abs(math.log2((max(now, 0.0) + least) / (max(was, 0.0) + least)))


def shifts(before: Window, after: Window, *, whole: Window | None = None) -> tuple[Shift, ...]:
    """Every figure that either span reports: the changed ones first, by size.

    `whole` is the time from the end of `before` to the end of `after`, in which crossings are
    looked for; without it (two servers) there are none.
    """
    measures = measures_of([before.layout, after.layout])
    found = [_shift(measure, before, after, whole) for measure in measures]
    ranks = list(Verdict)
    return tuple(sorted(found, key=lambda one: (ranks.index(one.verdict), -one.size)))


def _shift(measure: Measure, before: Window, after: Window, whole: Window | None) -> Shift:
    was, now = _side(measure, before), _side(measure, after)
    verdict = _verdict(measure, was, now)
    shift = Shift(measure, was, now, verdict)
    if verdict is not Verdict.CHANGED or whole is None:
        return shift
    return replace(shift, since=_crossing(shift, whole))


def _side(measure: Measure, window: Window) -> Side:
    values = slices(measure, window)
    known = values[np.isfinite(values)]
    counted = window.increase(measure.curve.quantity, "le=inf")
    if not len(known):
        return Side(None, None, 0, counted)
    middle = float(known.mean() if measure.curve.how is How.RATE else np.median(known))
    spread = float(np.median(np.abs(known - np.median(known))))
    return Side(middle, spread, len(known), counted)


def slices(measure: Measure, window: Window) -> Values:
    """The figure's value in each slice of a window; NaN where it has none."""
    step = max((window.end - window.start) / SLICES, window.period)
    size = max(1, round((window.end - window.start) / step))
    # The first slice ends a step after the start: nothing of before it belongs to any.
    grid = Grid(window.start + step, step, size)
    return points(replace(measure.curve, span=step), window, grid)


def _verdict(measure: Measure, was: Side, now: Side) -> Verdict:
    if was.middle is None and now.slices >= LEAST_SLICES:
        return Verdict.NEW
    if now.middle is None and was.slices >= LEAST_SLICES:
        return Verdict.GONE
    if min(was.slices, now.slices) < LEAST_SLICES:
        return Verdict.FEW
    moved = abs((now.middle or 0.0) - (was.middle or 0.0))
    return Verdict.CHANGED if moved > _usual(measure, was) else Verdict.STEADY


def _usual(measure: Measure, was: Side) -> float:
    """How far a figure may be from its middle and still be as before."""
    return max(SPREADS * (was.spread or 0.0), SHARE * abs(was.middle or 0.0), measure.least)


def _crossing(shift: Shift, whole: Window) -> float | None:
    """When the figure first left its usual range, the way it went, and stayed out for a while."""
    was, now = shift.before.middle or 0.0, shift.after.middle or 0.0
    grid = Grid.within(whole.start, whole.end, max(FINE, whole.period))
    curve = replace(shift.measure.curve, span=max(TRAIL, grid.step))
    moved = points(curve, whole, grid) - was
    outside = (moved if now > was else -moved) > _usual(shift.measure, shift.before)
    run = max(1, round(TRAIL / grid.step))
    held = np.convolve(outside, np.ones(run), "valid") >= run
    first = np.flatnonzero(held)
    return float(grid.moments[first[0]]) if len(first) else None


# ── What it runs ──


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is a word and not a figure; "" where it is not told."""

    what: str
    name: str
    then: str
    now: str

    @property
    def is_same(self) -> bool:
        """Whether both say the same."""
        return self.then == self.now


def differences(before: Layout, after: Layout) -> tuple[Difference, ...]:
    """Models and configuration of two layouts, those that differ first."""
    told = [("Model", {"models": _models(before)}, {"models": _models(after)})]
    told.append(("Configuration", _labels(before.configs), _labels(after.configs)))
    found = [one for what, then, now in told for one in _compared(what, then, now)]
    return tuple(sorted(found, key=lambda one: one.is_same))


def _compared(what: str, then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Difference]:
    for name in dict.fromkeys([*then, *now]):
        yield Difference(what, name, then.get(name, ""), now.get(name, ""))


def _models(layout: Layout) -> str:
    return ", ".join(dict.fromkeys(model for model, _ in layout.members))


def _labels(configs: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Each label, with the values of all engines."""
    names = dict.fromkeys(name for config in configs for name in config)
    return {
        name: ", ".join(dict.fromkeys(config[name] for config in configs if name in config))
        for name in names
    }


def is_restarted(before: Window, after: Window) -> bool | None:
    """Whether the process of `after` is another than that of `before`; None if not reported."""
    started = [window.gauge("process_start") for window in (before, after)]
    known = [values[np.isfinite(values)] for values in started]
    if not all(len(values) for values in known):
        return None
    return bool(abs(known[1][-1] - known[0][-1]) > 1.0)
