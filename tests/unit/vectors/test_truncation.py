"""Smaller vectors: what they hold, and what is said of their losses."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lib.vectors.similarity import cosine, lengths
from lib.vectors.truncation import binary, curve, int8, quantised, shortened

SETS = arrays.arrays(np.float32, (6, 11), elements=st.floats(-50, 50, width=32))


def falling(count=200, dimensions=64, seed=0):
    """Vectors whose first dimensions carry most, as Matryoshka models' do."""
    scale = 1 / np.sqrt(np.arange(1, dimensions + 1))
    return np.random.default_rng(seed).standard_normal((count, dimensions)) * scale


def test_a_short_vector_is_the_first_dimensions_at_length_one():
    found = shortened([[3, 4, 12], [0, 0, 1]], 2)
    np.testing.assert_allclose(found[0], [0.6, 0.8], atol=1e-6)
    assert np.isnan(found[1]).all()


@pytest.mark.parametrize("wrong", [0, -1, 4])
def test_there_is_no_size_beyond_the_vectors_own(wrong):
    with pytest.raises(ValueError, match="From 1 to 3"):
        shortened([[1, 2, 3]], wrong)


def test_the_curve_rises_to_all_that_there_is():
    found = curve(falling())
    assert [one.dimensions for one in found] == [8, 16, 32, 64]
    assert [one.bytes for one in found] == [32, 64, 128, 256]
    overlaps = [one.overlap for one in found]
    assert overlaps == sorted(overlaps)
    assert overlaps[0] < 0.7
    assert overlaps[-1] == 1
    assert found[-1].spearman == pytest.approx(1)


def test_fewer_bits_lose_little_by_little():
    found = {one.name: one for one in quantised(falling(dimensions=60))}
    assert [one.bytes for one in found.values()] == [240, 120, 60, 8]
    assert found["float32"].overlap == 1
    assert found["float16"].overlap > 0.97
    assert 0.85 < found["int8"].overlap < 1
    assert 0.1 < found["binary"].overlap < found["int8"].overlap
    assert found["binary"].spearman < found["int8"].spearman < 1


@given(SETS)
def test_eight_bits_are_never_off_by_more_than_half_a_step(vectors):
    found = int8(vectors)
    assert found.codes.dtype == np.int8
    assert (np.abs(found.restored - vectors) <= found.step * 0.5 + 1e-4).all()
    varied = np.ptp(vectors, axis=0) > 1e-3
    assert (found.codes[:, varied].min(axis=0) == -128).all()
    assert (found.codes[:, varied].max(axis=0) == 127).all()


@given(SETS)
def test_the_cosine_of_signs_counts_the_bits_that_differ(vectors):
    found = binary(vectors)
    assert found.codes.shape == (6, 2)
    bits = vectors > 0
    differ = (bits[:, None] != bits[None]).sum(axis=2)
    np.testing.assert_allclose(cosine(found.restored), 1 - 2 * differ / 11, atol=1e-5)


def test_a_text_without_a_vector_stays_without():
    vectors = [[1.0, -2], [np.nan, 1], [0.5, 3]]
    for form in (int8(vectors), binary(vectors)):
        assert np.isnan(form.restored).any(axis=1).tolist() == [False, True, False]
    assert np.isnan(lengths(int8([[np.nan]]).restored)).all()


def test_of_a_large_set_evenly_spaced_texts_are_asked():
    vectors = falling(1500, 16)
    found = curve(vectors, [16])
    assert found[0].overlap == 1


@pytest.mark.parametrize("vectors", [[], [[1.0, 2.0]], [[0.0, 0.0]] * 3])
def test_too_few_texts_lose_nothing_that_is_known(vectors):
    for found in (*curve(vectors), *quantised(vectors)):
        assert math.isnan(found.overlap)
        assert math.isnan(found.spearman)


def test_few_texts_lose_neighbours_too():
    vectors = np.random.default_rng(6).standard_normal((11, 128))
    assert curve(vectors, [8])[0].overlap < 0.9
    assert np.isnan(quantised(vectors[:2])[-1].overlap)
