"""Hubs: texts that are in too many neighbours' lists, and texts that are in none.

In many dimensions a few vectors are near to everything, whatever they say; a search returns them
again and again. Decided here: a hub is in more lists than the mean and two standard deviations; an
anti-hub is in none; a skewness above 1 says that hubs are a trait of the whole set.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.vectors.nearest import Nearest, neighbours
from lib.vectors.similarity import Metric, Rows, finite, rows

__all__ = ["Hubs", "centred", "hubs", "hubs_of"]

Places = NDArray[np.int64]

_APART = 2.0


@dataclass(frozen=True, eq=False, slots=True)
class Hubs:
    """`occurrence`: in how many lists of the `k` nearest each text is; its mean is about `k`.

    `hubs` are rows, the greatest first; `antihubs` those in no list, texts without a vector left
    out. `skewness` is NaN where all occur equally often.
    """

    occurrence: Places
    skewness: float
    hubs: Places
    antihubs: Places
    k: int


def hubs(vectors: ArrayLike, k: int = 10, metric: Metric = Metric.COSINE) -> Hubs:
    """Who is whose neighbour how often."""
    return hubs_of(neighbours(vectors, k, metric))


def hubs_of(nearest: Nearest) -> Hubs:
    """The same from neighbours that are known already: a row's list does not hold the row."""
    index = nearest.index
    counts = np.bincount(index[index >= 0], minlength=len(index))
    known = np.flatnonzero((index >= 0).any(axis=1))
    own = counts[known].astype(np.float64)
    spread = float(own.std()) if len(own) else 0.0
    if spread == 0:
        none = np.zeros(0, np.int64)
        return Hubs(counts, np.nan, none, none, index.shape[1])
    above = known[own > own.mean() + _APART * spread]
    return Hubs(
        occurrence=counts,
        skewness=float((((own - own.mean()) / spread) ** 3).mean()),
        hubs=above[np.argsort(-counts[above], kind="stable")],
        antihubs=known[own == 0],
        k=index.shape[1],
    )


def centred(vectors: ArrayLike) -> Rows:
    """The vectors less their mean: takes away what all have in common, and most hubs with it."""
    matrix = rows(vectors)
    known = finite(matrix)
    if not known.any():
        return matrix
    mean: Rows = matrix[known].mean(axis=0, dtype=np.float64).astype(np.float32)
    return matrix - mean
