"""Who is nearest to whom: the best few of all pairs, without ever holding all pairs.

Decided here:

- Scores are made tile by tile (about `block` rows each); among the vectors themselves every pair is
  scored once and serves both of its texts. The cost is that of the matrix product.
- A vector without a score (NaN; zeros under cosine) is nobody's neighbour and has none: index -1,
  score NaN.
- Distances are chosen by float32 and given exactly: neighbours whose distances differ by less than
  a millionth of the spread of all vectors may change places.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.vectors.shortlist import Shortlist
from lib.vectors.similarity import Metric, Rows, finite, product, rows, unit

__all__ = ["Nearest", "Pairs", "closest_pairs", "duplicates", "neighbours", "top_k"]

Places = NDArray[np.int64]

_BLOCK = 2560
_FLATTER = (0.4, 3.2)
"""Queries have few rows and many columns: so much lower and wider are their tiles."""
_FEW = 64
_ROUNDING = 1e-6
"""The cosine of a vector with itself may fall short of 1 by less than this."""


@dataclass(frozen=True, eq=False, slots=True)
class Nearest:
    """Per query, the nearest vectors, the nearest first: their rows, and the scores."""

    index: Places
    score: Rows


class Pairs(NamedTuple):
    """Pairs of rows, `first` < `second`, the nearest pair first, and the scores."""

    first: Places
    second: Places
    score: Rows


class _Ready(NamedTuple):
    """The vectors that have a score, so that a product (less `half` of both) ranks them.

    `places` are their rows in the original.
    """

    matrix: Rows
    half: Rows | None
    places: Places
    metric: Metric

    def tile(self, at: slice, other: "_Ready", to: slice) -> Rows:
        """Scores, the larger the nearer."""
        scores = product(self.matrix[at], other.matrix[to])
        if self.half is not None and other.half is not None:
            scores -= self.half[at, None]
            scores -= other.half[to]
        return scores

    def __len__(self) -> int:
        return len(self.places)


def top_k(
    queries: ArrayLike,
    vectors: ArrayLike,
    k: int,
    metric: Metric = Metric.COSINE,
    *,
    without_self: bool = False,
    block: int = _BLOCK,
) -> Nearest:
    """The `k` vectors nearest to each query; fewer columns where there are fewer vectors.

    `without_self`: the queries are the vectors, and nobody is their own neighbour.

    Raises:
        ValueError: the dimensions differ.
    """
    if without_self:
        return neighbours(vectors, k, metric, block=block)
    those, centre = _ready(vectors, metric)
    asked, _ = _ready(queries, metric, centre)
    best = _among(asked, those, min(k, len(those)), block)
    return _told(best, asked, those, len(rows(queries)))


def neighbours(
    vectors: ArrayLike,
    k: int,
    metric: Metric = Metric.COSINE,
    *,
    of: ArrayLike | None = None,
    block: int = _BLOCK,
) -> Nearest:
    """The `k` other vectors nearest to each, or to the rows `of` only."""
    those, centre = _ready(vectors, metric)
    width = max(min(k, len(those) - 1), 0)
    if of is None:
        return _told(_mutual(those, width, block), those, those, len(rows(vectors)))
    wanted = np.asarray(of, np.int64)
    asked, _ = _ready(rows(vectors)[wanted], metric, centre)
    own = np.searchsorted(those.places, wanted[asked.places])
    return _told(_among(asked, those, width, block, own), asked, those, len(wanted))


def closest_pairs(
    vectors: ArrayLike, k: int, metric: Metric = Metric.COSINE, *, block: int = _BLOCK
) -> Pairs:
    """The `k` nearest pairs of all, each once."""
    those, _ = _ready(vectors, metric)
    found = np.zeros((2, 0), np.int64)
    score = np.zeros(0, np.float32)
    for at, to in _halves(len(those), block) if k > 0 else ():
        tile = those.tile(at, those, to)
        if at == to:
            tile[np.tri(len(tile), dtype=bool)] = -np.inf
        least = score[-1] if len(score) == k else np.float32(-np.inf)
        new = _largest(tile, least, k)
        score = np.concatenate([score, tile[new[0], new[1]]])
        found = np.concatenate([found, new + np.array([[at.start], [to.start]])], axis=1)
        order = np.lexsort((found[1], found[0], -score))[:k]
        found, score = found[:, order], score[order]
    given = _given(those, found[0], those, found[1][:, None], score[:, None])[:, 0]
    order = np.lexsort((found[1], found[0], given if metric.is_distance else -given))
    first, second = those.places[found[:, order]]
    return Pairs(first, second, given[order])


def duplicates(
    vectors: ArrayLike, at_least: float = 0.9999, *, block: int = _BLOCK
) -> tuple[tuple[int, ...], ...]:
    """Groups of rows that a chain of cosines of at least so much connects, the largest first."""
    those, _ = _ready(vectors, Metric.COSINE)
    group = np.arange(len(those))
    for at, to in _halves(len(those), block):
        close = those.tile(at, those, to) >= at_least - _ROUNDING
        if at == to:
            np.fill_diagonal(close, val=False)
        for line in np.flatnonzero(close.any(axis=1)):
            met = np.unique(np.append(group[to][close[line]], group[at.start + line]))
            if len(met) > 1:
                group[np.isin(group, met)] = met[0]
    order = np.argsort(group, kind="stable")
    cuts = np.flatnonzero(np.diff(group[order])) + 1
    found = [tuple(those.places[one].tolist()) for one in np.split(order, cuts) if len(one) > 1]
    return tuple(sorted(found, key=lambda one: (-len(one), one)))


# ── Tiles ──


def _ready(
    vectors: ArrayLike, metric: Metric, centre: Rows | None = None
) -> tuple[_Ready, Rows | None]:
    """The vectors that have a score, and the centre that distances are counted from."""
    matrix = unit(vectors) if metric is Metric.COSINE else rows(vectors)
    good = finite(matrix[:, :1] if metric is Metric.COSINE else matrix)
    if not matrix.shape[1]:
        good[:] = False
    if not good.all():
        matrix = matrix[good]
    places = np.flatnonzero(good)
    if metric is not Metric.EUCLID:
        return _Ready(matrix, None, places, metric), None
    if centre is None:
        centre = matrix.mean(axis=0, dtype=np.float64).astype(np.float32) if len(matrix) else None
    if centre is not None and len(matrix):
        matrix = matrix - _fitting(centre, matrix)
    half = np.vecdot(matrix, matrix) / 2
    return _Ready(matrix, half, places, metric), centre


def _fitting(centre: Rows, matrix: Rows) -> Rows:
    if len(centre) != matrix.shape[1]:
        product(centre[None], matrix)  # says so
    return centre


def _slices(count: int, block: int) -> list[slice]:
    return [slice(at, min(at + block, count)) for at in range(0, count, block)]


def _halves(count: int, block: int) -> Iterator[tuple[slice, slice]]:
    """Tiles on the diagonal, then those on one side of it."""
    parts = _slices(count, block)
    yield from ((part, part) for part in parts)
    for number, part in enumerate(parts):
        yield from ((part, other) for other in parts[number + 1 :])


def _mutual(those: _Ready, k: int, block: int) -> Shortlist:
    """The best of each vector among the others."""

    def tiles() -> Iterator[tuple[Rows, slice, slice, bool]]:
        for at, to in _halves(len(those), block):
            tile = those.tile(at, those, to)
            if at == to:
                np.fill_diagonal(tile, -np.inf)
            yield tile, at, to, at != to

    return _shortlisted(len(those), k, tiles())


def _among(
    asked: _Ready, those: _Ready, k: int, block: int, own: Places | None = None
) -> Shortlist:
    """The best of each query; `own` are the places of the queries themselves, left out."""
    high, wide = (max(1, int(times * block)) for times in _FLATTER)

    def tiles() -> Iterator[tuple[Rows, slice, slice, bool]]:
        for at in _slices(len(asked), high):
            for to in _slices(len(those), wide):
                tile = asked.tile(at, those, to)
                if own is not None:
                    here = np.flatnonzero((own[at] >= to.start) & (own[at] < to.stop))
                    tile[here, own[at][here] - to.start] = -np.inf
                yield tile, at, to, False

    return _shortlisted(len(asked), k, tiles())


def _shortlisted(count: int, k: int, tiles: Iterator[tuple[Rows, slice, slice, bool]]) -> Shortlist:
    """Sort each tile in, for its rows and, if it says so, for its columns.

    A thread does so while the next tile is made, so that nobody waits for it where a core is free;
    two tiles are all that is ever held.
    """
    best = Shortlist(count, k)

    def take(tile: Rows, at: slice, to: slice, both: bool) -> None:
        best.offer(tile, at.start, to.start)
        if both:
            best.offer(tile, to.start, at.start, turned=True)

    with ThreadPoolExecutor(1) as beside:
        waiting: Future[None] | None = None
        for tile in tiles if k else ():
            if waiting is not None:
                waiting.result()
            waiting = beside.submit(take, *tile)
        if waiting is not None:
            waiting.result()
    return best


def _largest(tile: Rows, least: np.float32, k: int) -> Places:
    """Lines and columns of the k largest scores above `least`, in no order."""
    flat = np.flatnonzero(tile.ravel() > least)
    if len(flat) > k:
        flat = flat[np.argpartition(tile.ravel()[flat], len(flat) - k)[len(flat) - k :]]
    return np.stack(np.divmod(flat, tile.shape[1]))


# ── What is told of them ──


def _told(best: Shortlist, asked: _Ready, those: _Ready, count: int) -> Nearest:
    """In the rows of the originals; -1 and NaN where there is none."""
    index, score = best.ranked()
    given = _given(asked, np.arange(len(asked)), those, index, score)
    if those.metric.is_distance:
        order = np.lexsort((index, given))
        index = np.take_along_axis(index, order, 1)
        given = np.take_along_axis(given, order, 1)
    every = Nearest(
        np.full((count, index.shape[1]), -1), np.full((count, index.shape[1]), np.nan, np.float32)
    )
    if index.size:
        every.index[asked.places] = np.where(index >= 0, those.places[index], -1)
        every.score[asked.places] = given
    return every


def _given(asked: _Ready, lines: Places, those: _Ready, index: Places, score: Rows) -> Rows:
    """The scores as people know them, of each line with the rows of `index`: NaN where -1."""
    if those.metric.is_distance:
        found = np.empty(score.shape, np.float32)
        for at in _slices(len(lines), _FEW):
            apart = asked.matrix[lines[at], None].astype(np.float64) - those.matrix[index[at]]
            found[at] = np.sqrt(np.vecdot(apart, apart))
    else:
        found = np.clip(score, -1, 1) if those.metric is Metric.COSINE else score
    return np.where(index >= 0, found, np.float32(np.nan))
