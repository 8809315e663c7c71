import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.metrics import percentiles

EDGES = np.array([0.1, 0.5, 1.0, math.inf])
COUNTS = st.lists(st.integers(0, 50), min_size=4, max_size=4)


def histogram_quantile(q, edges, cumulative):
    """Prometheus' `bucketQuantile`, written from its description."""
    total = cumulative[-1]
    if not total:
        return math.nan
    rank = q * total
    at = next(index for index, count in enumerate(cumulative) if count >= rank)
    if at == len(edges) - 1:
        return edges[-2]
    if at == 0:
        return edges[0] * (rank / cumulative[0]) if cumulative[0] else 0.0
    inside = cumulative[at] - cumulative[at - 1]
    share = (rank - cumulative[at - 1]) / inside
    return edges[at - 1] + (edges[at] - edges[at - 1]) * share


@given(COUNTS, st.floats(0.01, 1.0))
def test_percentiles_are_those_of_prometheus(counts, q):
    cumulative = np.cumsum(counts).astype(float)
    found = percentiles(q, EDGES, cumulative)
    expected = histogram_quantile(q, EDGES.tolist(), cumulative.tolist())
    assert found.value == pytest.approx(expected, nan_ok=True)
    assert found.count == sum(counts)


@given(COUNTS, st.floats(0.01, 1.0))
def test_the_percentile_lies_between_its_edges(counts, q):
    found = percentiles(q, EDGES, np.cumsum(counts).astype(float))
    if sum(counts):
        assert found.low <= found.value <= found.high
    else:
        assert np.isnan([found.value, found.low, found.high]).all()


def test_beyond_the_last_edge_only_a_lower_bound_is_known():
    found = percentiles(0.5, EDGES, np.array([0.0, 0.0, 0.0, 4.0]))
    assert (found.value, found.low, found.high) == (1.0, 1.0, math.inf)


def test_on_an_edge_the_bucket_is_the_one_that_ends_there():
    found = percentiles(0.5, EDGES, np.array([2.0, 2.0, 4.0, 4.0]))
    assert (found.value, found.low, found.high) == (0.1, 0.0, 0.1)


def test_a_bucket_that_ends_below_zero_has_no_beginning():
    found = percentiles(0.5, np.array([-1.0, 1.0, math.inf]), np.array([4.0, 4.0, 4.0]))
    assert (found.value, found.low, found.high) == (-1.0, -1.0, -1.0)


def test_counts_that_do_not_ascend_are_taken_as_if_they_did():
    found = percentiles(0.5, EDGES, np.array([4.0, 2.0, math.nan, 4.0]))
    assert (found.value, found.high, found.count) == (0.05, 0.1, 4.0)


def test_many_histograms_are_read_at_once():
    found = percentiles(0.5, EDGES, np.array([[2.0, 2, 2, 2], [0, 0, 0, 0], [0, 4, 4, 4]]))
    assert found.value == pytest.approx([0.05, math.nan, 0.3], nan_ok=True)
    assert found.count.tolist() == [2.0, 0.0, 4.0]
