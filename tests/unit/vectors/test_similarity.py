"""Scores against plain loops and numpy.linalg, and what holds for every set of vectors."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lib.vectors.similarity import Metric, cosine, dot, euclid, lengths, rows, unit

NUMBERS = st.floats(-100, 100, width=32)
SHAPES = st.tuples(st.integers(1, 6), st.integers(1, 5))
SETS = SHAPES.flatmap(lambda shape: arrays.arrays(np.float32, shape, elements=NUMBERS))
HOSTILE = SHAPES.flatmap(
    lambda shape: arrays.arrays(
        np.float32, shape, elements=st.floats(width=32, allow_nan=True, allow_infinity=True)
    )
)


def cosine_by_hand(a, b):
    across = sum(float(x) * float(y) for x, y in zip(a, b, strict=True))
    long = math.sqrt(sum(float(x) ** 2 for x in a)) * math.sqrt(sum(float(y) ** 2 for y in b))
    return across / long if long else math.nan


@given(SETS)
def test_cosines_are_those_of_plain_loops(vectors):
    found = cosine(vectors)
    by_hand = [[cosine_by_hand(a, b) for b in vectors] for a in vectors]
    np.testing.assert_allclose(found, by_hand, atol=3e-6)


@given(SETS)
def test_distances_are_those_of_numpy(vectors):
    wide = vectors.astype(np.float64)
    by_numpy = np.linalg.norm(wide[:, None] - wide[None], axis=2)
    np.testing.assert_allclose(euclid(vectors), by_numpy, rtol=1e-5, atol=1e-5)


@given(SETS)
def test_dot_products_are_those_of_plain_loops(vectors):
    by_hand = [
        [sum(float(x) * float(y) for x, y in zip(a, b, strict=True)) for b in vectors]
        for a in vectors
    ]
    np.testing.assert_allclose(dot(vectors), by_hand, rtol=1e-5, atol=1e-2)


@given(HOSTILE)
@pytest.mark.parametrize("metric", Metric)
def test_no_vectors_crash_and_a_row_without_a_score_has_none_at_all(metric, vectors):
    found = metric.matrix(vectors)
    assert found.shape == (len(vectors), len(vectors))
    assert found.dtype == np.float32
    bad = ~np.isfinite(vectors).all(axis=1)
    assert np.isnan(found[bad]).all()
    assert np.isnan(found[:, bad]).all()
    if metric is Metric.COSINE:
        directed = ~bad & vectors.any(axis=1)
        assert np.isnan(found[~directed]).all()
        assert (np.abs(found[np.ix_(directed, directed)]) <= 1).all()


@given(HOSTILE)
def test_a_unit_vector_is_one_long_however_short_or_long_it_was(vectors):
    length = lengths(unit(vectors))
    has_direction = np.isfinite(vectors).all(axis=1) & vectors.any(axis=1)
    np.testing.assert_allclose(length[has_direction], 1, atol=1e-6)
    assert np.isnan(length[~has_direction]).all()


def test_a_vector_is_exactly_like_itself():
    vectors = np.random.default_rng(1).standard_normal((40, 7))
    assert (np.diag(cosine(vectors)) == 1).all()
    assert (np.diag(euclid(vectors)) == 0).all()


def test_two_sets_are_scored_row_by_column():
    found = cosine([[1, 0], [0, 2]], [[3, 0], [1, 1], [0, 0]])
    np.testing.assert_allclose(found, [[1, math.sqrt(0.5), np.nan], [0, math.sqrt(0.5), np.nan]])


def test_near_duplicates_far_from_the_origin_keep_their_distance():
    vectors = np.array([[1e4, 1e4], [1e4, 1e4 + 0.0078125]], np.float32)
    assert euclid(vectors)[0, 1] == pytest.approx(0.0078125, rel=1e-3)


def test_only_a_distance_is_nearer_when_less():
    assert [metric.is_distance for metric in Metric] == [False, False, True]


@pytest.mark.parametrize("wrong", [[[1.0], [1.0, 2.0]], [1.0, 2.0], [["a"]], [[[1.0]]]])
def test_what_is_no_matrix_is_refused_in_words(wrong):
    with pytest.raises(ValueError, match=r"one length|a matrix"):
        rows(wrong)


@pytest.mark.parametrize("metric", Metric)
def test_different_dimensions_are_refused_in_words(metric):
    with pytest.raises(ValueError, match="2 and of 3 dimensions"):
        metric.matrix([[1, 2]], [[1, 2, 3]])


@pytest.mark.parametrize("metric", Metric)
def test_no_vectors_have_no_scores(metric):
    assert metric.matrix([]).shape == (0, 0)
    assert metric.matrix([[1, 2]], []).shape == (1, 0)


@pytest.mark.parametrize("metric", Metric)
def test_vectors_without_dimensions_have_no_scores(metric):
    none = np.zeros((3, 0), np.float32)
    assert np.isnan(metric.matrix(none)).all()
    assert np.isnan(metric.matrix(none, none[:2])).all()
