"""The 10 nearest of 5,000 vectors against the bare matrix product, in the same run.

Twice: of 5,000 other vectors, against their product (a general one), and of each vector among the
others, against the product of the set with itself (which numpy makes for half the price, because it
is symmetric). The bare products take vectors that are made unit already and keep all 25 million
scores; the searches also make the vectors unit, and sort.
"""

import time

import numpy as np

from lib.vectors import cosine, neighbours, top_k, unit

AT_MOST = 1.2
COUNT, DIMENSIONS, NEAREST = 5_000, 1_024, 10


def embedded(seed):
    """Vectors with an offset in common, as embeddings have one."""
    chance = np.random.default_rng(seed)
    return chance.standard_normal((COUNT, DIMENSIONS), np.float32) + np.float32(0.3)


def best_of(rounds, *calls):
    """The least seconds of each call, taken in turns so that a busy moment hits all alike."""
    least = [float("inf")] * len(calls)
    for _ in range(rounds):
        for which, call in enumerate(calls):
            began = time.perf_counter()
            call()
            least[which] = min(least[which], time.perf_counter() - began)
    return least


def test_the_nearest_cost_little_more_than_the_product():
    vectors, queries = embedded(0), embedded(1)
    made, asked = unit(vectors), unit(queries)
    found = neighbours(vectors[:300], NEAREST)
    scores = cosine(vectors[:300])
    np.fill_diagonal(scores, -2)
    np.testing.assert_allclose(
        found.score, np.sort(scores, axis=1)[:, : -NEAREST - 1 : -1], atol=1e-6
    )
    product, searched, mutual, among = best_of(
        12,
        lambda: asked @ made.T,
        lambda: top_k(queries, vectors, NEAREST),
        lambda: made @ made.T,
        lambda: neighbours(vectors, NEAREST),
    )
    print(
        f"{COUNT:,} x {DIMENSIONS:,}: product {product * 1e3:.0f} ms,"
        f" top {NEAREST} {searched * 1e3:.0f} ms ({searched / product:.2f} x);"
        f" with itself {mutual * 1e3:.0f} ms,"
        f" top {NEAREST} {among * 1e3:.0f} ms ({among / mutual:.2f} x)"
    )
    assert searched / product <= AT_MOST
    assert among / mutual <= AT_MOST
