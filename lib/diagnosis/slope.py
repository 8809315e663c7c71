"""The slope of a short, noisy series, and whether it is one: Theil and Sen's, with an interval.

The slope is the median of the slopes of all pairs of points; a few wild points do not move it. Its
interval comes from the ranks (Kendall's S, with ties, after Sen 1968), so that no shape of the
noise is assumed. Successive readings of a gauge are alike, which makes any slope look sure: so the
variance of S is raised by (1 + r) / (1 − r), r being the correlation of each residual's rank with
the one before, less what so few points take off it (2 + 4 r over their number). What no interval
says is that a slope may end at any moment.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lib.metrics.sample import Values

__all__ = ["LEAST", "SURE", "Slope", "slope"]

LEAST = 10
"""Points without which nothing is said."""
SURE = 0.9
"""The share of cases in which the interval holds the slope."""
_Z = 1.645
"""Standard deviations that `SURE` of a normal distribution lie within."""
_MOST_ALIKE = 0.9


class Slope(NamedTuple):
    """Growth per second, between `low` and `high` in nine of ten cases."""

    value: float
    low: float
    high: float

    @property
    def rises(self) -> bool:
        """Whether it is no noise, and upwards."""
        return self.low > 0

    @property
    def falls(self) -> bool:
        """Whether it is no noise, and downwards."""
        return self.high < 0


def slope(moments: Values, values: Values) -> Slope | None:
    """The slope of the points that have a value; None with less than `LEAST` of them."""
    known = np.isfinite(values)
    if known.sum() < LEAST:
        return None
    moments, values = moments[known] - moments[0], values[known]
    one, other = np.triu_indices(len(values), 1)
    slopes = np.sort((values[other] - values[one]) / (moments[other] - moments[one]))
    middle = float(np.median(slopes))
    spread = _Z * np.sqrt(_variance(values) * _alikeness(values - middle * moments))
    first = max(0, int((len(slopes) - spread) / 2) - 1)
    low, high = float(slopes[first]), float(slopes[-1 - first])
    return Slope(middle, min(low, middle), max(high, middle))


def _variance(values: Values) -> float:
    """Of Kendall's S, for so many points, some of them equal."""
    _, ties = np.unique(values, return_counts=True)
    return _rank_variance(np.array([len(values)])) - _rank_variance(ties)


def _rank_variance(counts: NDArray[np.intp]) -> float:
    return float((counts * (counts - 1) * (2 * counts + 5)).sum()) / 18


def _alikeness(residuals: Values) -> float:
    """By how much the variance grows because points are like those before them; at least 1."""
    count = len(residuals)
    ranks = _ranks(np.round(residuals, 9)) - (count - 1) / 2
    own = float(ranks @ ranks)
    if not own:
        return 1.0  # all points on one line
    common = (count * float(ranks[1:] @ ranks[:-1]) / own + 2) / (count - 4)
    common = min(common, _MOST_ALIKE)
    return max(1.0, (1 + common) / (1 - common))


def _ranks(values: Values) -> Values:
    """The place of each among all, from 0; equal ones share the mean of theirs."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks: Values = (np.cumsum(counts) - (counts + 1) / 2)[places]
    return ranks
