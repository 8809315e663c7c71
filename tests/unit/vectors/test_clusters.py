"""Groups against groups that were made, and silhouettes against plain loops."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.vectors.clusters import best_clusters, kmeans, silhouettes
from lib.vectors.similarity import cosine


def blobs(groups, each, seed=0, spread=0.15):
    """Texts of so many topics, shuffled, and the topic of each."""
    chance = np.random.default_rng(seed)
    centres = np.linalg.qr(chance.standard_normal((16, 16)))[0][:groups]
    topics = chance.permutation(np.repeat(np.arange(groups), each))
    return centres[topics] + spread * chance.standard_normal((len(topics), 16)) / 4, topics


def silhouettes_by_hand(vectors, labels):
    apart = 1 - cosine(vectors)
    found = []
    for one, own in enumerate(labels):
        means = {
            group: [
                apart[one, other]
                for other in range(len(labels))
                if labels[other] == group and other != one
            ]
            for group in set(labels)
        }
        within = means.pop(own)
        beyond = min(sum(others) / len(others) for others in means.values())
        mean = sum(within) / len(within) if within else math.nan
        found.append((beyond - mean) / max(mean, beyond) if within else 0)
    return found


@given(st.integers(2, 20), st.integers(0, 99))
def test_silhouettes_are_those_of_plain_loops(count, seed):
    chance = np.random.default_rng(seed)
    labels = chance.integers(0, 4, count)
    labels[:2] = 0, 1
    vectors = chance.standard_normal((count, 3))
    by_hand = silhouettes_by_hand(vectors, labels.tolist())
    np.testing.assert_allclose(silhouettes(vectors, labels), by_hand, atol=1e-4)


@pytest.mark.parametrize("groups", [2, 3, 5, 8])
def test_the_groups_that_were_made_are_found_and_counted(groups):
    vectors, topics = blobs(groups, 20)
    found = best_clusters(vectors)
    assert len(found.central) == groups
    assert found.score > 0.5
    for group in range(groups):
        assert len(set(topics[found.labels == group])) == 1
        assert found.labels[found.central[group]] == group


@given(st.integers(1, 30), st.integers(1, 6), st.integers(0, 99))
def test_every_text_has_a_group_and_every_group_a_text(count, k, seed):
    vectors = np.random.default_rng(seed).integers(-1, 2, (count, 3)).astype(float)
    found = kmeans(vectors, k, seed=seed)
    directed = vectors.any(axis=1)
    assert ((found.labels >= 0) == directed).all()
    assert len(found.central) <= k
    assert found.sizes.sum() == directed.sum()
    assert (found.sizes > 0).all()
    assert (np.diff(found.sizes) <= 0).all()
    assert found.labels[found.central].tolist() == list(range(len(found.central)))


def test_the_same_seed_gives_the_same_groups():
    vectors, _ = blobs(4, 15, spread=2)
    one, again = kmeans(vectors, 4, seed=3), kmeans(vectors, 4, seed=3)
    assert np.array_equal(one.labels, again.labels)
    assert np.array_equal(one.central, again.central)


def test_fewer_directions_than_groups_make_fewer_groups():
    found = kmeans([[1, 0], [2, 0], [0, 1], [0, 3]], 4)
    assert found.labels.tolist() == [0, 0, 1, 1]


def test_texts_that_are_all_the_same_are_one_group_without_a_score():
    found = best_clusters(np.ones((20, 3)))
    assert found.labels.tolist() == [0] * 20
    assert math.isnan(found.score)


@pytest.mark.parametrize("vectors", [[], [[0, 0]], [[np.nan, 1]]])
def test_texts_without_a_direction_are_in_no_group(vectors):
    found = best_clusters(vectors)
    assert (found.labels == -1).all()
    assert len(found.central) == 0
    assert math.isnan(found.score)


def test_groups_of_many_dimensions_are_found_in_the_main_ones():
    narrow, topics = blobs(5, 20)
    turn = np.linalg.qr(np.random.default_rng(2).standard_normal((300, 300)))[0][:16]
    found = best_clusters(narrow @ turn)
    assert len(found.central) == 5
    for group in range(5):
        assert len(set(topics[found.labels == group])) == 1


def test_centres_learnt_from_a_part_hold_for_all():
    vectors, topics = blobs(3, 2500)
    found = kmeans(vectors, 3)
    assert found.sizes.tolist() == [2500] * 3
    for group in range(3):
        assert len(set(topics[found.labels == group])) == 1
