"""Two models over the same texts."""

import numpy as np
import pytest

from lib.vectors import cosine
from lib.vectors.agreeing import agreement, label_share, paired


@pytest.fixture
def vectors():
    return np.random.default_rng(1).normal(size=(30, 8)).astype(np.float32)


def test_a_model_agrees_with_itself_whatever_its_scale_and_turn(vectors):
    turn = np.linalg.qr(np.random.default_rng(2).normal(size=(8, 8)))[0]
    found = agreement(vectors, 3 * vectors @ turn, 5)
    assert found.mean == found.same_nearest == 1
    assert found.correlation == pytest.approx(1, abs=1e-4)
    assert found.k == 5


def test_models_that_have_nothing_in_common_agree_by_chance_only(vectors):
    other = np.random.default_rng(3).normal(size=(30, 12))
    found = agreement(vectors, other, 5)
    assert found.mean < 0.5
    assert abs(found.correlation) < 0.3
    assert len(found.pairs[0]) == len(found.pairs[1]) == 30 * 29 // 2


def test_the_nearest_text_of_each_model_is_told():
    one = np.array([[1, 0], [0.9, 0.1], [0, 1]])
    other = np.array([[1, 0], [0, 1], [0.9, 0.1]])
    found = agreement(one, other, 10)
    assert found.k == 1
    assert found.one.tolist() == [1, 0, 1]
    assert found.other.tolist() == [2, 2, 0]
    assert found.same_nearest == 0


def test_a_text_without_direction_takes_no_part(vectors):
    other = vectors.copy()
    other[3] = 0
    found = agreement(vectors, other, 4)
    assert found.other[3] == -1
    assert found.same_nearest > 0.8


def test_one_text_cannot_be_compared(vectors):
    with pytest.raises(ValueError, match="cannot be compared"):
        agreement(vectors[:1], vectors[:1])
    with pytest.raises(ValueError, match="30 and 29"):
        agreement(vectors, vectors[1:])


def test_the_share_of_a_label_leaves_out_texts_without_one():
    nearest = np.array([1, 0, 3, -1, 0])
    assert label_share(["a", "a", "b", "c", ""], nearest) == pytest.approx(2 / 3)
    assert np.isnan(label_share(["", ""], np.array([1, 0])))


def test_rows_are_compared_with_those_beside_them(vectors):
    other = vectors[::-1].copy()
    assert paired(vectors, other) == pytest.approx(np.diag(cosine(vectors, other)), abs=1e-6)
    other[2] = np.nan
    assert np.isnan(paired(vectors, other)[2])


def test_few_texts_do_not_agree_because_all_others_are_nearest():
    chance = np.random.default_rng(4)
    one, other = chance.normal(size=(2, 40, 11, 64))
    found = [agreement(*both) for both in zip(one, other, strict=True)]
    assert {each.k for each in found} == {3}
    assert np.mean([each.mean for each in found]) == pytest.approx(0.3, abs=0.05)
