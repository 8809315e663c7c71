"""Vectors of texts: how alike they are, what that means, and what is wrong with them.

Pure: numpy in, numpy out. Nothing here speaks to a server.
"""

from lib.vectors.calibration import Floor, Threshold, threshold
from lib.vectors.checks import Finding, check
from lib.vectors.clusters import Clusters, best_clusters, kmeans, silhouettes
from lib.vectors.comparing import Changes, Difference, largest_difference, top_k_changes
from lib.vectors.hubs import Hubs, centred, hubs_of
from lib.vectors.nearest import Nearest, Pairs, closest_pairs, duplicates, neighbours, top_k
from lib.vectors.ordering import by_hierarchy, by_spectrum
from lib.vectors.outliers import Outliers, outliers_of
from lib.vectors.projection import Projection, pca, trust
from lib.vectors.ranking import (
    Move,
    depth,
    mrr,
    ndcg,
    neighbour_overlap,
    overlap,
    rank_changes,
    ranks,
    spearman,
)
from lib.vectors.sentences import CONTRASTS, UNRELATED, Contrast, unrelated_like
from lib.vectors.similarity import Metric, cosine, dot, euclid, lengths, unit
from lib.vectors.truncation import Bits, Loss, Steps, binary, curve, int8, quantised, shortened

__all__ = [
    "CONTRASTS",
    "UNRELATED",
    "Bits",
    "Changes",
    "Clusters",
    "Contrast",
    "Difference",
    "Finding",
    "Floor",
    "Hubs",
    "Loss",
    "Metric",
    "Move",
    "Nearest",
    "Outliers",
    "Pairs",
    "Projection",
    "Steps",
    "Threshold",
    "best_clusters",
    "binary",
    "by_hierarchy",
    "by_spectrum",
    "centred",
    "check",
    "closest_pairs",
    "cosine",
    "curve",
    "depth",
    "dot",
    "duplicates",
    "euclid",
    "hubs_of",
    "int8",
    "kmeans",
    "largest_difference",
    "lengths",
    "mrr",
    "ndcg",
    "neighbour_overlap",
    "neighbours",
    "outliers_of",
    "overlap",
    "pca",
    "quantised",
    "rank_changes",
    "ranks",
    "shortened",
    "silhouettes",
    "spearman",
    "threshold",
    "top_k",
    "top_k_changes",
    "trust",
    "unit",
    "unrelated_like",
]
