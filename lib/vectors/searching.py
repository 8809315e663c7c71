"""A search judged by its scores: one row for each query, one column for each document.

Decided here: a document is relevant to a query where both have the same label; a score that is
missing (NaN: no vector, or the query itself) is never found; documents that score the same stand in
no order, and a figure is its mean over all of them; figures of several queries are means over those
that have one. How far a best score stands out is told in standard deviations of its own
row, which a model's scale and floor do not change.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.vectors.ranking import mrr, ndcg

__all__ = ["Found", "found", "moved", "order", "relevance"]

Places = NDArray[np.int64]
Scores = NDArray[np.float64]


class Found(NamedTuple):
    """How a search went, in all. NaN where there is nothing to tell it from.

    `best` is the mean of the best scores, `typical` that of all; `apart` is how many standard
    deviations of its row a best score is above the row's mean. `ndcg` (of `k`) and `mrr` are means
    over the `judged` queries: those with a label that a document has too.
    """

    best: float
    typical: float
    apart: float
    ndcg: float
    mrr: float
    judged: int


def relevance(queries: Sequence[str], documents: Sequence[str]) -> NDArray[np.float64]:
    """1 where query and document have the same label, 0 elsewhere; "" is no label."""
    rows = [[bool(query) and query == one for one in documents] for query in queries]
    return np.asarray(rows, np.float64).reshape(len(queries), len(documents))


def order(scores: ArrayLike) -> list[Places]:
    """For each query the documents that have a score, the best first, equal ones by their place."""
    matrix = np.asarray(scores, np.float64)
    lines = (
        np.argsort(-line, kind="stable")[: np.count_nonzero(~np.isnan(line))] for line in matrix
    )
    return list(lines)


def found(scores: ArrayLike, relevant: ArrayLike | None = None, k: int = 10) -> Found:
    """The figures of a search; `relevant` as `relevance` gives it."""
    matrix = np.asarray(scores, np.float64)
    rows = matrix[(~np.isnan(matrix)).sum(axis=1) > 1] if matrix.size else matrix[:0]
    best, mean = np.nan, np.nan
    apart = np.full(len(rows), np.nan)
    if len(rows):
        best, mean = float(np.nanmax(rows, axis=1).mean()), float(np.nanmean(rows))
        spread = np.nanstd(rows, axis=1)
        above = np.nanmax(rows, axis=1) - np.nanmean(rows, axis=1)
        np.divide(above, spread, out=apart, where=spread > 0)
    judged = _judged(matrix, relevant, k)
    return Found(best, mean, _mean(apart.tolist()), *judged)


def moved(before: ArrayLike, after: ArrayLike) -> int:
    """How many queries have another best document."""
    pairs = zip(order(before), order(after), strict=True)
    return sum(list(one[:1]) != list(other[:1]) for one, other in pairs)


def _judged(matrix: Scores, relevant: ArrayLike | None, k: int) -> tuple[float, float, int]:
    if relevant is None:
        return np.nan, np.nan, 0
    told = np.asarray(relevant, np.float64)
    gains = np.where(np.isnan(matrix), 0.0, told)
    lines = list(zip(gains, order(matrix), matrix, strict=True))
    cumulated = [ndcg(line, one, k, scores) for line, one, scores in lines]
    reciprocal = [mrr(line, one, scores) for line, one, scores in lines]
    return _mean(cumulated), _mean(reciprocal), sum(not np.isnan(one) for one in cumulated)


def _mean(values: Sequence[float]) -> float:
    known = [one for one in values if not np.isnan(one)]
    return float(np.mean(known)) if known else np.nan
