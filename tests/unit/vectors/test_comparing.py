"""Two embeddings of the same texts: equal, a little off, out of order."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.vectors.comparing import largest_difference, top_k_changes
from lib.vectors.similarity import Metric


def some(count=30, dimensions=8, seed=0):
    return np.random.default_rng(seed).standard_normal((count, dimensions)).astype(np.float32)


def test_equal_vectors_differ_by_nothing():
    found = largest_difference(some(), some())
    assert found.value == 0
    assert found.cosine == pytest.approx(1)
    assert found.only_one == ()
    changes = top_k_changes(some(), some(), 5)
    assert not len(changes.changed)
    assert not len(changes.reordered)
    assert math.isnan(changes.margin)
    assert changes.words == "All 30 texts keep their 5 nearest."


@given(st.integers(1, 8), st.integers(1, 5), st.integers(0, 99))
def test_the_largest_difference_is_found_by_hand(count, dimensions, seed):
    one, other = some(count, dimensions, seed), some(count, dimensions, seed + 1)
    found = largest_difference(one, other)
    by_hand = max(
        abs(float(one[row, at]) - float(other[row, at]))
        for row in range(count)
        for at in range(dimensions)
    )
    assert found.value == pytest.approx(by_hand)
    there = float(one[found.row, found.dimension]) - float(other[found.row, found.dimension])
    assert abs(there) == pytest.approx(by_hand)


def test_the_least_cosine_is_that_of_one_text_with_itself():
    found = largest_difference([[1, 0], [0, 1]], [[1, 0], [1, 1]])
    assert found.cosine == pytest.approx(math.sqrt(0.5))


def test_a_vector_that_only_one_has_is_named_and_not_compared():
    spoiled = some()
    spoiled[4] = np.nan
    found = largest_difference(some(), spoiled)
    assert found.only_one == (4,)
    assert found.value == 0
    changes = top_k_changes(some(), spoiled, 3)
    assert changes.compared == 29
    assert 4 not in changes.changed


def test_nothing_in_common_is_nothing_known():
    nothing = largest_difference([[np.nan]], [[1.0]])
    assert nothing.row == -1
    assert math.isnan(nothing.value)
    assert math.isnan(nothing.cosine)
    assert "nothing can be compared" in top_k_changes([[np.nan]], [[1.0]]).words


def test_rounding_changes_near_equals_only_and_says_so():
    vectors = some(300, 32)
    rounded = vectors.astype(np.float16).astype(np.float32)
    changes = top_k_changes(vectors, rounded)
    assert changes.margin < 1e-2 or not len(changes.changed)
    assert len(changes.changed) < 60


def test_other_neighbours_are_told_with_how_clear_the_lost_ones_were():
    apart = [[0, 1, 5], [0, 2, 5], [0, 3, 5], [0, -9, 5]]
    before = [[1, 0, 0], [1, 0.1, 0], [1, 0.4, 0], *apart]
    after = [[1, 0, 0], [1, 0.5, 0], [1, 0.4, 0], *apart]
    changes = top_k_changes(before, after, 1)
    assert changes.changed.tolist() == [0, 1]
    lost = math.cos(math.atan(0.1)) - math.cos(math.atan(0.4))
    assert changes.margin == pytest.approx(lost, abs=1e-6)
    assert "2 of 7 texts have other neighbours among their 1 nearest" in changes.words
    gap = top_k_changes(before, after, 1, Metric.EUCLID).margin
    assert gap == pytest.approx(0.3, abs=1e-6)


def test_of_few_texts_those_are_compared_that_can_change():
    one, other = some(8, 16, seed=1), some(8, 16, seed=2)
    changes = top_k_changes(one, other, 10)
    assert changes.k == 2
    assert len(changes.changed) > 4
    spoiled = one.copy()
    spoiled[:3] = np.nan
    assert top_k_changes(spoiled, other, 10).k == 1


def test_the_same_neighbours_in_another_order_are_no_change():
    apart = [[-1, 0], [-1, 0.1], [-1, 0.2], [-1, 0.3]]
    before = [[1, 0], [1, 0.1], [1, 0.2], *apart]
    after = [[1, 0], [1, 0.2], [1, 0.1], *apart]
    changes = top_k_changes(before, after, 2)
    assert not len(changes.changed)
    assert 0 in changes.reordered


def test_vectors_of_other_texts_or_models_are_refused():
    with pytest.raises(ValueError, match="same texts"):
        largest_difference([[1.0]], [[1.0], [2.0]])
    with pytest.raises(ValueError, match="two models"):
        largest_difference([[1.0]], [[1.0, 2.0]])
