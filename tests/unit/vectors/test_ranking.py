"""Orders against their definitions in plain loops, and the values that papers print."""

import itertools
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.vectors.ranking import (
    Move,
    depth,
    mrr,
    ndcg,
    neighbour_overlap,
    overlap,
    rank_changes,
    ranks,
    spearman,
)

SCORES = st.lists(st.integers(-3, 3), min_size=1, max_size=20)
PAIRS = st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=2, max_size=20)
GRADES = st.lists(st.integers(0, 3), min_size=1, max_size=12)


def gains(grades):
    return sum(grade / math.log2(rank + 1) for rank, grade in enumerate(grades, 1))


@given(GRADES, st.integers(1, 15), st.randoms())
def test_ndcg_is_that_of_its_definition(grades, k, chance):
    order = list(range(len(grades)))
    chance.shuffle(order)
    best = gains(sorted(grades, reverse=True)[:k])
    found = ndcg(grades, order, k)
    if best == 0:
        assert math.isnan(found)
    else:
        assert found == pytest.approx(gains([grades[one] for one in order][:k]) / best)
        assert 0 <= found <= 1 + 1e-9


def test_ndcg_of_a_known_order():
    found = ndcg([3, 2, 3, 0, 1, 2], [0, 1, 2, 3, 4, 5], 6)
    assert found == pytest.approx(6.861127 / 7.140995, abs=1e-6)


@pytest.mark.parametrize(
    ("relevance", "order", "expected"),
    [([0, 1, 0], [1, 0, 2], 1), ([0, 1, 1], [0, 2, 1], 0.5), ([0, 0, 1], [0, 1], 0)],
)
def test_mrr_is_one_over_the_rank_of_the_first_relevant_one(relevance, order, expected):
    assert mrr(relevance, order) == expected


def test_where_nothing_is_relevant_there_is_nothing_to_find():
    assert math.isnan(mrr([0, 0], [0, 1]))
    assert math.isnan(ndcg([0, 0], [0, 1]))


@given(SCORES)
def test_ranks_are_counted_by_hand(scores):
    by_hand = [
        1 + sum(other > one for other in scores) + (sum(other == one for other in scores) - 1) / 2
        for one in scores
    ]
    assert ranks(scores).tolist() == by_hand


def test_a_missing_score_has_no_rank_and_takes_none():
    np.testing.assert_array_equal(ranks([0.5, np.nan, 0.9]), [2, np.nan, 1])


@given(PAIRS)
def test_spearman_is_the_correlation_of_ranks(pairs):
    one, other = zip(*pairs, strict=True)
    found = spearman(one, other)
    if len(set(one)) == 1 or len(set(other)) == 1:
        assert math.isnan(found)
    else:
        assert found == pytest.approx(np.corrcoef(ranks(one), ranks(other))[0, 1], abs=1e-9)


def test_spearman_leaves_out_what_one_of_them_does_not_have():
    assert spearman([1, 2, 3, np.nan], [10, 20, 30, 0]) == pytest.approx(1)
    assert spearman([3, 2, 1], [10, 20, 30]) == pytest.approx(-1)
    assert math.isnan(spearman([], []))
    with pytest.raises(ValueError, match="2 scores and 1 scores"):
        spearman([1, 2], [1])


@given(st.integers(1, 8), st.integers(1, 5), st.integers(0, 99))
def test_overlap_is_that_of_sets(count, k, seed):
    chance = np.random.default_rng(seed)
    one, other = (
        np.array([chance.permutation(6)[:k] for _ in range(count)]) - (chance.random() < 0.3)
        for _ in range(2)
    )
    found = overlap(one, other)
    for a, b, share in zip(one, other, found, strict=True):
        there = set(a.tolist()) - {-1}
        if there:
            assert share == pytest.approx(len(there & set(b.tolist())) / len(there))
        else:
            assert math.isnan(share)


def test_neighbours_survive_a_turn_and_a_stretch_of_the_whole_space():
    chance = np.random.default_rng(0)
    vectors = chance.standard_normal((50, 6))
    turn, _ = np.linalg.qr(chance.standard_normal((6, 6)))
    assert (neighbour_overlap(vectors, 3 * vectors @ turn) == 1).all()
    assert neighbour_overlap(vectors, chance.standard_normal((50, 9))).mean() < 0.5
    with pytest.raises(ValueError, match="same texts"):
        neighbour_overlap(vectors, vectors[:-1])


def test_changes_of_rank_name_who_moved_came_and_went():
    found = rank_changes([5, 3, 8], [8, 5, 1])
    assert found == (Move(8, 3, 1), Move(5, 1, 2), Move(1, None, 3), Move(3, 2, None))
    assert [one.gained for one in found] == [2, -1, None, None]


@given(st.permutations(range(6)), st.permutations(range(6)))
def test_what_some_gain_others_lose(before, after):
    found = rank_changes(before, after)
    assert sum(one.gained for one in found) == 0
    assert all(one.after < other.after for one, other in pairwise(found))


@pytest.mark.parametrize(
    ("texts", "k"), [(0, 0), (1, 0), (2, 0), (3, 1), (6, 1), (7, 2), (30, 9), (31, 10), (900, 10)]
)
def test_so_few_neighbours_are_compared_that_chance_is_a_third_at_most(texts, k):
    assert depth(texts) == k


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=6),
    st.integers(1, 6),
)
def test_figures_of_equal_scores_are_means_over_all_their_orders(documents, k):
    relevance, scores = np.array(documents).T
    by_score = [
        list(one)
        for one in itertools.permutations(range(len(documents)))
        if (np.diff(scores[list(one)]) <= 0).all()
    ]
    for figure in (lambda *one: ndcg(*one[:2], k, *one[2:]), mrr):
        expected = np.mean([figure(relevance, one) for one in by_score])
        told = figure(relevance, by_score[0], scores)
        assert told == pytest.approx(expected, nan_ok=True)
