"""Scores told by the model's own floor, and lines drawn between alike and unlike."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.vectors.calibration import Floor, threshold
from lib.vectors.similarity import Metric, cosine

SCORES = st.lists(st.sampled_from([-0.5, 0, 0.1, 0.2, 0.4, 0.4001, 0.9]), min_size=1, max_size=12)


def floor():
    return Floor.of(np.random.default_rng(0).standard_normal((20, 30)) + 0.4)


def test_a_floor_is_that_of_all_pairs():
    vectors = np.random.default_rng(0).standard_normal((6, 4))
    found = Floor.of(vectors)
    pairs = [cosine(vectors)[a, b] for a in range(6) for b in range(a)]
    assert found.pairs == 15
    assert found.mean == pytest.approx(np.mean(pairs))
    assert found.sd == pytest.approx(np.std(pairs))
    assert found.scores.tolist() == sorted(found.scores)


@given(SCORES, st.sampled_from([-1, 0, 0.1, 0.15, 0.4, 1]))
def test_a_percentile_counts_who_is_less_alike(scores, score):
    below = sum(one < score for one in scores) + sum(one == score for one in scores) / 2
    found = Floor(np.sort(np.array(scores, float)))
    assert found.percentile(score) == pytest.approx(100 * below / len(scores))
    turned = Floor(np.sort(-np.array(scores, float)), Metric.EUCLID)
    assert turned.percentile(-score) == pytest.approx(found.percentile(score))
    if not math.isnan(found.z(score)):
        assert turned.z(-score) == pytest.approx(found.z(score))


def test_z_counts_standard_deviations():
    found = floor()
    assert found.z(found.mean) == pytest.approx(0)
    assert found.z(found.mean + 2 * found.sd) == pytest.approx(2)


def test_a_floor_that_varies_by_rounding_only_has_no_standard_deviations():
    vectors = np.random.default_rng(1).standard_normal(64) * np.linspace(1, 3, 28)[:, None]
    found = Floor.of(vectors)
    assert math.isnan(found.z(0.9))


def test_a_verdict_is_in_words_from_equal_down_to_opposite():
    found = floor()
    places = np.quantile(found.scores, [0.97, 0.5, 0.01])
    assert [found.verdict(score) for score in (1, found.scores[-1] + 0.01, *places)] == [
        "the same to this model",
        "above every unrelated pair",
        "above 96 of 100 unrelated pairs",
        "as unrelated texts score",
        "less alike than unrelated texts are",
    ]


def test_a_distance_is_more_alike_when_less():
    vectors = np.random.default_rng(0).standard_normal((20, 30))
    found = Floor.of(vectors, Metric.EUCLID)
    assert found.verdict(0) == "the same to this model"
    assert found.verdict(found.scores[0] - 0.1) == "nearer than every unrelated pair"
    assert found.verdict(np.quantile(found.scores, 0.03)) == "nearer than 96 of 100 unrelated pairs"
    assert found.verdict(found.scores[-1] + 1) == "less alike than unrelated texts are"


@pytest.mark.parametrize("vectors", [[], [[1, 0]], [[0, 0], [0, 0]], [[np.nan, 1], [1, 2]]])
def test_without_pairs_there_is_no_floor_and_nothing_is_said(vectors):
    found = Floor.of(vectors)
    assert found.pairs == 0
    assert all(math.isnan(one) for one in (found.mean, found.sd, found.z(1), found.percentile(1)))
    assert found.verdict(0.5) == "nothing to compare the score with"
    assert floor().verdict(math.nan) == "no score"


def errors(alike, unlike, at):
    return sum(one >= at for one in unlike) / len(unlike) + sum(one < at for one in alike) / len(
        alike
    )


@given(SCORES, SCORES)
def test_no_line_makes_fewer_errors(alike, unlike):
    found = threshold(alike, unlike)
    own = errors(alike, unlike, found.at)
    assert found.false_accepts + found.false_rejects == pytest.approx(own)
    for other in np.linspace(-0.6, 1, 40):
        assert own <= errors(alike, unlike, other) + 1e-9


@given(SCORES, SCORES)
def test_the_line_of_distances_is_that_of_scores_turned(alike, unlike):
    found = threshold(alike, unlike)
    turned = threshold([-one for one in alike], [-one for one in unlike], metric=Metric.EUCLID)
    assert turned._replace(at=-turned.at) == found


def test_kinds_that_are_apart_are_parted_in_the_middle():
    found = threshold([0.8, 0.9, math.nan], [0.1, 0.4])
    assert found.at == pytest.approx(0.6)
    assert (found.false_accepts, found.false_rejects) == (0, 0)
    assert found.words == ("At 0.600: accepts 0% of 2 unlike pairs, rejects 0% of 2 alike ones.")


def test_of_equally_good_lines_the_one_in_the_widest_gap_is_drawn():
    assert threshold([0.5, 0.9], [0.45, 0.55]).at == pytest.approx(0.725)
    assert threshold([0.5, 0.9], [0.1, 0.55]).at == pytest.approx(0.3)


def test_a_kind_without_pairs_has_no_line():
    assert threshold([], [0.1]) is None
    assert threshold([0.1], [math.nan]) is None
