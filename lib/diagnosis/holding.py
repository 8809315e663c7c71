"""When a condition began to hold for good: for-times and hysteresis over a curve.

A finding that comes and goes with every sample is noise. So a condition must hold for a time before
it counts, and must be clearly over for a time before it is taken back. Moments without a value
change nothing while there are few; what was there before `BLIND` seconds without any is not known
to go on.
"""

import numpy as np
from numpy.typing import NDArray

from lib.metrics import GAP_PERIODS, Grid

__all__ = ["BLIND", "holding_since"]

Flags = NDArray[np.bool_]

BLIND = 60.0
"""Seconds; or `GAP_PERIODS` steps where they are longer."""


def holding_since(
    grid: Grid, known: Flags, enters: Flags, leaves: Flags, *, hold: float, release: float
) -> float | None:
    """Since when the condition holds at the end of the grid (wall-clock seconds); None if not.

    It holds once `enters` was true over `hold` seconds in which `leaves` never was, and ends once
    `leaves` was true over `release` seconds; the moment given is the first at which `enters` was.
    Both mean something only where the curve is `known`.
    """
    moments = grid.moments
    blind = max(BLIND, GAP_PERIODS * grid.step)
    seen = moments[known]
    if not len(seen) or moments[-1] - seen[-1] > blind:
        return None
    breaks = np.flatnonzero(np.diff(seen) > blind)
    first = int(breaks[-1]) + 1 if len(breaks) else 0
    began: float | None = None
    holds = False
    left: float | None = None
    flags = zip(seen.tolist()[first:], enters[known][first:], leaves[known][first:], strict=True)
    for moment, enter, leave in flags:
        if holds:
            left = None if not leave else (moment if left is None else left)
            if left is not None and moment - left >= release:
                began, holds, left = None, False, None
        elif enter:
            began = moment if began is None else began
            holds = moment - began >= hold
        elif leave:
            began = None
    return began if holds else None
