"""Vectors of texts: how alike they are, what that means, and what is wrong with them.

Pure: numpy in, numpy out. Nothing here speaks to a server.
"""

from lib.vectors.nearest import Nearest, Pairs, closest_pairs, duplicates, neighbours, top_k
from lib.vectors.ordering import by_hierarchy, by_spectrum
from lib.vectors.projection import Projection, pca, trust
from lib.vectors.ranking import (
    Move,
    mrr,
    ndcg,
    neighbour_overlap,
    overlap,
    rank_changes,
    ranks,
    spearman,
)
from lib.vectors.similarity import Metric, cosine, dot, euclid, lengths, unit

__all__ = [
    "Metric",
    "Move",
    "Nearest",
    "Pairs",
    "Projection",
    "by_hierarchy",
    "by_spectrum",
    "closest_pairs",
    "cosine",
    "dot",
    "duplicates",
    "euclid",
    "lengths",
    "mrr",
    "ndcg",
    "neighbour_overlap",
    "neighbours",
    "overlap",
    "pca",
    "rank_changes",
    "ranks",
    "spearman",
    "top_k",
    "trust",
    "unit",
]
