"""Maps: vectors projected on the few directions in which they differ most, and how far to trust it.

Decided here: the projection is exact (all variance is counted, by eigenvalues of whichever of the
two covariance matrices is smaller) and the same on every run: the largest number of an axis is
positive. It is linear: distances on the map are never longer than the true ones, and how much
shorter, `explained` and `trust` say. The cost grows with the cube of the smaller of texts and
dimensions: under a second for 1,024, a minute for 4,096.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.vectors.nearest import neighbours
from lib.vectors.ranking import depth, overlap
from lib.vectors.similarity import Metric, Rows, finite, rows

__all__ = ["Projection", "pca", "trust"]

Numbers = NDArray[np.float64]

_AT_ONCE = 4096
"""Vectors that are made float64 at a time."""
_MOST_ASKED = 2_000
"""Texts whose neighbourhoods are compared; of more, evenly spaced ones."""
_NOTHING = 1e-12
"""A direction with less of the variance is rounding."""
_EPSILON = float(np.finfo(np.float32).eps)


class Projection(NamedTuple):
    """`points` (n, k), NaN for a text without a vector; `axes` (k, d), each of length 1.

    `explained` are the shares of the variance of all axes that there are, the largest first, not
    only of the `k`; empty where the vectors do not vary. An axis beyond them is zero.
    """

    points: Rows
    explained: Rows
    axes: Rows
    mean: Rows


def pca(vectors: ArrayLike, k: int = 2) -> Projection:
    """Principal components of the vectors that are finite, as they are (make them `unit` first)."""
    matrix = rows(vectors)
    known = finite(matrix)
    given = matrix if known.all() else matrix[known]
    if not given.size:
        empty = np.zeros(0, np.float32)
        points = np.full((len(matrix), k), np.nan, np.float32)
        return Projection(points, empty, np.zeros((k, matrix.shape[1]), np.float32), empty)
    mean = given.mean(axis=0, dtype=np.float64)
    variances, axes = _directions(given, mean, k)
    points = np.full((len(matrix), k), np.nan, np.float32)
    points[known] = np.concatenate([(part - mean) @ axes.T for part in _parts(given)])
    return Projection(
        points,
        (variances / variances.sum() if len(variances) else variances).astype(np.float32),
        axes.astype(np.float32),
        mean.astype(np.float32),
    )


def trust(vectors: ArrayLike, points: ArrayLike, k: int = 10) -> Rows:
    """Per text, the share of its `k` nearest (by cosine) that are among its `k` nearest on the map.

    NaN for a text without a vector; of more than 2,000 texts, for all but 2,000 evenly spaced ones.
    Of few texts, fewer than `k` are compared (`depth`).
    """
    matrix, places = rows(vectors), rows(points)
    asked = np.unique(np.linspace(0, len(matrix) - 1, min(len(matrix), _MOST_ASKED)).astype(int))
    found = np.full(len(matrix), np.nan, np.float32)
    k = depth(int(np.count_nonzero(finite(matrix))), k)
    if len(matrix):
        found[asked] = overlap(
            neighbours(matrix, k, of=asked).index,
            neighbours(places, k, Metric.EUCLID, of=asked).index,
        )
    return found


def _directions(given: Rows, mean: Numbers, k: int) -> tuple[Numbers, Numbers]:
    """All variances, the largest first, and the first `k` axes."""
    count, dimensions = given.shape
    wide = dimensions > count
    if wide:
        centred = given - mean
        inner = centred @ centred.T
    else:
        inner = np.zeros((dimensions, dimensions))
        for part in _parts(given):
            inner += (part - mean).T @ (part - mean)
    values, columns = np.linalg.eigh(inner)
    values, columns = values[::-1], columns[:, ::-1]
    rounding = float(mean @ mean) * count * _EPSILON**2
    rank = int(np.count_nonzero(values > max(_NOTHING * float(values[0]), rounding)))
    axes = np.zeros((k, dimensions))
    first = columns[:, : min(k, rank)].T
    axes[: len(first)] = _unit(first @ centred) if wide else first
    variances: Numbers = values[:rank]
    return variances, _signed(axes)


def _parts(given: Rows) -> Iterator[Numbers]:
    for at in range(0, len(given), _AT_ONCE):
        yield given[at : at + _AT_ONCE].astype(np.float64)


def _unit(axes: Numbers) -> Numbers:
    lengths: Numbers = np.linalg.norm(axes, axis=1, keepdims=True)
    return axes / lengths


def _signed(axes: Numbers) -> Numbers:
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], 1)
    return np.where(largest < 0, -axes, axes)
