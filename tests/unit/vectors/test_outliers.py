"""Outliers that were put there, and sets that have none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.vectors.outliers import outliers
from lib.vectors.similarity import Metric, cosine


def crowd(seed=0, count=40, towards=0):
    vectors = np.random.default_rng(seed).standard_normal((count, 20)) * 0.6
    vectors[:, towards] += 3
    return vectors


@given(st.integers(2, 20), st.integers(1, 5), st.integers(0, 99))
def test_the_mean_is_that_of_the_best_scores(count, k, seed):
    vectors = np.random.default_rng(seed).standard_normal((count, 4))
    scores = cosine(vectors)
    np.fill_diagonal(scores, -2)
    best = np.sort(scores, axis=1)[:, ::-1][:, : min(k, count - 1)]
    found = outliers(vectors, k)
    np.testing.assert_allclose(found.mean, best.mean(axis=1), atol=1e-5)
    assert sorted(found.order) == list(range(count))
    assert (np.diff(found.mean[found.order]) >= 0).all()


@pytest.mark.parametrize("metric", [Metric.COSINE, Metric.EUCLID])
def test_a_text_far_from_all_stands_out(metric):
    vectors = np.insert(crowd(), 7, 9 * np.eye(20)[5], axis=0)
    found = outliers(vectors, metric=metric)
    assert found.order[0] == 7
    assert found.alone[0] == 7
    assert len(found.alone) <= 3


def test_a_small_group_of_its_own_is_no_outlier():
    found = outliers(np.vstack([crowd(), crowd(1, 8, towards=9)]), k=5)
    assert not len(found.alone)


def test_of_a_few_texts_none_stands_out():
    assert not len(outliers([[1, 0], [1, 0.1], [0, 1]]).alone)


def test_texts_that_are_all_the_same_have_no_outlier():
    assert not len(outliers(np.ones((10, 3))).alone)


def test_a_text_without_a_vector_has_no_mean_and_no_place():
    found = outliers([[1, 0], [np.nan, 0], [1, 1]])
    assert np.isnan(found.mean[1])
    assert sorted(found.order) == [0, 2]
    assert outliers([]).order.tolist() == []
