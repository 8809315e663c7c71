"""The same texts embedded twice: by how much the vectors differ, and whether a search notices.

Decided here: numbers of GPUs differ in the last digits from batch to batch, so a difference alone
is no fault. What counts is whether a text gets other neighbours, and whether those that changed
places were near equals.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.vectors.nearest import Nearest, neighbours
from lib.vectors.ranking import depth, overlap
from lib.vectors.similarity import Metric, Rows, finite, rows, unit

__all__ = ["Changes", "Difference", "largest_difference", "top_k_changes"]

Places = NDArray[np.int64]


class Difference(NamedTuple):
    """The number that differs most and where; `cosine` is the least between two of one text.

    All are NaN, and `row` -1, where no text has both vectors. `only_one`: rows that have one only.
    """

    value: float
    row: int
    dimension: int
    cosine: float
    only_one: tuple[int, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Changes:
    """`changed`: rows with other neighbours; `reordered`: with the same ones in another order.

    `margin`: the most by which a neighbour that was lost had been ahead of one that came for it;
    NaN where none was lost. `compared` texts had neighbours in both.
    """

    changed: Places
    reordered: Places
    margin: float
    compared: int
    k: int

    @property
    def words(self) -> str:
        if not self.compared:
            return "No text has neighbours in both, so nothing can be compared."
        if not len(self.changed):
            return f"All {self.compared:,} texts keep their {self.k} nearest."
        return (
            f"{len(self.changed):,} of {self.compared:,} texts have other neighbours among their"
            f" {self.k} nearest; those lost were ahead by at most {self.margin:.2g}."
        )


def largest_difference(one: ArrayLike, other: ArrayLike) -> Difference:
    """Compare vectors of the same texts, row by row.

    Raises:
        ValueError: the numbers of texts or of dimensions differ.
    """
    a, b = _same_texts(one, other)
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"Vectors of {a.shape[1]} and of {b.shape[1]} dimensions: two models.")
    known, there = finite(a), finite(b)
    only_one = tuple(np.flatnonzero(known != there).tolist())
    both = np.flatnonzero(known & there)
    if not len(both) or not a.shape[1]:
        return Difference(np.nan, -1, -1, np.nan, only_one)
    apart = np.abs(a[both].astype(np.float64) - b[both])
    row, dimension = divmod(int(apart.argmax()), a.shape[1])
    cosines = np.vecdot(unit(a[both]).astype(np.float64), unit(b[both]).astype(np.float64))
    least = float(np.nanmin(cosines)) if not np.isnan(cosines).all() else np.nan
    return Difference(
        float(apart[row, dimension]), int(both[row]), dimension, min(least, 1.0), only_one
    )


def top_k_changes(
    one: ArrayLike, other: ArrayLike, k: int = 10, metric: Metric = Metric.COSINE
) -> Changes:
    """Which texts have other neighbours in the second set than in the first.

    Of few texts, fewer than `k` neighbours are compared (`depth`).

    Raises:
        ValueError: the numbers of texts differ.
    """
    a, b = _same_texts(one, other)
    k = depth(int(np.count_nonzero(finite(a) & finite(b))), k)
    before, after = neighbours(a, k, metric), neighbours(b, k, metric)
    kept = overlap(before.index, after.index)
    had = (before.index >= 0).any(axis=1) & (after.index >= 0).any(axis=1)
    width = min(before.index.shape[1], after.index.shape[1])
    moved = (before.index[:, :width] != after.index[:, :width]).any(axis=1)
    changed = np.flatnonzero(had & (kept < 1))
    return Changes(
        changed=changed,
        reordered=np.flatnonzero(had & moved & (kept == 1)),
        margin=_margin(a, metric, before, after, changed),
        compared=int(np.count_nonzero(had)),
        k=width,
    )


def _same_texts(one: ArrayLike, other: ArrayLike) -> tuple[Rows, Rows]:
    a, b = rows(one), rows(other)
    if len(a) != len(b):
        raise ValueError(f"{len(a)} and {len(b)} vectors are not of the same texts.")
    return a, b


def _margin(
    vectors: Rows, metric: Metric, before: Nearest, after: Nearest, changed: Places
) -> float:
    """How far, in the first set, the most clearly lost neighbour had been ahead of a newcomer."""
    found = [np.nan]
    for row in changed.tolist():
        lost = np.setdiff1d(before.index[row], after.index[row])
        came = np.setdiff1d(after.index[row], before.index[row])
        if (lost >= 0).any() and (came >= 0).any():
            was, now = (
                metric.matrix(vectors[[row]], vectors[those[those >= 0]]) for those in (lost, came)
            )
            ahead = (
                np.fmax.reduce(now, axis=None) - was.min()
                if metric.is_distance
                else was.max() - np.fmin.reduce(now, axis=None)
            )
            found.append(max(0.0, float(ahead)))
    return float(np.nanmax(found)) if len(found) > 1 else np.nan
