"""Percentiles from cumulative buckets, as Prometheus computes them, and how sure they are.

A histogram only says how many values lie at or below each edge. A percentile is found in one bucket
and placed by linear interpolation, so that the truth lies anywhere between that bucket's edges:
both are given with it, and so is the number of values. No values, no percentile. Above the last
finite edge nothing is known but "more than that".

Arrays are of shape (..., edges): any number of histograms with the same edges at once.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Percentiles", "percentiles"]

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Percentiles:
    """One percentile of each histogram: `value` lies in (`low`, `high`], out of `count` values.

    NaN where there were no values. In the last bucket `high` is infinite and `value` the last
    finite edge, which is then a lower bound; NaN if there is none.
    """

    value: Values
    low: Values
    high: Values
    count: Values


def percentiles(q: float, edges: Values, cumulative: Values) -> Percentiles:
    """The q-quantile (0 to 1) of each histogram in `cumulative`.

    `edges` ascend and end with infinity; `cumulative[..., i]` counts the values up to `edges[i]`.
    Same figures as `histogram_quantile` of Prometheus: a first bucket that ends above 0 begins at
    0.
    """
    counts = np.maximum.accumulate(np.nan_to_num(cumulative, nan=0.0), axis=-1)
    total = counts[..., -1]
    rank = q * total
    at = np.minimum((counts < rank[..., None]).sum(axis=-1), len(edges) - 1)
    below = np.maximum(at - 1, 0)
    before = np.where(at > 0, np.take_along_axis(counts, below[..., None], -1)[..., 0], 0.0)
    inside = np.take_along_axis(counts, at[..., None], -1)[..., 0] - before
    low = np.where(at > 0, edges[below], np.minimum(0.0, edges[0]))
    high = edges[at]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.clip(np.where(inside > 0, (rank - before) / inside, 1.0), 0.0, 1.0)
        beyond = low if len(edges) > 1 else np.nan
        value = np.where(np.isinf(high), beyond, low + (high - low) * share)
    empty = ~(total > 0)
    value, low, high = (np.where(empty, np.nan, array) for array in (value, low, high))
    return Percentiles(value, low, high, count=total)
