"""Maps against numpy's singular values, and what is said where there is nothing to draw."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.vectors.projection import pca, trust

SIZES = st.integers(1, 12)


def some(count, dimensions, seed=0):
    chance = np.random.default_rng(seed)
    return chance.standard_normal((count, dimensions)) * np.linspace(3, 1, dimensions) + 5


@given(SIZES, SIZES, st.integers(0, 99))
def test_a_projection_is_that_of_the_singular_values(count, dimensions, seed):
    vectors = some(count, dimensions, seed)
    found = pca(vectors)
    centred = vectors - vectors.mean(axis=0)
    _, values, axes = np.linalg.svd(centred, full_matrices=False)
    shares = values**2 / max((values**2).sum(), 1e-300)
    rank = min(count - 1, dimensions)
    np.testing.assert_allclose(found.explained, shares[:rank], atol=1e-5)
    for axis, (by_svd, point) in enumerate(zip(axes[:2], found.points.T, strict=False)):
        if axis < rank and shares[axis] - (shares[axis + 1] if axis + 1 < rank else 0) > 0.01:
            assert abs(by_svd @ found.axes[axis]) == pytest.approx(1, abs=1e-3)
            np.testing.assert_allclose(np.abs(point), np.abs(centred @ by_svd), atol=2e-2)


@given(SIZES, SIZES, st.integers(0, 99))
def test_axes_are_one_long_apart_from_each_other_and_of_one_sign(count, dimensions, seed):
    found = pca(some(count, dimensions, seed), 3)
    rank = min(len(found.explained), 3)
    expected = np.diag(np.arange(3) < rank).astype(float)
    np.testing.assert_allclose(found.axes @ found.axes.T, expected, atol=1e-5)
    for axis in found.axes[:rank]:
        assert axis[np.abs(axis).argmax()] > 0


@given(SIZES, SIZES, st.integers(0, 99))
def test_the_order_of_the_texts_moves_no_point(count, dimensions, seed):
    vectors = some(count, dimensions, seed)
    shuffled = np.random.default_rng(seed).permutation(count)
    found, again = pca(vectors), pca(vectors[shuffled])
    if len(found.explained) > 1 and found.explained[0] - found.explained[1] > 0.05:
        largest = np.sort(np.abs(found.axes[0]))[::-1]
        if len(largest) < 2 or largest[0] - largest[1] > 1e-3:
            np.testing.assert_allclose(found.points[shuffled, 0], again.points[:, 0], atol=1e-2)


def test_all_shares_are_told_and_make_one():
    found = pca(some(50, 7), 2)
    assert found.explained.shape == (7,)
    assert found.explained.sum() == pytest.approx(1)
    assert (np.diff(found.explained) <= 0).all()


def test_many_vectors_are_added_up_part_by_part():
    vectors = some(9000, 5)
    shares = np.linalg.eigvalsh(np.cov(vectors.T))[::-1]
    np.testing.assert_allclose(pca(vectors).explained, shares / shares.sum(), rtol=1e-5)


def test_a_text_without_a_vector_has_no_point_and_moves_no_other():
    vectors = some(6, 4)
    spoiled = np.insert(vectors, 2, np.nan, axis=0)
    found = pca(spoiled)
    assert np.isnan(found.points[2]).all()
    np.testing.assert_allclose(np.delete(found.points, 2, 0), pca(vectors).points, atol=1e-5)


@pytest.mark.parametrize("vectors", [[[1.0, 2, 3]], [[0.1, 0.7, 0.2]] * 9, [[0, 0]] * 3])
def test_texts_that_do_not_differ_are_one_point_and_nothing_is_explained(vectors):
    found = pca(vectors)
    np.testing.assert_allclose(found.points, 0, atol=1e-6)
    assert found.explained.tolist() == []


@pytest.mark.parametrize("vectors", [[], [[np.nan, 1]]])
def test_no_vectors_are_no_map(vectors):
    found = pca(vectors)
    assert found.points.shape == (len(vectors), 2)
    assert np.isnan(found.points).all()
    assert np.isnan(trust(vectors, found.points)).all()


def test_one_dimension_leaves_the_second_axis_flat():
    found = pca([[1.0], [2.0], [4.0]])
    np.testing.assert_allclose(found.points[:, 1], 0)
    assert found.explained.tolist() == [1.0]


def test_a_map_that_keeps_every_angle_is_trusted_fully():
    angles = np.random.default_rng(0).uniform(0, 6.28, 60)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert (trust(circle, pca(circle).points) == 1).all()


def test_a_map_of_chance_is_trusted_no_more_than_chance():
    vectors = np.random.default_rng(0).standard_normal((200, 50))
    kept = trust(vectors, np.random.default_rng(1).standard_normal((200, 2)))
    assert 0.01 < kept.mean() < 0.12


def test_of_very_many_texts_evenly_spaced_ones_are_compared():
    vectors = np.random.default_rng(0).standard_normal((5000, 3))
    kept = trust(vectors, vectors[:, :2])
    assert np.count_nonzero(~np.isnan(kept)) == 2000
    assert not np.isnan(kept[[0, -1]]).any()


def test_a_map_of_few_texts_is_not_trusted_for_its_lack_of_others():
    chance = np.random.default_rng(5)
    kept = [trust(one, pca(one).points).mean() for one in chance.normal(size=(20, 9, 64))]
    assert np.mean(kept) < 0.8
    assert np.isnan(trust(chance.normal(size=(2, 8)), [[0.0, 0.0], [1.0, 0.0]])).all()
