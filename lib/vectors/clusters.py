"""Groups of texts by their directions: k-means on unit vectors, and how many groups fit.

Decided here: the same seed gives the same groups; several starts are tried and the tightest kept; a
group that runs empty takes the vector farthest from its own centre. Groups are numbered by size,
the largest 0. The silhouette is that of the cosine distance (1 − cosine), counted exactly: the mean
over a group is the product with the group's sum, so no pair is ever looked at. Of many dimensions
groups are looked for in the 64 in which the texts differ most, and judged in all.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.vectors.projection import pca
from lib.vectors.similarity import Rows, finite, product, unit

__all__ = ["Clusters", "best_clusters", "kmeans", "silhouettes"]

Places = NDArray[np.int64]

_STARTS = 5
_ROUNDS = 40
_DIMENSIONS = 64
_MOST = 5_000
"""Texts that the centres are learnt from; of more, evenly spaced ones."""


@dataclass(frozen=True, eq=False, slots=True)
class Clusters:
    """`labels` per text, -1 for one without a direction; `silhouettes` per text, NaN for such.

    `central`: per group the text nearest to its centre, which names it. `score` is the mean
    silhouette: 1 is far apart, 0 not apart; NaN for a single group.
    """

    labels: Places
    central: Places
    silhouettes: Rows
    seed: int

    @property
    def score(self) -> float:
        known = self.silhouettes[~np.isnan(self.silhouettes)]
        return float(known.mean()) if len(known) else np.nan

    @property
    def sizes(self) -> Places:
        """Texts per group."""
        return np.bincount(self.labels[self.labels >= 0], minlength=len(self.central))


def kmeans(vectors: ArrayLike, k: int, *, seed: int = 0) -> Clusters:
    """At most `k` groups of texts; fewer where there are fewer different directions."""
    every = unit(vectors)
    return _clusters(every, _main(every), k, seed)


def best_clusters(
    vectors: ArrayLike, among: Iterable[int] = range(2, 13), *, seed: int = 0
) -> Clusters:
    """The number of groups with the best mean silhouette; one group where none is apart."""
    every = unit(vectors)
    main = _main(every)
    tried = [_clusters(every, main, k, seed) for k in among if k < len(every)]
    good = [one for one in tried if one.score > 0]
    if good:
        return max(good, key=lambda one: one.score)
    return _clusters(every, main, 1, seed)


def silhouettes(vectors: ArrayLike, labels: ArrayLike) -> Rows:
    """Per text, how much nearer its own group is than the next: -1 to 1, 0 for a group of one.

    NaN where there is only one group, or the label is negative.
    """
    given, groups = unit(vectors), np.asarray(labels, np.int64)
    found = np.full(len(given), np.nan, np.float32)
    known = finite(given) & (groups >= 0)
    names, own = np.unique(groups[known], return_inverse=True)
    if len(names) < 2:
        return found
    directions = given[known].astype(np.float64)
    members = (own[:, None] == np.arange(len(names))).astype(np.float64)
    count, line = members.sum(axis=0), np.arange(len(own))
    alike = directions @ (members.T @ directions).T
    others = 1 - alike / count
    others[line, own] = np.inf
    beyond = others.min(axis=1)
    within = 1 - (alike[line, own] - 1) / np.maximum(count[own] - 1, 1)
    most = np.maximum(np.maximum(within, beyond), 1e-12)
    found[known] = np.where(count[own] > 1, (beyond - within) / most, 0)
    return found


def _main(every: Rows) -> Rows:
    """The vectors by their main directions only, where they have many."""
    return every if every.shape[1] <= _DIMENSIONS else pca(every, _DIMENSIONS).points


def _clusters(every: Rows, main: Rows, k: int, seed: int) -> Clusters:
    known = finite(every) & (every.shape[1] > 0)
    labels = np.full(len(every), -1)
    if not known.any():
        none = np.full(len(every), np.nan, np.float32)
        return Clusters(labels, np.zeros(0, np.int64), none, seed)
    labels[known] = _by_size(_grouped(main[known], k, seed))
    members = (labels[:, None] == np.arange(labels.max() + 1))[known]
    near = product(every[known], members.T.astype(np.float32) @ every[known])
    central = np.where(members, near, -np.inf).argmax(axis=0)
    return Clusters(labels, np.flatnonzero(known)[central], silhouettes(every, labels), seed)


def _grouped(given: Rows, k: int, seed: int) -> Places:
    """The labels of the tightest groups that were found."""
    chance = np.random.default_rng(seed)
    learnt = given[np.unique(np.linspace(0, len(given) - 1, min(len(given), _MOST)).astype(int))]
    tries = [_settled(learnt, _start(learnt, k, chance)) for _ in range(_STARTS)]
    labels, centres = max(tries, key=lambda one: _tightness(learnt, *one))
    return labels if len(learnt) == len(given) else _apart(given, centres).argmin(axis=1)


def _start(given: Rows, k: int, chance: np.random.Generator) -> Rows:
    """Centres far apart: each drawn by its squared distance from those before (k-means++)."""
    chosen = [int(chance.integers(len(given)))]
    apart = _apart(given, given[chosen])[:, 0]
    while len(chosen) < k and (total := float(apart.sum())) > 0:
        chosen.append(int(chance.choice(len(given), p=apart / total)))
        apart = np.minimum(apart, _apart(given, given[chosen[-1:]])[:, 0])
    return given[chosen]


def _apart(given: Rows, centres: Rows) -> NDArray[np.float64]:
    """Squared distances; what rounding leaves between equal ones is nothing."""
    own = np.vecdot(given, given)[:, None]
    squares = own + np.vecdot(centres, centres) - 2 * product(given, centres)
    return np.where(squares < 1e-5, 0.0, squares.astype(np.float64))


def _settled(given: Rows, centres: Rows) -> tuple[Places, Rows]:
    """Labels and centres once no text changes its group any more."""
    labels = np.full(len(given), -1)
    for _ in range(_ROUNDS):
        apart = _apart(given, centres)
        new = apart.argmin(axis=1)
        _fill(new, apart)
        if np.array_equal(new, labels):
            break
        labels = new
        members = (labels == np.arange(len(centres))[:, None]).astype(np.float32)
        centres = (members @ given) / members.sum(axis=1, keepdims=True)
    return labels, centres


def _fill(labels: Places, apart: NDArray[np.float64]) -> None:
    """Give each empty group the text that is farthest from its own centre."""
    own = apart[np.arange(len(labels)), labels].copy()
    for group in np.flatnonzero(np.bincount(labels, minlength=apart.shape[1]) == 0):
        own[np.bincount(labels, minlength=apart.shape[1])[labels] == 1] = -1
        farthest = int(own.argmax())
        labels[farthest], own[farthest] = group, -1


def _tightness(given: Rows, labels: Places, centres: Rows) -> float:
    return -float(_apart(given, centres)[np.arange(len(given)), labels].sum())


def _by_size(labels: Places) -> Places:
    """Numbered by size, equal ones by their first text; groups without a text have no number."""
    _, first, own, count = np.unique(
        labels, return_index=True, return_inverse=True, return_counts=True
    )
    order = np.lexsort((first, -count))
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order))
    return number[own]
