"""Smaller vectors: fewer dimensions or fewer bits, and what a search loses by them.

Decided here: what is lost is told by two figures against the full vectors: the share of each text's
nearest that stay (overlap; fewer than ten of few texts: `depth`), and the correlation of ranks over
pairs (Spearman). Of large sets, evenly spaced texts are asked. Dimensions are cut from the end, as
Matryoshka models are trained for; for others the same cut is a mere loss, which the figures show.
Eight bits are linear steps between the least and the largest of each dimension; one bit is the
sign.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.vectors.nearest import Nearest, neighbours
from lib.vectors.ranking import depth, overlap, spearman
from lib.vectors.similarity import Rows, cosine, finite, rows, unit

__all__ = ["Bits", "Loss", "Steps", "binary", "curve", "int8", "quantised", "shortened"]

_ASKED = 1_000
_PAIRED = 300
"""Texts of whose pairs the ranks are compared: 44,850 pairs."""
_SMALLEST = 8


class Loss(NamedTuple):
    """A smaller form of the vectors: its size, and what it keeps of the full one's answers.

    `overlap` (0 to 1) and `spearman` (-1 to 1) are NaN where there are too few texts to tell.
    """

    name: str
    dimensions: int
    bytes: int
    overlap: float
    spearman: float


class Steps(NamedTuple):
    """Eight bits per number: `codes` from -128, `least` and `step` per dimension.

    A vector that is not finite has codes of 0, and is NaN when `restored`.
    """

    codes: NDArray[np.int8]
    least: Rows
    step: Rows
    known: NDArray[np.bool_]

    @property
    def restored(self) -> Rows:
        found = (self.codes.astype(np.float32) + 128) * self.step + self.least
        return np.where(self.known[:, None], found, np.float32(np.nan))


class Bits(NamedTuple):
    """One bit per number, eight to a byte: is it above 0?"""

    codes: NDArray[np.uint8]
    dimensions: int
    known: NDArray[np.bool_]

    @property
    def restored(self) -> Rows:
        """1 and -1: their cosine is 1 less twice the share of bits that differ."""
        signs = np.unpackbits(self.codes, axis=1, count=self.dimensions).astype(np.float32)
        return np.where(self.known[:, None], 2 * signs - 1, np.float32(np.nan))


def shortened(vectors: ArrayLike, dimensions: int) -> Rows:
    """The first so many dimensions, made length 1 again.

    Raises:
        ValueError: fewer than one, or more than there are.
    """
    matrix = rows(vectors)
    if not 1 <= dimensions <= matrix.shape[1]:
        raise ValueError(f"From 1 to {matrix.shape[1]} dimensions can be kept, not {dimensions}.")
    return unit(matrix[:, :dimensions])


def curve(
    vectors: ArrayLike, dimensions: Sequence[int] | None = None, k: int = 10
) -> tuple[Loss, ...]:
    """What stays of each size; without sizes, powers of two up to all dimensions."""
    full = unit(vectors)
    judge = _Judge(full, k)
    sizes = _sizes(full.shape[1]) if dimensions is None else dimensions
    return tuple(
        judge.loss(f"{size:,} dimensions", shortened(full, size), size, 4 * size) for size in sizes
    )


def quantised(vectors: ArrayLike, k: int = 10) -> tuple[Loss, ...]:
    """What stays with 16, 8 and 1 bits per number."""
    full = unit(vectors)
    judge, dimensions = _Judge(full, k), full.shape[1]
    forms = (
        ("float32", full, 4 * dimensions),
        ("float16", full.astype(np.float16).astype(np.float32), 2 * dimensions),
        ("int8", int8(full).restored, dimensions),
        ("binary", binary(full).restored, -(-dimensions // 8)),
    )
    return tuple(judge.loss(name, form, dimensions, size) for name, form, size in forms)


def int8(vectors: ArrayLike) -> Steps:
    """Each dimension in 255 steps between its least and its largest number in this set."""
    matrix = rows(vectors)
    known = finite(matrix)
    given = matrix[known]
    codes = np.zeros(matrix.shape, np.int8)
    if not len(given):
        none = np.zeros(matrix.shape[1], np.float32)
        return Steps(codes, none, none, known)
    least = given.min(axis=0)
    step = (given.max(axis=0).astype(np.float64) - least) / 255
    safe = np.where(step > 0, step, 1)
    codes[known] = np.rint((given - least.astype(np.float64)) / safe) - 128
    return Steps(codes, least, step.astype(np.float32), known)


def binary(vectors: ArrayLike) -> Bits:
    """The signs only."""
    matrix = rows(vectors)
    return Bits(np.packbits(matrix > 0, axis=1), matrix.shape[1], finite(matrix))


class _Judge:
    """The full vectors' answers, which smaller ones are held against."""

    def __init__(self, full: Rows, k: int) -> None:
        self._k = depth(int(np.count_nonzero(finite(full))), k)
        self._asked = _spaced(len(full), _ASKED)
        self._paired = _spaced(len(full), _PAIRED)
        self._nearest = self._neighbours(full)
        self._scores = self._pairs(full)

    def loss(self, name: str, smaller: Rows, dimensions: int, size: int) -> Loss:
        kept = overlap(self._nearest.index, self._neighbours(smaller).index)
        known = kept[~np.isnan(kept)]
        mean = float(known.mean()) if len(known) else np.nan
        alike = spearman(self._scores, self._pairs(smaller))
        return Loss(name, dimensions, size, mean, alike)

    def _neighbours(self, vectors: Rows) -> Nearest:
        return neighbours(vectors, self._k, of=self._asked)

    def _pairs(self, vectors: Rows) -> Rows:
        scores = cosine(vectors[self._paired])
        return scores[np.triu_indices(len(scores), 1)]


def _spaced(count: int, most: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))


def _sizes(dimensions: int) -> list[int]:
    sizes = []
    size = _SMALLEST
    while size < dimensions:
        sizes.append(size)
        size *= 2
    return [*sizes, dimensions] if dimensions else []
