"""The best few of many scores for each row, while the scores come tile by tile.

Decided here: how the best are found for a fraction of what the scores themselves cost. A tile is
compared once with what each row must beat to enter its list; few do, and only those are sorted
in. What a row of a first tile must beat is told by the maxima of groups of its columns: the k-th
of them is reached by k scores at least.

Of equal scores at the end of a list those of earlier tiles stay; within a tile it may be any.
"""

import numpy as np
from numpy.typing import NDArray

from lib.vectors.similarity import Rows

__all__ = ["Shortlist"]

Places = NDArray[np.int64]

_CROWDED = 4
"""From this many times k on, the hits of a row are thinned before they are sorted in."""


class Shortlist:
    """The `k` largest scores of each row so far, and their columns.

    -inf and -1 where there are fewer; a score of NaN or -inf never enters.
    """

    def __init__(self, rows: int, k: int) -> None:
        self.score = np.full((rows, k), -np.inf, np.float32)
        self.index = np.full((rows, k), -1, np.int64)

    def offer(self, tile: Rows, row: int, column: int, *, turned: bool = False) -> None:
        """Take in the scores of a tile that begins at this row and column.

        `turned`: the tile's columns are the rows here. The tile is not copied.
        """
        scores = tile.T if turned else tile
        held = slice(row, row + len(scores))
        k = self.score.shape[1]
        floor = self.score[held].min(axis=1)
        if not turned and np.isneginf(floor).any():
            floor = np.maximum(floor, _reached(scores, k))
        lines, columns, found = _hits(scores, floor, k)
        if len(lines):
            self._sort_in(held, lines, columns + column, found)

    def ranked(self) -> tuple[Places, Rows]:
        """Columns and scores of each row, the best first, equal ones by column."""
        order = np.lexsort((self.index, -self.score))
        return np.take_along_axis(self.index, order, 1), np.take_along_axis(self.score, order, 1)

    def _sort_in(self, held: slice, lines: Places, columns: Places, found: Rows) -> None:
        """Hits, in the order of their lines, beside what each line holds; its best stay."""
        k = self.score.shape[1]
        count = np.bincount(lines, minlength=held.stop - held.start)
        which = np.flatnonzero(count)
        target = (np.cumsum(count > 0) - 1)[lines]
        place = k + np.arange(len(lines)) - (np.cumsum(count) - count)[lines]
        score = np.full((len(which), k + count.max()), -np.inf, np.float32)
        index = np.full(score.shape, -1, np.int64)
        score[:, :k] = self.score[held][which]
        index[:, :k] = self.index[held][which]
        score[target, place] = found
        index[target, place] = columns
        best = _best(score, k)
        self.score[held][which] = np.take_along_axis(score, best, 1)
        self.index[held][which] = np.take_along_axis(index, best, 1)


def _reached(scores: Rows, k: int) -> Rows | np.float32:
    """Per row a number that at least k of its scores are greater than, unless it is -inf."""
    groups = 4 * k + 88
    each = scores.shape[1] // groups
    if each < 2:
        return np.float32(-np.inf)
    maxima = scores[:, : each * groups].reshape(len(scores), each, groups).max(axis=1)
    maxima[np.isnan(maxima)] = -np.inf
    reached = np.partition(maxima, groups - k, axis=1)[:, groups - k]
    below: Rows = np.nextafter(reached, np.float32(-np.inf))
    return below


def _hits(scores: Rows, floor: Rows, k: int) -> tuple[Places, Places, Rows]:
    """Line, column and value of every score above its line's floor, in the order of the lines."""
    above = scores > floor[:, None]
    flat = np.flatnonzero(above.ravel(order="K"))
    if len(flat) > _CROWDED * k * len(scores):
        _thin(above, scores, k)
        flat = np.flatnonzero(above.ravel(order="K"))
    found = scores.ravel(order="K")[flat]
    if scores.flags.c_contiguous:
        lines, columns = np.divmod(flat, scores.shape[1])
        return lines, columns, found
    columns, lines = np.divmod(flat, len(scores))
    order = np.argsort(lines, kind="stable")
    return lines[order], columns[order], found[order]


def _thin(above: NDArray[np.bool_], scores: Rows, k: int) -> None:
    """Leave the k best of each crowded line."""
    crowded = np.flatnonzero(np.count_nonzero(above, axis=1) > _CROWDED * k)
    own = np.where(above[crowded], scores[crowded], -np.inf)
    kept = np.zeros(own.shape, bool)
    np.put_along_axis(kept, _best(own, k), values=True, axis=1)
    above[crowded] &= kept


def _best(scores: Rows, k: int) -> Places:
    """The columns of the k largest of each row, in no order."""
    rest = scores.shape[1] - k
    return np.argpartition(scores, rest, axis=1)[:, rest:]
