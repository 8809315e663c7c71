"""What is found wrong with vectors, and what is left in peace."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lib.vectors.checks import Finding, check
from lib.vectors.similarity import unit


def sound(count=8):
    return unit(np.random.default_rng(0).standard_normal((count, 16)))


def kinds(vectors):
    return [one.kind for one in check(vectors)]


@pytest.mark.parametrize("vectors", [sound(), [], sound(1), sound().astype(np.float16)])
def test_nothing_wrong_is_nothing_found(vectors):
    assert check(vectors) == []


def test_all_that_is_wrong_is_told_the_worst_first():
    vectors = sound() * 1
    vectors[1] = np.nan
    vectors[2] = 0
    vectors[3] *= 4
    vectors[6] = vectors[5]
    assert check(vectors) == [
        Finding("nan", (1,), "Without a vector, or with NaN or infinity in it: 1 of 8 texts."),
        Finding("zero", (2,), "All zeros, so without a direction and a cosine: 1 of 8 vectors."),
        Finding(
            "norm",
            (3,),
            "Not of length 1 (1 to 4): 1 of 8 vectors."
            " Cosine and dot product order texts differently.",
        ),
        Finding("duplicate", (5, 6), "The same vector as another's: 2 of 8 texts, in 1 group."),
    ]


def test_vectors_that_are_all_equally_long_keep_the_order():
    found = check(sound() * 5.94)
    assert [one.kind for one in found] == ["norm"]
    assert "(5.94): 8 of 8 vectors. All are equally long" in found[0].words


def test_groups_of_duplicates_follow_each_other_the_largest_first():
    vectors = sound()
    found = check(vectors[[0, 1, 0, 2, 3, 3, 3]])
    assert found[0].indices == (4, 5, 6, 0, 2)
    assert "in 2 groups" in found[0].words


def test_vectors_of_two_models_are_told_and_looked_at_no_further():
    found = check([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0, 0.0]])
    assert found == [
        Finding("mixed", (2,), "Vectors of 2, 3 dimensions: they are not of one model.")
    ]


@given(arrays.arrays(np.float32, (5, 3), elements=st.floats(width=32)))
def test_no_vectors_break_the_checks(vectors):
    found = kinds(vectors)
    assert len(set(found)) == len(found)
    assert ("nan" in found) == (not np.isfinite(vectors).all())


def test_without_pairs_all_but_duplicates_is_told():
    found = check([[0, 0], [3, 0], [3, 0]], pairwise=False)
    assert [(one.kind, one.indices) for one in found] == [("zero", (0,)), ("norm", (1, 2))]
