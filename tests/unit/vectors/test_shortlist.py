"""Shortlists filled tile by tile, in any order and both ways, against sorting whole rows."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lib.vectors.shortlist import Shortlist, _hits

SIZES = st.integers(1, 30)


def scores_of(rows, columns, seed):
    """Few different scores, so that many are equal, some of them none."""
    chance = np.random.default_rng(seed)
    scores = chance.integers(-4, 5, (rows, columns)).astype(np.float32)
    scores[chance.random(scores.shape) < 0.1] = np.nan
    scores[chance.random(scores.shape) < 0.1] = -np.inf
    return scores


def sorted_by_hand(scores, k):
    best = np.sort(np.where(np.isnan(scores), -np.inf, scores), axis=1)[:, ::-1][:, :k]
    return np.pad(best, ((0, 0), (0, k - best.shape[1])), constant_values=-np.inf)


@given(SIZES, SIZES, st.integers(1, 8), st.integers(1, 9), st.booleans(), st.integers(0, 99))
def test_tiles_in_any_order_give_the_best_of_the_whole_row(rows, columns, k, wide, turned, seed):
    scores = scores_of(rows, columns, seed)
    starts = np.random.default_rng(seed).permutation(range(0, columns, wide))
    best = Shortlist(rows, k)
    for start in starts:
        tile = scores[:, start : start + wide]
        best.offer(np.ascontiguousarray(tile.T if turned else tile), 0, int(start), turned=turned)
    index, found = best.ranked()
    np.testing.assert_array_equal(found, sorted_by_hand(scores, k))
    for row, (places, values) in enumerate(zip(index, found, strict=True)):
        there = np.isfinite(values)
        assert (places[there] >= 0).all()
        assert (places[~there] == -1).all()
        assert len(set(places[there])) == there.sum()
        np.testing.assert_array_equal(scores[row, places[there]], values[there])


@given(st.integers(1, 5), st.integers(0, 99))
def test_rows_wide_enough_for_groups_lose_nothing(k, seed):
    scores = scores_of(4, 700, seed)
    best = Shortlist(4, k)
    best.offer(scores, 0, 0)
    np.testing.assert_array_equal(best.ranked()[1], sorted_by_hand(scores, k))


def test_a_row_where_everything_enters_is_thinned_before_it_is_sorted():
    lines, _, _ = _hits(np.ones((10, 500), np.float32), np.zeros(10, np.float32), 3)
    assert np.bincount(lines).tolist() == [3] * 10


def test_a_tile_fills_the_rows_that_it_begins_at_only():
    best = Shortlist(4, 1)
    best.offer(np.array([[2, 1], [2, 1]], np.float32), 1, 5)
    assert best.ranked()[0].tolist() == [[-1], [5], [5], [-1]]
