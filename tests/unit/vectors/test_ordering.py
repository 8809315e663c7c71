"""Orders for heat maps: against agglomeration by plain loops, and on lines whose order is known."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.vectors.ordering import by_hierarchy, by_spectrum
from lib.vectors.similarity import cosine

WAYS = pytest.mark.parametrize("way", [by_hierarchy, by_spectrum])


def along_a_line(count):
    """Similarities of places on a line, each the less alike the farther apart."""
    places = np.arange(count)
    return np.exp(-np.abs(places[:, None] - places[None]) / 3)


def groups_by_hand(scores):
    """All groups of average linkage, by looking at all pairs of groups each time."""
    groups, found = [frozenset([row]) for row in range(len(scores))], set()
    while len(groups) > 1:
        one, other = max(
            combinations(groups, 2),
            key=lambda pair: np.mean([scores[a, b] for a in pair[0] for b in pair[1]]),
        )
        groups = [group for group in groups if group not in (one, other)] + [one | other]
        found.add(one | other)
    return found


def adjacent(scores, order):
    return sum(scores[a, b] for a, b in pairwise(order))


@given(st.integers(3, 12), st.integers(0, 200))
def test_every_group_of_the_hierarchy_stands_together(count, seed):
    scores = cosine(np.random.default_rng(seed).standard_normal((count, 5)))
    order = by_hierarchy(scores).tolist()
    for group in groups_by_hand(scores):
        places = sorted(order.index(row) for row in group)
        assert places == list(range(places[0], places[0] + len(places)))


@WAYS
@given(count=st.integers(0, 25), seed=st.integers(0, 200))
def test_an_order_holds_every_row_once_and_does_not_change_its_input(way, count, seed):
    chance = np.random.default_rng(seed)
    scores = cosine(chance.standard_normal((count, 4)))
    scores[chance.random(count) < 0.2] = np.nan
    before = scores.copy()
    assert sorted(way(scores)) == list(range(count))
    np.testing.assert_array_equal(scores, before)


@WAYS
@given(seed=st.integers(0, 200))
def test_shuffled_places_on_a_line_find_back_to_it(way, seed):
    shuffled = np.random.default_rng(seed).permutation(17)
    scores = along_a_line(17)[np.ix_(shuffled, shuffled)]
    order = way(scores)
    if way is by_spectrum:
        assert shuffled[order].tolist() in (list(range(17)), list(range(16, -1, -1)))
    # Groups of equal distance are cut anywhere, but neighbours stay near.
    assert adjacent(scores, order) >= 0.8 * adjacent(along_a_line(17), range(17))


def test_groups_are_turned_so_that_their_similar_ends_touch():
    scores = np.array(
        [[1, 0.9, 0.1, 0.3], [0.9, 1, 0.0, 0.2], [0.1, 0.0, 1, 0.9], [0.3, 0.2, 0.9, 1]]
    )
    assert by_hierarchy(scores).tolist() == [1, 0, 3, 2]


@WAYS
def test_an_order_begins_with_the_end_that_came_first_and_ends_with_what_has_no_score(way):
    scores = along_a_line(5)
    scores[1] = scores[:, 1] = np.nan
    assert way(scores).tolist() == [0, 2, 3, 4, 1]


@WAYS
def test_a_score_that_is_missing_alone_counts_as_the_least(way):
    scores = along_a_line(6)
    scores[0, 1] = np.nan
    assert sorted(way(scores)) == list(range(6))


@WAYS
def test_texts_that_are_all_alike_need_no_order(way):
    assert sorted(way(np.ones((7, 7)))) == list(range(7))


def test_two_thousand_texts_are_ordered_in_seconds():
    scores = cosine(np.random.default_rng(0).standard_normal((2000, 8)))
    order = by_hierarchy(scores)
    chance = np.random.default_rng(1).permutation(2000)
    assert adjacent(scores, order) > adjacent(scores, chance) + 1000


@WAYS
@pytest.mark.parametrize("wrong", [[1, 2], [[1, 2]], []])
def test_what_is_not_square_is_refused(way, wrong):
    with pytest.raises(ValueError, match="square"):
        way(wrong)
