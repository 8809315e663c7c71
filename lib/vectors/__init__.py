"""Vectors of texts: how alike they are, what that means, and what is wrong with them.

Pure: numpy in, numpy out. Nothing here speaks to a server.
"""

from lib.vectors.checks import Finding, check
from lib.vectors.clusters import Clusters, best_clusters, kmeans, silhouettes
from lib.vectors.hubs import Hubs, centred, hubs_of
from lib.vectors.nearest import Nearest, Pairs, closest_pairs, duplicates, neighbours, top_k
from lib.vectors.ordering import by_hierarchy, by_spectrum
from lib.vectors.outliers import Outliers, outliers_of
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
    "Clusters",
    "Finding",
    "Hubs",
    "Metric",
    "Move",
    "Nearest",
    "Outliers",
    "Pairs",
    "Projection",
    "best_clusters",
    "by_hierarchy",
    "by_spectrum",
    "centred",
    "check",
    "closest_pairs",
    "cosine",
    "dot",
    "duplicates",
    "euclid",
    "hubs_of",
    "kmeans",
    "lengths",
    "mrr",
    "ndcg",
    "neighbour_overlap",
    "neighbours",
    "outliers_of",
    "overlap",
    "pca",
    "rank_changes",
    "ranks",
    "silhouettes",
    "spearman",
    "top_k",
    "trust",
    "unit",
]
