"""Outliers: texts that are near to nothing.

Decided here: a text is judged by the mean score with its own nearest, not with all: a small group
of its own is no outlier. It is one if that mean lies 3.5 robust standard deviations (by the median
and the median deviation) on the far side of the others'.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.vectors.nearest import Nearest, neighbours
from lib.vectors.similarity import Metric

__all__ = ["Outliers", "outliers", "outliers_of"]

_FAR = 3.5
_NORMAL = 1.4826  # the standard deviation of a normal distribution over its median deviation
_FEWEST = 5
"""Texts below which nothing stands out."""


@dataclass(frozen=True, eq=False, slots=True)
class Outliers:
    """`mean`: per text the mean score with its nearest, NaN for one without a vector.

    `order`: rows, the loneliest first; `alone`: those of them that stand out.
    """

    mean: NDArray[np.float64]
    order: NDArray[np.int64]
    alone: NDArray[np.int64]


def outliers(vectors: ArrayLike, k: int = 5, metric: Metric = Metric.COSINE) -> Outliers:
    """Who is far from its own `k` nearest."""
    return outliers_of(neighbours(vectors, k, metric), metric)


def outliers_of(nearest: Nearest, metric: Metric = Metric.COSINE) -> Outliers:
    """The same from neighbours that are known already."""
    known = np.flatnonzero((nearest.index >= 0).any(axis=1))
    mean = np.full(len(nearest.index), np.nan)
    if len(known):
        mean[known] = nearest.score[known].mean(axis=1, dtype=np.float64)
    lonely = mean[known] if metric.is_distance else -mean[known]
    order = known[np.argsort(-lonely, kind="stable")]
    if len(known) < _FEWEST:
        return Outliers(mean, order, known[:0])
    off = lonely - np.median(lonely)
    spread = _NORMAL * float(np.median(np.abs(off)))
    far = known[off > _FAR * max(spread, 1e-6)]
    return Outliers(mean, order, order[np.isin(order, far)])
