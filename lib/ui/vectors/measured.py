"""What is measured of embedded texts, once for each metric, whenever something of it is drawn.

Decided here: how many texts each measure takes in. A matrix holds up to 2,000 texts and a search
for neighbours all up to 5,000; of more, evenly spaced ones are taken, and the page says so.
"""

from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lib.ui.vectors.sets import Embedded
from lib.vectors import (
    Finding,
    Floor,
    Metric,
    Nearest,
    Pairs,
    Projection,
    best_clusters,
    by_hierarchy,
    check,
    closest_pairs,
    cosine,
    depth,
    duplicates,
    neighbours,
    pca,
    top_k,
    trust,
    unit,
)

__all__ = ["MOST_VALUES", "Common", "Groups", "Heat", "Measured", "Plane", "measured"]

Places = NDArray[np.int64]
Scores = NDArray[np.float32]

MOST_MATRIX, MOST_SEARCHED, MOST_ORDERED = 2_000, 5_000, 1_000
MOST_GROUPED = 300
"""Texts that groups are found among; the others join the nearest group."""
MOST_ROWS = 200
"""Queries of a heat map."""
MOST_CELLS, MOST_VALUES = 240, 60
"""Cells along a side of a heat map, and those up to which their values are written."""
DEEPEST = 50
"""Neighbours that are kept of each text."""
_PAIRS = 200
_SAME = 0.9999
_LEAST_SPAN = 0.3
"""Of cosines: below it, a colour would make much of little."""


class Heat(NamedTuple):
    """A heat map: the places of its texts in order, and the scores of all with all.

    `of` are the scores cell by cell, where `size` texts share one; NaN for a text with itself.
    """

    down: Places
    across: Places
    scores: Scores
    of: Scores
    size: int


class Plane(NamedTuple):
    """A map: the places of its texts, where they lie, and how far that is to be trusted."""

    places: Places
    projection: Projection
    kept: float  # share of the `k` nearest that are among the `k` nearest on the map, too
    k: int


class Groups(NamedTuple):
    """The group of each text on the map (-1 for none), and the place of its most central text."""

    of: Places
    central: Places
    score: float  # mean silhouette of the texts they were found among; NaN where there is one group
    among: int  # how many those are


class Measured:
    """The measures of an embedded set, under one metric; places are those in its texts."""

    def __init__(self, embedded: Embedded, metric: Metric) -> None:
        self.embedded, self.metric = embedded, metric
        present = embedded.present
        asked = np.isin(present, list(embedded.texts.queries))
        self.queries: Places = present[asked]
        self.documents: Places = present[~asked] if len(self.queries) else present
        self.searched = thinned(self.documents, MOST_SEARCHED)

    @property
    def is_search(self) -> bool:
        """Whether queries are compared with documents."""
        return bool(len(self.queries))

    @cached_property
    def floor(self) -> Floor | None:
        """What unrelated texts score under this metric."""
        rows = self.embedded.unrelated
        found = None if rows is None else Floor.of(rows, self.metric)
        return found if found is not None and found.pairs else None

    def scores(self, one: Places, other: Places) -> Scores:
        """Of every text of `one` with every text of `other`."""
        rows = self.embedded.rows
        return self.metric.matrix(rows[one], rows[other])

    def pair(self, one: int, other: int) -> float:
        """The score of two texts."""
        rows = self.embedded.rows
        return float(self.metric.matrix(rows[[one]], rows[[other]])[0, 0])

    @cached_property
    def span(self) -> tuple[float, float]:
        """The scores from which and up to which it is worth to tell apart: the floor, the best.

        The better one comes second, also where less is nearer.
        """
        own = self.loose
        if not len(own):
            return 0.0, 1.0
        if self.metric.is_distance:
            far = self.floor.mean if self.floor else float(own.max())
            return far, min(float(own.min()), 0.7 * far)
        low = self.floor.mean if self.floor else float(own.min())
        least = low + (_LEAST_SPAN if self.metric is Metric.COSINE else 1e-6)
        return low, max(float(own.max()), least)

    @cached_property
    def heat(self) -> Heat:
        """The heat map, ordered so that texts that are alike stand together."""
        across = thinned(self.documents, MOST_MATRIX)
        down = thinned(self.queries, MOST_ROWS) if self.is_search else across
        scores = self.scores(down, across)
        if self.is_search:
            order = _ordered(self.scores(across, across), self.metric)
            across, scores = across[order], scores[:, order]
            return Heat(down, across, scores, *_binned(scores))
        order = _ordered(scores, self.metric)
        scores = scores[np.ix_(order, order)]
        np.fill_diagonal(scores, np.nan)
        return Heat(down[order], across[order], scores, *_binned(scores))

    @cached_property
    def loose(self) -> Scores:
        """The scores of all pairs of the heat map, each once, in no order; none that is NaN."""
        scores = self.heat.scores
        found: Scores = scores if self.is_search else scores[np.triu_indices(len(scores), 1)]
        known: Scores = found[np.isfinite(found)]
        return known

    @cached_property
    def nearest(self) -> Nearest:
        """Of every query, or of every text that is searched, its nearest (places; -1 for none)."""
        rows = self.embedded.rows
        if self.is_search:
            found = top_k(rows[self.queries], rows[self.searched], DEEPEST, self.metric)
        else:
            found = neighbours(rows[self.searched], DEEPEST, self.metric)
        return Nearest(_placed(found.index, self.searched), found.score)

    def nearest_of(self, place: int) -> Nearest:
        """Of one text, its nearest among all."""
        rows = self.embedded.rows
        those = self.documents[self.documents != place]
        found = top_k(rows[[place]], rows[those], DEEPEST, self.metric)
        return Nearest(_placed(found.index, those), found.score)

    @cached_property
    def pairs(self) -> Pairs:
        """The closest pairs: of all with all, or of a query with a document."""
        if not self.is_search:
            found = closest_pairs(self.embedded.rows[self.searched], _PAIRS, self.metric)
            return Pairs(self.searched[found.first], self.searched[found.second], found.score)
        near = self.nearest
        first = np.repeat(self.queries, near.index.shape[1])
        second, score = near.index.ravel(), near.score.ravel()
        order = np.argsort(score if self.metric.is_distance else -score, kind="stable")
        order = order[second[order] >= 0][:_PAIRS]
        return Pairs(first[order], second[order], score[order])

    @property
    def common(self) -> "Common":
        """What no metric changes."""
        key = "measured"
        found = self.embedded.kept.get(key)
        if not isinstance(found, Common):
            found = self.embedded.kept[key] = Common(self.embedded)
        return found

    def prepare(self) -> None:
        """Measure what the page draws first, all but what `common` keeps for a second look."""
        if len(self.documents) and len(self.embedded.present) > 1:
            _ = self.loose, self.pairs, self.nearest
            _ = self.common.plane, self.common.same, self.common.findings
            if not self.embedded.texts.labels:
                _ = self.common.groups


