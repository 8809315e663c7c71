"""A search judged by its scores."""

import numpy as np
import pytest

from lib.vectors.searching import found, moved, order, relevance

NAN = float("nan")


def test_documents_come_best_first_equal_ones_by_place_and_those_without_score_never():
    assert [one.tolist() for one in order([[0.1, 0.9, NAN, 0.9], [NAN, NAN, NAN, NAN]])] == [
        [1, 3, 0],
        [],
    ]


def test_a_document_is_relevant_where_both_have_the_same_label():
    told = relevance(["a", "", "b"], ["a", "", "b", "a"])
    assert told.tolist() == [[1, 0, 0, 1], [0, 0, 0, 0], [0, 0, 1, 0]]


def test_a_search_is_judged_over_the_queries_that_have_a_label():
    scores = [[0.9, 0.1, 0.5], [0.2, 0.8, 0.1], [0.3, 0.4, 0.5]]
    told = found(scores, relevance(["a", "a", ""], ["a", "b", "c"]))
    assert told.judged == 2
    assert told.mrr == pytest.approx((1 + 1 / 2) / 2)
    assert told.ndcg == pytest.approx((1 + 1 / np.log2(3)) / 2)


def test_without_labels_only_the_scores_are_told():
    told = found([[0.9, 0.1, 0.2], [0.4, 0.5, 0.6]])
    assert told.judged == 0
    assert np.isnan([told.ndcg, told.mrr]).all()
    assert told.best == pytest.approx(0.75)
    assert told.typical == pytest.approx(0.45)


def test_how_far_the_best_stands_out_does_not_depend_on_scale_or_floor():
    scores = np.array([[0.9, 0.1, 0.2], [0.4, 0.5, 0.6]])
    assert found(scores).apart == pytest.approx(found(0.5 + scores / 10).apart)


def test_a_query_does_not_find_itself():
    scores = np.array([[NAN, 0.2], [0.2, NAN]])
    told = found(scores, relevance(["a", "a"], ["a", "a"]))
    assert told.ndcg == told.mrr == 1


@pytest.mark.parametrize("scores", [np.zeros((0, 0)), np.zeros((2, 0)), np.full((2, 3), NAN)])
def test_nothing_to_tell_is_nan_and_no_crash(scores):
    told = found(scores)
    assert np.isnan([told.best, told.typical, told.apart, told.ndcg, told.mrr]).all()


def test_scores_that_do_not_vary_stand_out_by_nothing_known():
    assert np.isnan(found([[0.5, 0.5, 0.5]]).apart)


def test_queries_with_another_best_document_are_counted():
    before, after = [[0.9, 0.1], [0.9, 0.1], [NAN, NAN]], [[0.1, 0.9], [0.8, 0.2], [0.1, NAN]]
    assert moved(before, after) == 2


def test_a_search_that_tells_nothing_apart_earns_nothing_by_the_order_of_its_documents():
    labels = relevance(["a"], ["a", "b", "b", "b"])
    told = found([[0.5, 0.5, 0.5, 0.5]], labels)
    assert told.mrr == pytest.approx((1 + 1 / 2 + 1 / 3 + 1 / 4) / 4)
    assert told.ndcg == pytest.approx(np.mean(1 / np.log2([2, 3, 4, 5])))
