"""How alike vectors are: cosine, dot product and Euclidean distance, one row per text.

Decided here:

- Everything is float32, as servers send it; lengths and distances are counted in float64 where
  float32 would lose them.
- A vector without a direction (all zeros) has no cosine, and one with NaN or infinity has no score
  at all: those scores are NaN, never 0.
- A cosine is at most 1 and at least -1, and a vector's with itself is 1, whatever rounding says.
"""

from enum import Enum
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Metric",
    "Rows",
    "cosine",
    "dot",
    "euclid",
    "finite",
    "lengths",
    "product",
    "rows",
    "unit",
]

Rows = NDArray[np.float32]
"""A matrix with one vector per row, or scores between such."""

Kind = TypeVar("Kind", np.float32, np.float64)

_SAFE = (1e-30, 1e30)
"""Squared lengths that float32 holds with all their digits."""


class Metric(Enum):
    """What a score is; its value is the name in a link."""

    COSINE = "cosine"
    DOT = "dot"
    EUCLID = "euclid"

    @property
    def is_distance(self) -> bool:
        """Is less nearer?"""
        return self is Metric.EUCLID

    def matrix(self, a: ArrayLike, b: ArrayLike | None = None) -> Rows:
        """Scores of every row of `a` with every row of `b`, or of `a` itself: (n, m)."""
        return {Metric.COSINE: cosine, Metric.DOT: dot, Metric.EUCLID: euclid}[self](a, b)


def rows(vectors: ArrayLike) -> Rows:
    """The vectors as a matrix of float32.

    Raises:
        ValueError: they are no matrix: of several lengths, or a single vector.
    """
    try:
        with np.errstate(over="ignore"):
            matrix = np.ascontiguousarray(vectors, np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError("The vectors are not all numbers of one length.") from error
    if matrix.size == 0 and matrix.ndim < 2:
        return matrix.reshape(0, 0)
    if matrix.ndim != 2:
        raise ValueError("One row per text is needed: a matrix.")
    return matrix


def lengths(vectors: ArrayLike) -> NDArray[np.float64]:
    """The Euclidean length of each vector; NaN or infinite where one of its numbers is."""
    matrix = rows(vectors)
    with np.errstate(all="ignore"):
        squares = np.vecdot(matrix, matrix).astype(np.float64)
    doubtful = np.flatnonzero(~((squares > _SAFE[0]) & (squares < _SAFE[1])))
    if len(doubtful):
        exact = matrix[doubtful].astype(np.float64)
        squares[doubtful] = np.vecdot(exact, exact)
    found: NDArray[np.float64] = np.sqrt(squares)
    return found


def finite(matrix: Rows) -> NDArray[np.bool_]:
    """Which rows hold numbers only, neither NaN nor infinity."""
    return np.asarray(np.isfinite(matrix).all(axis=1))


def unit(vectors: ArrayLike) -> Rows:
    """Each vector with length 1; a row of NaN where it has no direction or is not finite."""
    matrix = rows(vectors)
    length = lengths(matrix)
    length[~np.isfinite(length) | (length == 0)] = np.nan
    plain = (length**2 > _SAFE[0]) & (length**2 < _SAFE[1])
    factor = np.full(len(length), np.nan, np.float32)
    factor[plain] = 1 / length[plain]
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = matrix * factor[:, None]
    extreme = np.flatnonzero(~plain & ~np.isnan(length))
    if len(extreme):
        scaled[extreme] = matrix[extreme].astype(np.float64) / length[extreme, None]
    return scaled


def cosine(a: ArrayLike, b: ArrayLike | None = None) -> Rows:
    """Cosines: 1 for the same direction, 0 for none in common, NaN where there is none.

    Raises:
        ValueError: the vectors have different numbers of dimensions.
    """
    one = unit(a)
    scores = product(one, one if b is None else unit(b))
    np.clip(scores, -1, 1, out=scores)
    if b is None:
        own = np.arange(len(one))
        scores[own, own] = np.where(np.isnan(scores[own, own]), np.nan, 1)
    return scores


def dot(a: ArrayLike, b: ArrayLike | None = None) -> Rows:
    """Dot products; infinite where they are too large for float32.

    Raises:
        ValueError: the vectors have different numbers of dimensions.
    """
    one = _finite(rows(a))
    return product(one, one if b is None else _finite(rows(b)))


def euclid(a: ArrayLike, b: ArrayLike | None = None) -> Rows:
    """Euclidean distances: 0 for the same vector.

    Raises:
        ValueError: the vectors have different numbers of dimensions.
    """
    one = _finite(rows(a)).astype(np.float64)
    other = one if b is None else _finite(rows(b)).astype(np.float64)
    squares = -2 * product(one, other)
    squares += np.vecdot(one, one)[:, None]
    squares += np.vecdot(other, other)
    np.maximum(squares, 0, out=squares)  # NaN stays
    if b is None:
        own = np.arange(len(one))
        squares[own, own] = np.where(np.isnan(squares[own, own]), np.nan, 0)
    with np.errstate(over="ignore"):
        return np.sqrt(squares).astype(np.float32)


def product(a: NDArray[Kind], b: NDArray[Kind]) -> NDArray[Kind]:
    """Every row of `a` times every row of `b`: what all scores are made of.

    NaN where the vectors have no dimensions.

    Raises:
        ValueError: the vectors have different numbers of dimensions.
    """
    if len(a) and len(b) and a.shape[1] != b.shape[1]:
        raise ValueError(
            f"Vectors of {a.shape[1]} and of {b.shape[1]} dimensions cannot be compared."
        )
    if not a.size or not b.size:
        return np.full((len(a), len(b)), np.nan, a.dtype)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        found: NDArray[Kind] = a @ b.T
        return found


def _finite(matrix: Rows) -> Rows:
    """Rows with a number that is none become NaN as a whole."""
    good = finite(matrix)
    return matrix if good.all() else np.where(good[:, None], matrix, np.float32(np.nan))
