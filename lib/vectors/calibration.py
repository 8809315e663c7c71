"""What a score means for one model: how unrelated texts score with it, and where to draw a line.

Decided here: a model's floor is the distribution of scores over all pairs of texts that have
nothing to do with each other; a score is told by its place in it. 0.5 is far above the floor of one
model and below that of another, so no fixed number means anything. Percentiles and z count
likeness: of a distance, less is more alike.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lib.vectors.sentences import CONTRASTS, UNRELATED, Contrast, unrelated_like
from lib.vectors.similarity import Metric

__all__ = [
    "CONTRASTS",
    "UNRELATED",
    "Contrast",
    "Floor",
    "Threshold",
    "threshold",
    "unrelated_like",
]

Numbers = NDArray[np.float64]

_HIGH, _LOW = 95.0, 5.0
_SAME = 0.9999
_ROUNDING = 1e-6
"""Of a score: what varies by less does not vary."""


@dataclass(frozen=True, eq=False, slots=True)
class Floor:
    """Scores of unrelated pairs, in rising order."""

    scores: Numbers
    metric: Metric = Metric.COSINE

    @classmethod
    def of(cls, vectors: ArrayLike, metric: Metric = Metric.COSINE) -> "Floor":
        """The floor that these vectors of unrelated texts (`unrelated_like`) make."""
        every = metric.matrix(vectors)
        scores = every[np.triu_indices(len(every), 1)].astype(np.float64)
        return cls(np.sort(scores[np.isfinite(scores)]), metric)

    @property
    def pairs(self) -> int:
        return len(self.scores)

    @property
    def mean(self) -> float:
        """NaN where there is no pair."""
        return float(self.scores.mean()) if self.pairs else np.nan

    @property
    def sd(self) -> float:
        """Standard deviation; NaN where there is no pair."""
        return float(self.scores.std()) if self.pairs else np.nan

    def percentile(self, score: float) -> float:
        """How many of 100 unrelated pairs are less alike, equal ones by half; NaN: not known."""
        if np.isnan(score) or not self.pairs:
            return np.nan
        below = int(np.searchsorted(self.scores, score, "left"))
        through = int(np.searchsorted(self.scores, score, "right"))
        share = 100 * (below + through) / 2 / self.pairs
        return 100 - share if self.metric.is_distance else share

    def z(self, score: float) -> float:
        """Standard deviations above the mean of unrelated pairs; NaN where they do not vary."""
        if not self.sd > _ROUNDING * max(1.0, abs(self.mean)):
            return np.nan
        return (score - self.mean) / (-self.sd if self.metric.is_distance else self.sd)

    def verdict(self, score: float) -> str:
        """What the score says, in words that begin small."""
        if np.isnan(score):
            return "no score"
        if not self.pairs:
            return "nothing to compare the score with"
        if self._is_same(score):
            return "the same to this model"
        return _words(self.percentile(score), self.metric)

    def _is_same(self, score: float) -> bool:
        if self.metric is Metric.COSINE:
            return score >= _SAME
        return self.metric is Metric.EUCLID and score == 0


def _words(percentile: float, metric: Metric) -> str:
    beyond = "nearer than" if metric.is_distance else "above"
    if percentile >= 100:
        return f"{beyond} every unrelated pair"
    if percentile >= _HIGH:
        return f"{beyond} {int(percentile)} of 100 unrelated pairs"
    if percentile > _LOW:
        return "as unrelated texts score"
    return "less alike than unrelated texts are"


class Threshold(NamedTuple):
    """A line between alike and unlike: a score of `at`, or more alike, is accepted.

    `false_accepts`: share of the unlike pairs that it accepts; `false_rejects`: share of the alike
    ones that it rejects; of so many pairs.
    """

    at: float
    false_accepts: float
    false_rejects: float
    positive: int
    negative: int

    @property
    def words(self) -> str:
        return (
            f"At {self.at:.3f}: accepts {self.false_accepts:.0%} of {self.negative:,} unlike"
            f" pairs, rejects {self.false_rejects:.0%} of {self.positive:,} alike ones."
        )


def threshold(
    positive: ArrayLike, negative: ArrayLike, metric: Metric = Metric.COSINE
) -> Threshold | None:
    """The line with the fewest errors, both kinds by their shares; None where a kind has no pair.

    Of lines that are equally good, the one in the middle of the widest gap.
    """
    sign = -1.0 if metric.is_distance else 1.0
    alike, unlike = (_known(sign, scores) for scores in (positive, negative))
    if not len(alike) or not len(unlike):
        return None
    met = np.unique(np.concatenate([alike, unlike]))
    lines = np.concatenate([met[:1], (met[:-1] + met[1:]) / 2, [np.nextafter(met[-1], np.inf)]])
    room = np.concatenate([[0.0], np.diff(met), [0.0]])
    accepts = 1 - np.searchsorted(unlike, lines) / len(unlike)
    rejects = np.searchsorted(alike, lines) / len(alike)
    best = int(np.lexsort((-room, np.round(accepts + rejects, 12)))[0])
    return Threshold(
        sign * float(lines[best]),
        float(accepts[best]),
        float(rejects[best]),
        len(alike),
        len(unlike),
    )


def _known(sign: float, scores: ArrayLike) -> Numbers:
    given = sign * np.asarray(scores, np.float64).ravel()
    return np.sort(given[np.isfinite(given)])
