"""Two models over the same texts: whom each takes for nearest, and how their orders agree.

Decided here: cosines of two models are not compared, for each has its own scale; their ranks are.
Of many texts, the pairs of evenly spaced ones stand for all.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.vectors.nearest import neighbours
from lib.vectors.ranking import depth, overlap, spearman
from lib.vectors.similarity import Rows, cosine, finite, rows, unit

__all__ = ["Agreement", "agreement", "label_share", "paired"]

Places = NDArray[np.int64]

_PAIRED = 400
"""Texts of whose pairs the ranks are compared: 79,800 pairs."""


@dataclass(frozen=True, eq=False, slots=True)
class Agreement:
    """`overlap`: each text's share of its `k` nearest that both agree on (NaN: it has none).

    `one` and `other` are the nearest text to each in both (-1: none); `pairs` the cosines of the
    same pairs in both, and `correlation` that of their ranks (Spearman).
    """

    k: int
    overlap: Rows
    one: Places
    other: Places
    pairs: tuple[Rows, Rows]
    correlation: float

    @property
    def mean(self) -> float:
        """The mean share; NaN where no text has neighbours."""
        known = self.overlap[~np.isnan(self.overlap)]
        return float(known.mean()) if len(known) else np.nan

    @property
    def same_nearest(self) -> float:
        """The share of texts with a nearest one whose nearest is the same in both."""
        known = (self.one >= 0) & (self.other >= 0)
        return float((self.one == self.other)[known].mean()) if known.any() else np.nan


def agreement(one: ArrayLike, other: ArrayLike, k: int = 10) -> Agreement:
    """Compare vectors of the same texts, row by row; the dimensions may differ.

    Of few texts, fewer than `k` neighbours are compared (`depth`).

    Raises:
        ValueError: there are fewer than two texts, or different numbers of them.
    """
    a, b = rows(one), rows(other)
    if len(a) != len(b) or len(a) < 2:
        raise ValueError(f"{len(a)} and {len(b)} vectors cannot be compared text by text.")
    k = depth(int(np.count_nonzero(finite(a) & finite(b))), k)
    here, there = neighbours(a, k).index, neighbours(b, k).index
    pairs = _pairs(a), _pairs(b)
    return Agreement(k, overlap(here, there), _first(here), _first(there), pairs, spearman(*pairs))


def label_share(labels: Sequence[str], nearest: Places) -> float:
    """Of the texts with a label and a nearest text, the share whose nearest has the same label."""
    told = np.asarray(labels, dtype=object)
    known = (told != "") & (nearest >= 0)
    return float((told[nearest] == told)[known].mean()) if known.any() else np.nan


def paired(one: ArrayLike, other: ArrayLike) -> NDArray[np.float64]:
    """The cosine of each row with the row beside it; NaN where one of them has none."""
    a, b = (unit(rows_).astype(np.float64) for rows_ in (one, other))
    scores: NDArray[np.float64] = np.clip(np.vecdot(a, b), -1, 1)
    return scores


def _pairs(vectors: Rows) -> Rows:
    chosen = np.unique(np.linspace(0, len(vectors) - 1, min(len(vectors), _PAIRED)).astype(int))
    return cosine(vectors[chosen])[np.triu_indices(len(chosen), 1)]


def _first(index: Places) -> Places:
    return index[:, 0] if index.shape[1] else np.full(len(index), -1)