class Common:
    """The measures of an embedded set that are by its directions, whatever the metric."""

    def __init__(self, embedded: Embedded) -> None:
        self.embedded = embedded

    @cached_property
    def findings(self) -> list[Finding]:
        """What is wrong with the vectors; equal ones have their own check."""
        return check(self.embedded.rows[self.embedded.present], pairwise=False)

    @cached_property
    def same(self) -> tuple[tuple[int, ...], ...]:
        """Groups of places whose vectors are the same."""
        places = thinned(self.embedded.present, MOST_SEARCHED)
        groups = duplicates(self.embedded.rows[places], _SAME)
        return tuple(tuple(places[list(group)].tolist()) for group in groups)

    @cached_property
    def plane(self) -> Plane:
        """The map: exact principal components of the directions of all texts."""
        places = thinned(self.embedded.present, MOST_SEARCHED)
        rows = unit(self.embedded.rows[places])
        projection = pca(rows)
        with np.errstate(invalid="ignore"):
            told = trust(rows, projection.points)
        kept = float(np.nanmean(told)) if np.isfinite(told).any() else float("nan")
        return Plane(places, projection, kept, depth(len(places)))

    @cached_property
    def groups(self) -> Groups:
        """Groups of the texts on the map, found by their directions."""
        places = self.plane.places
        some = thinned(places, MOST_GROUPED)
        rows = self.embedded.rows
        found = best_clusters(rows[some])
        labels = found.labels
        if len(some) < len(places):
            known = [np.flatnonzero(labels == n) for n in range(len(found.central))]
            directions = unit(rows[some])
            centres = np.stack([directions[one].mean(axis=0) for one in known])
            scores = cosine(rows[places], centres)
            labels = np.where(np.isnan(scores[:, 0]), -1, scores.argmax(axis=1))
        return Groups(labels, some[found.central], found.score, len(some))


def measured(embedded: Embedded, metric: Metric) -> Measured:
    """The measures, made once."""
    key = "measured", metric
    found = embedded.kept.get(key)
    if not isinstance(found, Measured):
        found = embedded.kept[key] = Measured(embedded, metric)
    return found


def thinned(places: Places, most: int) -> Places:
    """All of them, or so many that are evenly spaced."""
    if len(places) <= most:
        return places
    return places[np.linspace(0, len(places) - 1, most).astype(np.int64)]


def _ordered(scores: Scores, metric: Metric) -> Places:
    """By hierarchy, as far as that is quick; the others stand with the nearest that was ordered."""
    alike = -scores if metric.is_distance else scores
    if len(alike) <= MOST_ORDERED:
        return by_hierarchy(alike)
    some = thinned(np.arange(len(alike)), MOST_ORDERED)
    order = by_hierarchy(alike[np.ix_(some, some)])
    rank = np.empty(len(some), np.int64)
    rank[order] = np.arange(len(some))
    near = np.where(np.isnan(alike[:, some]), -np.inf, alike[:, some]).argmax(axis=1)
    return np.argsort(rank[near], kind="stable")


def _binned(scores: Scores) -> tuple[Scores, int]:
    """Means of blocks, so that there are few enough cells; and the texts along a block's side."""
    size = -(-max(scores.shape) // MOST_CELLS)
    if size == 1:
        return scores, 1
    down = 1 if scores.shape[0] <= MOST_CELLS else size
    known = ~np.isnan(scores)
    sums = _blocks(np.where(known, scores, 0), down, size)
    counts = _blocks(known.astype(np.float32), down, size)
    with np.errstate(invalid="ignore"):
        return (sums / counts).astype(np.float32), size


def _blocks(values: Scores, down: int, across: int) -> Scores:
    summed = np.add.reduceat(values, np.arange(0, values.shape[0], down), axis=0)
    return np.add.reduceat(summed, np.arange(0, values.shape[1], across), axis=1)


def _placed(index: Places, places: Places) -> Places:
    return np.where(index >= 0, places[index], -1) if len(places) else index
