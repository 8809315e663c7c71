"""Hubs: counted by hand, made on purpose, and taken away by centring."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.vectors.hubs import centred, hubs, hubs_of
from lib.vectors.nearest import Nearest, neighbours


@given(st.integers(2, 25), st.integers(1, 6), st.integers(0, 99))
def test_occurrences_are_counted_in_every_list(count, k, seed):
    vectors = np.random.default_rng(seed).standard_normal((count, 3))
    found = hubs(vectors, k)
    listed = neighbours(vectors, k).index.ravel().tolist()
    assert found.occurrence.tolist() == [listed.count(one) for one in range(count)]
    assert found.occurrence.sum() == count * found.k


def test_a_text_near_to_everything_is_a_hub_and_what_nobody_lists_is_none():
    vectors = np.vstack([np.eye(30), np.ones((1, 30))])
    found = hubs(vectors, 1)
    assert found.hubs.tolist() == [30]
    assert found.occurrence[30] == 30
    assert found.skewness > 3
    assert 0 in found.antihubs


def test_a_ring_has_no_hubs():
    angles = np.arange(24) * 2 * np.pi / 24
    found = hubs(np.stack([np.cos(angles), np.sin(angles)], axis=1), 2)
    assert math.isnan(found.skewness)
    assert not len(found.hubs)
    assert not len(found.antihubs)


def test_skewness_is_the_third_moment():
    index = np.array([[1], [0], [0], [0]])
    found = hubs_of(Nearest(index, np.zeros((4, 1), np.float32)))
    counts = np.array([3, 1, 0, 0])
    moment = (((counts - 1) / counts.std()) ** 3).mean()
    assert found.skewness == pytest.approx(moment)
    assert found.antihubs.tolist() == [2, 3]


def test_a_hub_is_two_standard_deviations_above_the_mean():
    lists = [[0]] * 6 + [[1]] * 4 + [[9], [8]]
    found = hubs_of(Nearest(np.array(lists), np.zeros((12, 1), np.float32)))
    counts = found.occurrence
    assert counts[1] > counts.mean() + counts.std()
    assert found.hubs.tolist() == [0]


def test_a_text_without_a_vector_is_neither():
    vectors = np.vstack([np.eye(8), np.ones((1, 8)), np.full((1, 8), np.nan)])
    found = hubs(vectors, 1)
    assert found.occurrence[9] == 0
    assert 9 not in found.antihubs


def test_centring_takes_hubs_away():
    chance = np.random.default_rng(0)
    vectors = chance.standard_normal((400, 300)) * chance.uniform(0.3, 2, (400, 1)) + 0.4
    assert hubs(vectors).skewness > 1
    assert hubs(centred(vectors)).skewness < hubs(vectors).skewness / 2


def test_centred_vectors_have_no_mean_and_spoiled_ones_do_not_count():
    vectors = [[1, 2], [3, 6], [np.nan, 100]]
    np.testing.assert_allclose(centred(vectors)[:2], [[-1, -2], [1, 2]])
    assert centred([]).shape == (0, 0)


@pytest.mark.parametrize("vectors", [[], [[1, 2]], [[0, 0], [0, 0]]])
def test_too_few_texts_have_no_hubs(vectors):
    found = hubs(vectors)
    assert math.isnan(found.skewness)
    assert not len(found.hubs)
