"""Orders judged and compared: how good one is, how alike two are, what moved.

Decided here: gains of nDCG are linear (2 counts twice as much as 1); where nothing is relevant
there is no nDCG and no MRR (NaN), rather than 0; equal scores share the mean of their ranks;
neighbours are compared as sets, because the order among near equals is rounding; and so few of
them that two orders which have nothing in common share a third of them at most.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.vectors.nearest import neighbours
from lib.vectors.similarity import Metric, Rows, rows

__all__ = [
    "Move",
    "depth",
    "mrr",
    "ndcg",
    "neighbour_overlap",
    "overlap",
    "rank_changes",
    "ranks",
    "spearman",
]

Places = NDArray[np.int64]


class Move(NamedTuple):
    """One document in two orders; ranks count from 1, None where it is not in that order."""

    document: int
    before: int | None
    after: int | None

    @property
    def gained(self) -> int | None:
        """Places up; negative is down."""
        return None if self.before is None or self.after is None else self.before - self.after


def ndcg(
    relevance: ArrayLike, order: ArrayLike, k: int = 10, scores: ArrayLike | None = None
) -> float:
    """How good the first `k` of an order are, from 0 to 1: gains discounted by log2 of the rank.

    `relevance` has a number from 0 on per document, `order` documents, the best first. With the
    `scores` that made the order, it is the mean over all orders of documents that score the same.
    """
    gains = np.nan_to_num(np.asarray(relevance, np.float64))
    places = np.asarray(order, np.int64)
    best = _discounted(np.sort(gains)[::-1][:k])
    got = gains[places]
    if scores is not None:
        _, level = np.unique(np.asarray(scores, np.float64)[places], return_inverse=True)
        got = (np.bincount(level, got) / np.bincount(level))[level]
    return _discounted(got[:k]) / best if best > 0 else np.nan


def mrr(relevance: ArrayLike, order: ArrayLike, scores: ArrayLike | None = None) -> float:
    """1 over the rank of the first relevant document; 0 where the order holds none of them.

    With the `scores` that made the order, it is the mean over all orders of documents that score
    the same.
    """
    relevant = np.asarray(relevance, np.float64) > 0
    if not relevant.any():
        return np.nan
    places = np.asarray(order, np.int64)
    hits = relevant[places]
    if not hits.any():
        return 0.0
    first = int(hits.argmax())
    if scores is None:
        return 1 / (1 + first)
    given = np.asarray(scores, np.float64)[places]
    tied = np.flatnonzero(given == given[first])
    return _first_of(len(tied), int(hits[tied].sum()), int(tied[0]))


def _first_of(size: int, hits: int, before: int) -> float:
    """Mean of 1 over the rank of the first hit, if so many stand anywhere in a row of `size`."""
    left = size - np.arange(size - hits + 1)  # from each place of the row to its end
    here = hits / left  # chance of a hit at a place, if there was none
    none_yet = np.concatenate([[1.0], np.cumprod(1 - here[:-1])])
    return float(np.sum(none_yet * here / (before + 1 + size - left)))


def _discounted(gains: NDArray[np.float64]) -> float:
    return float(np.sum(gains / np.log2(np.arange(len(gains)) + 2)))


def ranks(scores: ArrayLike) -> NDArray[np.float64]:
    """Rank of each score, 1 for the largest; equal ones share the mean, NaN has none (NaN)."""
    given = np.asarray(scores, np.float64)
    known = ~np.isnan(given)
    _, which, count = np.unique(-given[known], return_inverse=True, return_counts=True)
    found = np.full(len(given), np.nan)
    found[known] = (np.cumsum(count) - (count - 1) / 2)[which]
    return found


def spearman(one: ArrayLike, other: ArrayLike) -> float:
    """Correlation of ranks, -1 to 1, over what both have; NaN where one of them does not vary.

    Raises:
        ValueError: the lists have different lengths.
    """
    a, b = np.asarray(one, np.float64).ravel(), np.asarray(other, np.float64).ravel()
    if len(a) != len(b):
        raise ValueError(f"{len(a)} scores and {len(b)} scores cannot be compared one by one.")
    both = ~(np.isnan(a) | np.isnan(b))
    if not both.any():
        return np.nan
    a, b = ranks(a[both]), ranks(b[both])
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0 else np.nan


def overlap(one: Places, other: Places) -> Rows:
    """Per row, the share of its neighbours in one list that are in the other too.

    -1 is no neighbour; NaN where a row has none in the first.

    Raises:
        ValueError: the lists are of different numbers of texts.
    """
    if len(one) != len(other):
        raise ValueError("Lists of neighbours of different texts cannot be compared.")
    there = one >= 0
    shared = np.zeros(len(one))
    for column in range(one.shape[1]):
        shared += ((one[:, column, None] == other) & there[:, column, None]).any(axis=1)
    count = there.sum(axis=1)
    found = np.full(len(one), np.nan, np.float32)
    found[count > 0] = (shared[count > 0] / count[count > 0]).astype(np.float32)
    return found


def depth(texts: int, k: int = 10) -> int:
    """How many of the nearest can be compared among so many texts: `k`, or a third of the others.

    All others are nearest to each text by any order: whoever compares ten of ten finds them the
    same. 0 below three texts, where there is nothing to tell.
    """
    return min(k, max(1, (texts - 1) // 3)) if texts > 2 else 0


def neighbour_overlap(
    one: ArrayLike, other: ArrayLike, k: int = 10, metric: Metric = Metric.COSINE
) -> Rows:
    """Per text, the share of its `k` nearest that two models (or sizes) agree on; NaN: no vector.

    The dimensions may differ; the texts are the same, row by row.

    Raises:
        ValueError: there are different numbers of texts.
    """
    a, b = rows(one), rows(other)
    if len(a) != len(b):
        raise ValueError(f"{len(a)} and {len(b)} vectors are not of the same texts.")
    return overlap(neighbours(a, k, metric).index, neighbours(b, k, metric).index)


def rank_changes(before: Sequence[int], after: Sequence[int]) -> tuple[Move, ...]:
    """Every document of either order, in the new order, then those that are not in it any more."""
    was = {int(document): rank for rank, document in enumerate(before, 1)}
    now = {int(document): rank for rank, document in enumerate(after, 1)}
    return tuple(Move(one, was.get(one), now.get(one)) for one in {**now, **was})
