"""Vectors of texts: how alike they are, what that means, and what is wrong with them.

Pure: numpy in, numpy out. Nothing here speaks to a server.
"""

from lib.vectors.nearest import Nearest, Pairs, closest_pairs, duplicates, neighbours, top_k
from lib.vectors.similarity import Metric, cosine, dot, euclid, lengths, unit

__all__ = [
    "Metric",
    "Nearest",
    "Pairs",
    "closest_pairs",
    "cosine",
    "dot",
    "duplicates",
    "euclid",
    "lengths",
    "neighbours",
    "top_k",
    "unit",
]
