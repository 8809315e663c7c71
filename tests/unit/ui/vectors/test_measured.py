"""The measures of a set against plain loops, and what they do with a text without a vector."""

import numpy as np
import pytest

from lib.api import Vectors
from lib.servers import Server, Source
from lib.ui.vectors.answer import answer
from lib.ui.vectors.measured import MOST_CELLS, Measured, measured, thinned
from lib.ui.vectors.sets import Embedded, How, Texts
from lib.vectors import Floor, Metric

SERVER = Server("a", "http://127.0.0.1:1", None, Source.ENVIRONMENT)
METRICS = pytest.mark.parametrize("metric", list(Metric))


def embedded(rows, *, labels=(), queries=(), unrelated=None):
    rows = np.asarray(rows, np.float32)
    broken = np.isnan(rows).any(axis=1)
    failed = {int(n): "no" for n in np.flatnonzero(broken)}
    texts = Texts(tuple(f"text {n}" for n in range(len(rows))), tuple(labels), frozenset(queries))
    vectors = Vectors(rows, failed, 10, frozenset(), 1.0, "m", ())
    floor = None if unrelated is None else Floor.of(unrelated)
    return Embedded(texts, vectors, SERVER, "m", How(), floor, unrelated)


def random(count, size=5, seed=0):
    return np.random.default_rng(seed).normal(size=(count, size)).astype(np.float32)


def score(metric, a, b):
    a, b = a.astype(np.float64), b.astype(np.float64)
    if metric is Metric.EUCLID:
        return np.sqrt(((a - b) ** 2).sum())
    product = (a * b).sum()
    if metric is Metric.DOT:
        return product
    return product / np.sqrt((a * a).sum() * (b * b).sum())


@METRICS
def test_a_heat_map_has_every_pair_at_the_places_that_it_names(metric):
    rows = random(12)
    heat = Measured(embedded(rows), metric).heat
    assert sorted(heat.down) == list(range(12))
    for i, one in enumerate(heat.down):
        for j, other in enumerate(heat.across):
            if one == other:
                assert np.isnan(heat.scores[i, j])
            else:
                wanted = score(metric, rows[one], rows[other])
                assert heat.scores[i, j] == pytest.approx(wanted, abs=1e-4)


@METRICS
def test_the_closest_pair_is_the_best_of_all(metric):
    rows = random(15)
    found = Measured(embedded(rows), metric).pairs
    every = {(i, j): score(metric, rows[i], rows[j]) for i in range(15) for j in range(i + 1, 15)}
    best = (min if metric.is_distance else max)(every, key=every.get)
    assert (int(found.first[0]), int(found.second[0])) == best
    assert found.score[0] == pytest.approx(every[best], abs=1e-4)


@METRICS
def test_a_text_without_a_vector_is_nowhere(metric):
    rows = random(10)
    rows[3] = np.nan
    found = Measured(embedded(rows), metric)
    assert 3 not in found.heat.down
    assert 3 not in found.nearest.index
    assert 3 not in found.pairs.first
    assert 3 not in found.pairs.second
    assert 3 not in found.nearest_of(0).index
    assert 3 not in found.common.plane.places


@METRICS
def test_queries_meet_documents_only(metric):
    rows = random(9)
    found = Measured(embedded(rows, queries=(1, 4)), metric)
    assert found.heat.down.tolist() == [1, 4]
    assert sorted(found.heat.across) == [0, 2, 3, 5, 6, 7, 8]
    assert set(found.pairs.first.tolist()) <= {1, 4}
    assert not {1, 4} & set(found.pairs.second.tolist())
    assert found.nearest.index.shape == (2, 7)


def test_nearest_of_one_text_agrees_with_the_search_for_all():
    found = Measured(embedded(random(20)), Metric.COSINE)
    for place in (0, 7, 19):
        assert found.nearest_of(place).index[0].tolist() == found.nearest.index[place].tolist()


def test_many_texts_share_cells_that_hold_their_mean():
    heat = Measured(embedded(random(600)), Metric.COSINE).heat
    assert heat.size == 3
    assert max(heat.of.shape) <= MOST_CELLS
    block = heat.scores[3:6, 6:9]
    assert heat.of[1, 2] == pytest.approx(float(block.mean()), abs=1e-5)
    own = heat.scores[:3, :3]
    assert heat.of[0, 0] == pytest.approx(float(np.nanmean(own)), abs=1e-5)


