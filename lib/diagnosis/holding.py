"""When a condition began to hold for good: for-times and hysteresis over a curve.

A finding that comes and goes with every sample is noise. So a condition must hold for a time before
it counts, and must be clearly over for a time before it is taken back. Moments without a value
change nothing.
"""

import numpy as np
from numpy.typing import NDArray

from lib.metrics import Grid

__all__ = ["holding_since"]

Flags = NDArray[np.bool_]


def holding_since(
    grid: Grid, enters: Flags, leaves: Flags, *, hold: float, release: float
) -> float | None:
    """Since when the condition holds at the end of the grid (wall-clock seconds); None if not.

    It holds once `enters` was true over `hold` seconds in which `leaves` never was, and ends once
    `leaves` was true over `release` seconds; the moment given is the first at which `enters` was.
    """
    began: float | None = None
    holds = False
    left: float | None = None
    for moment, enter, leave in zip(grid.moments.tolist(), enters, leaves, strict=True):
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
