"""The order of rows in a heat map, so that texts that are alike stand together.

Decided here: two ways. By hierarchy: average linkage, found along chains of nearest neighbours;
where two groups meet, they are turned so that their most similar ends touch. By spectrum: along
the slowest vibration of the graph of similarities (its Fiedler vector). Both give one order for one
input, begin with the end whose text came first, and put rows without any score last.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["by_hierarchy", "by_spectrum"]

Places = NDArray[np.int64]
Matrix = NDArray[np.float64]


def by_hierarchy(similarity: ArrayLike) -> Places:
    """Row numbers in order, from similarities (n, n); costs n² in time and memory.

    Raises:
        ValueError: the matrix is not square.
    """
    return _ordered(similarity, _leaves)


def by_spectrum(similarity: ArrayLike) -> Places:
    """Row numbers in order, from similarities (n, n); costs n³: about ten seconds for 2,000.

    Raises:
        ValueError: the matrix is not square.
    """
    return _ordered(similarity, _fiedler)


def _ordered(similarity: ArrayLike, order: Callable[[Matrix], Places]) -> Places:
    """The order of the rows that have scores, then the others."""
    scores = np.array(similarity, np.float64)
    if scores.ndim != 2 or scores.shape[0] != scores.shape[1]:
        raise ValueError("An order needs the similarities of all with all: a square matrix.")
    known = np.isfinite(scores)
    placed = np.flatnonzero(known.any(axis=1))
    rest = np.flatnonzero(~known.any(axis=1))
    if len(placed) < 3:
        return np.concatenate([placed, rest])
    scores[~known] = scores[known].min()
    scores = scores[np.ix_(placed, placed)]
    found = order((scores + scores.T) / 2)
    if found[0] > found[-1]:
        found = found[::-1]
    return np.concatenate([placed[found], rest])


def _leaves(scores: Matrix) -> Places:
    """The leaves of the hierarchy from one end to the other."""
    groups = [[row] for row in range(len(scores))]
    for one, other in _merges(-scores):
        groups[one] = _joined(groups[one], groups[other], scores)
        groups[other] = []
    return np.array(next(group for group in groups if group))


def _joined(one: list[int], other: list[int], scores: Matrix) -> list[int]:
    """Both groups in a row, turned so that the ends that touch are the most similar ones."""
    ways = [
        (scores[one[0 if turn else -1], other[-1 if twist else 0]], not turn, not twist)
        for turn in (False, True)
        for twist in (False, True)
    ]
    _, straight, plain = max(ways)
    return (one if straight else one[::-1]) + (other if plain else other[::-1])


def _merges(apart: Matrix) -> Iterator[tuple[int, int]]:
    """Which two groups meet, children before parents; a group is named by one of its rows."""
    np.fill_diagonal(apart, np.inf)
    size = np.ones(len(apart))
    chain: list[int] = []
    for _ in range(len(apart) - 1):
        if not chain:
            chain.append(int(np.flatnonzero(size)[0]))
        one, other = _nearest_pair(apart, chain)
        mean = (size[one] * apart[one] + size[other] * apart[other]) / (size[one] + size[other])
        apart[one], apart[:, one] = mean, mean
        apart[other], apart[:, other] = np.inf, np.inf
        size[one], size[other] = size[one] + size[other], 0
        yield one, other


def _nearest_pair(apart: Matrix, chain: list[int]) -> tuple[int, int]:
    """Two groups that are nearest to each other, taken off the chain's end."""
    while True:
        near = int(apart[chain[-1]].argmin())
        if len(chain) > 1 and apart[chain[-1], chain[-2]] <= apart[chain[-1], near]:
            return chain.pop(), chain.pop()
        chain.append(near)


def _fiedler(scores: Matrix) -> Places:
    weights = scores - scores.min()
    np.fill_diagonal(weights, 0)
    if not weights.any():
        return np.arange(len(weights))
    laplacian = np.diag(weights.sum(axis=1)) - weights
    return np.argsort(np.linalg.eigh(laplacian)[1][:, 1], kind="stable")
