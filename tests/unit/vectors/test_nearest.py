"""The nearest of each, the nearest pairs and groups, against sorting all scores."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.vectors.nearest import closest_pairs, duplicates, neighbours, top_k
from lib.vectors.similarity import Metric

BLOCKS = st.integers(1, 9)
KS = st.integers(1, 12)


def some(count, dimensions=4, seed=0, offset=0.3):
    return np.random.default_rng(seed).standard_normal((count, dimensions), np.float32) + offset


def spoiled(count, seed):
    """Vectors among which a few have no score, and some are equal."""
    vectors = some(count, seed=seed)
    chance = np.random.default_rng(seed + 1)
    vectors[chance.random(count) < 0.2, 0] = np.nan
    vectors[chance.random(count) < 0.1] = 0
    vectors[chance.random(count) < 0.1] = 1
    return vectors


def best_scores(scores, metric, k):
    """The k best of each row by sorting all of them, NaN last."""
    falling = np.sort(scores if metric.is_distance else -scores, axis=1)[:, :k]
    return falling if metric.is_distance else -falling


@pytest.mark.parametrize("metric", Metric)
@given(count=st.integers(2, 40), k=KS, block=BLOCKS, seed=st.integers(0, 99))
def test_neighbours_are_those_of_sorting_all_scores(metric, count, k, block, seed):
    vectors = spoiled(count, seed)
    scores = metric.matrix(vectors)
    np.fill_diagonal(scores, np.nan)
    found = neighbours(vectors, k, metric, block=block)
    width = found.score.shape[1]
    assert width == max(0, min(k, np.isfinite(metric.matrix(vectors)).any(axis=1).sum() - 1))
    np.testing.assert_allclose(found.score, best_scores(scores, metric, width), atol=2e-3)
    assert np.array_equal(np.isnan(found.score), found.index < 0)
    told = np.take_along_axis(scores, np.maximum(found.index, 0), 1)
    np.testing.assert_allclose(np.where(found.index < 0, np.nan, told), found.score, atol=2e-3)
    assert not (found.index == np.arange(count)[:, None]).any()
    for line in found.index[(found.index >= 0).all(axis=1)]:
        assert len(set(line)) == width


@pytest.mark.parametrize("metric", Metric)
@given(
    asked=st.integers(1, 12), count=st.integers(1, 50), k=KS, block=BLOCKS, seed=st.integers(0, 99)
)
def test_the_nearest_of_queries_are_those_of_sorting_all_scores(
    metric, asked, count, k, block, seed
):
    queries, vectors = spoiled(asked, seed), spoiled(count, seed + 7)
    found = top_k(queries, vectors, k, metric, block=block)
    scores = metric.matrix(queries, vectors)
    width = found.score.shape[1]
    np.testing.assert_allclose(found.score, best_scores(scores, metric, width), atol=2e-3)
    told = np.take_along_axis(scores, np.maximum(found.index, 0), 1)
    np.testing.assert_allclose(np.where(found.index < 0, np.nan, told), found.score, atol=2e-3)


@given(count=st.integers(3, 30), block=BLOCKS, seed=st.integers(0, 99))
def test_some_of_the_vectors_have_the_neighbours_that_they_have_among_all(count, block, seed):
    vectors = spoiled(count, seed)
    every = neighbours(vectors, 3)
    part = neighbours(vectors, 3, of=range(0, count, 2), block=block)
    np.testing.assert_allclose(part.score, every.score[::2], atol=1e-6)


@pytest.mark.parametrize("k", [1, 10, 300])
def test_many_columns_are_searched_by_groups_and_lose_nothing(k):
    vectors = some(1500, 8, seed=3)
    scores = Metric.COSINE.matrix(vectors[:50], vectors)
    found = top_k(vectors[:50], vectors, k)
    np.testing.assert_allclose(found.score, best_scores(scores, Metric.COSINE, k), atol=1e-6)


def test_better_and_better_scores_all_enter():
    """Sorted input: every tile holds better ones than all before it."""
    angles = np.linspace(0, 1, 400)
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    found = top_k([[np.cos(1), np.sin(1)]], vectors, 5, block=8)
    assert found.index.tolist() == [[399, 398, 397, 396, 395]]


def test_texts_that_are_all_the_same_are_each_others_neighbours():
    found = neighbours(np.ones((600, 3)), 4, block=64)
    assert (found.index >= 0).all()
    assert (found.index != np.arange(600)[:, None]).all()
    np.testing.assert_allclose(found.score, 1, atol=1e-6)


def test_a_cosine_is_never_above_one():
    vectors = np.repeat(some(60, 50), 2, axis=0)
    assert neighbours(vectors, 3).score.max() == 1
    assert closest_pairs(vectors, 60).score.max() == 1


def test_equal_scores_stand_in_the_order_of_the_texts():
    found = top_k([[1, 0]], [[0, 1], [1, 0], [2, 0], [1, 0]], 4)
    assert found.index.tolist() == [[1, 2, 3, 0]]


def test_what_has_no_score_has_no_neighbour_and_is_none():
    found = neighbours([[1, 0], [np.nan, 1], [0, 1], [0, 0]], 3)
    assert found.index.tolist() == [[2], [-1], [0], [-1]]
    assert np.isnan(found.score[[1, 3]]).all()


@pytest.mark.parametrize("vectors", [[], [[1, 2]], [[0, 0], [0, 0]]])
def test_too_few_vectors_have_no_neighbours(vectors):
    assert neighbours(vectors, 5).index.shape == (len(vectors), 0)
    assert closest_pairs(vectors, 5).score.tolist() == []
    assert duplicates(vectors) == ()


def test_queries_of_other_dimensions_are_refused():
    for metric in Metric:
        with pytest.raises(ValueError, match="dimensions"):
            top_k([[1, 2]], [[1, 2, 3]], 1, metric)


@pytest.mark.parametrize("metric", Metric)
@given(count=st.integers(2, 30), k=KS, block=BLOCKS, seed=st.integers(0, 99))
def test_the_closest_pairs_are_those_of_sorting_all_pairs(metric, count, k, block, seed):
    vectors = spoiled(count, seed)
    scores = metric.matrix(vectors)[np.triu_indices(count, 1)]
    scores = scores[~np.isnan(scores)]
    best = best_scores(scores[None], metric, k)[0]
    found = closest_pairs(vectors, k, metric, block=block)
    np.testing.assert_allclose(found.score, best, atol=2e-3)
    assert (found.first < found.second).all()
    told = metric.matrix(vectors)[found.first, found.second]
    np.testing.assert_allclose(told, found.score, atol=2e-3)
    assert len(set(zip(found.first.tolist(), found.second.tolist(), strict=True))) == len(best)


def grouped_by_hand(vectors, at_least):
    """Groups by walking from text to text."""
    close = Metric.COSINE.matrix(vectors) >= at_least - 1e-6
    left, groups = set(range(len(vectors))), []
    while left:
        reached, edge = set(), {min(left)}
        while edge:
            reached |= edge
            edge = {other for one in edge for other in np.flatnonzero(close[one])} - reached
        left -= reached
        groups.append(tuple(sorted(int(one) for one in reached)))
    return tuple(sorted((one for one in groups if len(one) > 1), key=lambda one: (-len(one), one)))


@given(st.integers(1, 40), BLOCKS, st.integers(0, 99), st.sampled_from([0.5, 0.9, 0.99, 1.0]))
def test_duplicates_are_grouped_along_chains(count, block, seed, at_least):
    vectors = spoiled(count, seed)
    assert duplicates(vectors, at_least, block=block) == grouped_by_hand(vectors, at_least)