def test_more_texts_than_a_matrix_holds_are_spaced_evenly():
    assert thinned(np.arange(10), 20).tolist() == list(range(10))
    some = thinned(np.arange(10_000), 100)
    assert (some[0], some[-1], len(set(some.tolist()))) == (0, 9_999, 100)


def test_texts_of_a_group_stand_together():
    centres = 20 * np.eye(5)[[0, 1, 2] * 8]
    found = Measured(embedded(centres + random(24)), Metric.COSINE)
    groups = found.heat.down % 3
    assert int((np.diff(groups) != 0).sum()) == 2
    assert len(found.common.groups.central) == 3
    assert found.common.groups.among == 24


def test_groups_of_many_texts_say_among_how_many_they_were_found():
    centres = 20 * np.eye(5)[[0, 1, 2] * 120]
    groups = Measured(embedded(centres + random(360)), Metric.COSINE).common.groups
    assert (groups.among, len(groups.of), len(groups.central)) == (300, 360, 3)
    assert all(len(set(groups.of[start::3].tolist())) == 1 for start in range(3))


def test_measures_are_made_once_and_shared_by_the_metrics():
    made = embedded(random(8))
    assert measured(made, Metric.COSINE) is measured(made, Metric.COSINE)
    assert measured(made, Metric.DOT) is not measured(made, Metric.COSINE)
    assert measured(made, Metric.DOT).common is measured(made, Metric.COSINE).common


@METRICS
def test_shades_begin_at_the_floor(metric):
    unrelated = random(10, seed=3)
    found = Measured(embedded(random(8), unrelated=unrelated), metric)
    worst, best = found.span
    assert worst == pytest.approx(Floor.of(unrelated, metric).mean)
    assert (best < worst) is metric.is_distance


# ── The sentence ──


def test_labels_are_counted_by_the_nearest_text():
    rows = np.eye(4)[[0, 0, 1, 1]] + 0.01 * random(4, 4)
    told = answer(measured(embedded(rows, labels="aabb"), Metric.COSINE))
    assert told["sentence"].startswith("4 of 4 texts have a text of their own label as nearest")
    assert told["tone"] == "good"
    told = answer(measured(embedded(rows, labels="abab"), Metric.COSINE))
    assert told["sentence"].startswith("0 of 4 texts")
    assert told["tone"] == "watch"


def test_a_label_of_one_text_is_not_counted():
    rows = np.eye(4)[[0, 0, 1, 1]] + 0.01 * random(4, 4)
    told = answer(measured(embedded(rows, labels=("a", "a", "b", "")), Metric.COSINE))
    assert told["sentence"].startswith("Closest: “text")


def test_a_query_whose_label_no_document_has_is_not_counted():
    rows = np.eye(4)[[0, 1, 0, 2]] + 0.01 * random(4, 4)
    made = embedded(rows, labels=("a", "x", "a", "b"), queries=(0, 1))
    told = answer(measured(made, Metric.COSINE))
    assert told["sentence"] == "1 of 1 queries find a document of their own label first."


def test_pairs_above_the_floor_are_counted():
    unrelated = np.eye(6, dtype=np.float32)
    rows = np.array([[1, 0], [1, 0.01], [0, 1]], np.float32) @ np.eye(2, 6)
    told = answer(measured(embedded(rows, unrelated=unrelated), Metric.COSINE))
    assert told["more"][0].startswith("2 of 3 pairs")
    assert "the same to this model" in told["sentence"]


@pytest.mark.parametrize("rows", [np.full((2, 0), np.nan), np.full((2, 3), np.nan)])
def test_without_a_vector_nothing_is_concluded(rows):
    told = answer(measured(embedded(rows), Metric.COSINE))
    assert told["sentence"] == "No text has a vector."


@METRICS
def test_zero_vectors_are_told_and_have_no_cosine(metric):
    rows = random(5)
    rows[2] = 0
    found = measured(embedded(rows), metric)
    told = answer(found)
    assert any("zero" in one["text"] for one in told["remarks"])
    assert bool(np.isnan(found.pair(2, 0))) == (metric is Metric.COSINE)


def test_what_is_wrong_is_counted_over_all_texts_however_many():
    rows = np.tile(random(50), (50, 1))
    rows[:: len(rows) // 7] = 0
    told = [one.words for one in measured(embedded(rows), Metric.COSINE).common.findings]
    assert "8 of 2,500 vectors" in told[0]
    assert "2,492 of 2,500 vectors" in told[1]
    assert len(told) == 2
